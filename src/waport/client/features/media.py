"""Files of one account: from a file, bytes or a URL to a content, and from a message to a file."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ...appstate import MAX_BLOB_SIZE, BlobReference
from ...media import MAC_SIZE, MediaDigest, MediaKind
from ...model import Message
from ...model.contents import LinkPreview
from ...stanza.history import Notice
from ...stanza.history_blob import MAX_DEFLATED
from ...stanza.media import FetchMediaConn, MediaConn
from ...store import Database
from ..clock import SYSTEM_CLOCK, Clock
from ..config import ClientConfig
from ..link_preview import preview
from ..media_contents import NO_OPTIONS, MadeMedia, MediaContents, MediaOptions
from ..media_files import Source, make_folder, scratch
from ..media_hosts import MediaGone, MediaHosts, MediaReference
from ..media_http import MediaHttp
from ..media_inputs import is_generic, shown_mimetype
from ..media_references import file_name_of, media_of, media_reference
from ..media_retries import MediaRetries, RetryFailed
from ..media_transfer import Limits, MediaTransfer
from ..outbound import OutboundClient
from ..queries import Queries
from ..threads import in_thread
from ..uploaded_media import UploadedMedia

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A message's file on disk.

    Attributes:
        path: where it lies for the time being.
        mimetype: as its sender claims, fit to stand in a header; nobody has checked it.
        file_name: of a document, without folders; empty when it has none.
        size: bytes.
    """

    path: Path
    mimetype: str
    file_name: str
    size: int


class Media:
    """Uploads and downloads.

    The media hosts are the server's own and are trusted as far as TLS goes; URLs that people give
    are fetched under the rules of `outbound`.

    Attributes:
        retries: takes the phone's answers, from `handlers.media_retry`.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        config: ClientConfig,
        *,
        clock: Clock = SYSTEM_CLOCK,
        outbound: OutboundClient | None = None,
    ) -> None:
        settings = config.media

        async def ask() -> MediaConn:
            return await queries.run(FetchMediaConn(), again=True)

        self._folder = settings.folder
        self._has_preview = settings.link_preview
        self._transfer = MediaTransfer(
            MediaHosts(ask, clock),
            MediaHttp(tls=config.tls, proxy=config.proxy),
            folder=settings.folder,
            limits=Limits(settings.max_bytes, settings.max_bytes),
            clock=clock,
        )
        self._contents = MediaContents(self._transfer, clock=clock)
        self._outbound = outbound or OutboundClient(
            max_bytes=settings.url_max_bytes,
            allow=settings.outbound_allow,
            timeout_s=settings.url_timeout_s,
        )
        self.retries = MediaRetries(
            database, session_id, queries, timeout_s=settings.retry_timeout_s, clock=clock
        )

    async def close(self) -> None:
        """Close the connections to the media hosts."""
        await self._transfer.close()

    # --- from a file to a content ----------------------------------------------------------------

    async def content(self, source: Source, options: MediaOptions = NO_OPTIONS) -> MadeMedia:
        """Upload a file and make the content that sends it.

        Args:
            source: a path, or bytes.

        Raises:
            InvalidInput, UnusableFile, MediaTooLarge, TransferFailed, QueryError, QueryTimeout,
            ConnectionClosed, StanzaError, OSError: as `MediaContents.make`.
        """
        await in_thread(make_folder, self._folder)
        return await self._contents.make(source, options)

    async def from_url(
        self,
        url: str,
        options: MediaOptions = NO_OPTIONS,
        headers: Mapping[str, str] | None = None,
    ) -> MadeMedia:
        """Fetch a file, upload it and make the content that sends it.

        Args:
            options: what they leave open, the answer tells: mimetype and name.
            headers: more request headers.

        Raises:
            UrlRefused: the URL is malformed, or leads to an address that is not public.
            BodyTooLarge: the file is larger than may be fetched.
            FetchFailed, FetchTimeout: the other server did not give it.
            InvalidInput, UnusableFile, MediaTooLarge, TransferFailed, QueryError, QueryTimeout,
            ConnectionClosed, StanzaError, OSError: as `content`.
        """
        async with scratch(self._folder) as folder:
            path = folder / "file"
            remote = await self._outbound.fetch_to_file(url, path, headers=headers)
            told = None if is_generic(remote.mimetype) else remote.mimetype
            options = replace(
                options,
                mimetype=told if options.mimetype is None else options.mimetype,
                file_name=options.file_name or remote.filename,
            )
            made = await self._contents.make(path, options)
        return replace(made, file_name=options.file_name)

    @contextlib.asynccontextmanager
    async def open_url(self, url: str) -> AsyncIterator[Path]:
        """A file of another server on disk, for as long as the context lasts.

        Raises:
            UrlRefused, OutboundError: it can't be had, or may not be asked for.
            BodyTooLarge: it is larger than files by URL may be.
        """
        async with scratch(self._folder) as folder:
            path = folder / "url"
            await self._outbound.fetch_to_file(url, path)
            yield path

    async def upload_plain(self, source: Source, kind: MediaKind) -> UploadedMedia:
        """Upload a file as it is, of a kind that is never encrypted.

        Raises:
            MediaTooLarge, TransferFailed, QueryError, QueryTimeout, ConnectionClosed, StanzaError,
            OSError: as `MediaTransfer.upload_plain`.
        """
        await in_thread(make_folder, self._folder)
        return await self._transfer.upload_plain(source, kind)

    async def preview(self, text: str) -> LinkPreview | None:
        """The preview of the first link in a text; None when there is none, or none is wanted."""
        return await preview(text, self._outbound) if self._has_preview else None

    # --- from a message to a file ----------------------------------------------------------------

    async def download(self, message: Message, target: Path) -> MediaDigest:
        """Download the file of a message, from whatever place it has now.

        Args:
            target: takes its place only after every check; nothing is left there on failure.

        Raises:
            NoMedia: the message has no file.
            MediaGone: the hosts have forgotten it, and the phone did not upload it again.
            ConnectionClosed: they have, and the phone can't be asked now.
            MediaTooLarge: over the limit.
            TransferFailed: no host could be reached.
            MediaError: a check failed, or the message's account of its file is unusable.
            OSError: the target can't be written.
        """
        return await self._fetch(message, lambda file: self._transfer.download(file, target))

    async def download_bytes(self, message: Message, max_bytes: int) -> bytes:
        """Download a small file into memory.

        Raises:
            NoMedia, MediaGone, ConnectionClosed, MediaTooLarge, TransferFailed, MediaError: as
                `download`.
        """
        return await self._fetch(
            message, lambda file: self._transfer.download_bytes(file, max_bytes)
        )

    async def download_blob(self, blob: BlobReference) -> bytes:
        """Download a file of the app state into memory.

        Raises:
            MediaGone, MediaTooLarge, TransferFailed, MediaError: as `download`.
        """
        await in_thread(make_folder, self._folder)
        # What it says of its length is not reliable.
        reference = MediaReference(
            MediaKind.APP_STATE,
            blob.direct_path,
            media_key=blob.media_key,
            file_sha256=blob.file_sha256,
            file_enc_sha256=blob.file_enc_sha256,
        )
        return await self._transfer.download_bytes(reference, MAX_BLOB_SIZE)

    async def upload_blob(self, data: bytes) -> BlobReference:
        """Upload a file of the app state.

        Raises:
            MediaTooLarge, TransferFailed, QueryError, QueryTimeout, ConnectionClosed, StanzaError,
            OSError: the hosts do not take it.
        """
        await in_thread(make_folder, self._folder)
        made = await self._transfer.upload(data, MediaKind.APP_STATE)
        assert made.media_key is not None  # files of this kind are encrypted
        assert made.file_enc_sha256 is not None
        return BlobReference(
            made.media_key,
            made.direct_path,
            made.file_sha256,
            made.file_enc_sha256,
            made.file_length // 16 * 16 + 16 + MAC_SIZE,
            made.handle or "",
        )

    @contextlib.asynccontextmanager
    async def open_history(self, notice: Notice) -> AsyncIterator[Path]:
        """A piece of history on disk, still deflated, for as long as the context lasts.

        Raises:
            MediaGone, MediaTooLarge, TransferFailed, MediaError, OSError: as `download`.
        """
        reference = MediaReference(
            MediaKind.HISTORY,
            notice.direct_path or None,
            media_key=notice.media_key,
            file_sha256=notice.sha256 or None,
            file_enc_sha256=notice.enc_sha256 or None,
            file_length=notice.length,
        )
        async with scratch(self._folder) as folder:
            path = folder / "history"
            await self._transfer.download(reference, path, MAX_DEFLATED)
            yield path

    @contextlib.asynccontextmanager
    async def open_download(self, message: Message) -> AsyncIterator[DownloadedFile]:
        """A message's file on disk, for as long as the context lasts.

        Raises:
            NoMedia, MediaGone, ConnectionClosed, MediaTooLarge, TransferFailed, MediaError,
            OSError: as `download`.
        """
        content = media_of(message)
        async with scratch(self._folder) as folder:
            path = folder / "file"
            digest = await self.download(message, path)
            yield DownloadedFile(
                path,
                shown_mimetype(content.file.mimetype),
                file_name_of(content),
                digest.file_length,
            )

    async def _fetch(self, message: Message, fetch: Callable[[MediaReference], Awaitable[T]]) -> T:
        """Fetch a file; once more after the phone has uploaded it again."""
        await in_thread(make_folder, self._folder)
        reference = media_reference(media_of(message))
        known = self.retries.known_path(message.key)
        if known is not None:
            reference = replace(reference, direct_path=known)
        try:
            return await fetch(reference)
        except MediaGone as gone:
            # Only encrypted files of known messages come from a phone.
            if reference.media_key is None or not message.key.id:
                raise
            try:
                path = await self.retries.ask(message, reference.media_key)
            except RetryFailed as failure:
                raise MediaGone(gone.status, str(failure)) from failure
        return await fetch(replace(reference, direct_path=path))
