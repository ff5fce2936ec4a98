"""Upload and download of media files, encrypted and plain, in constant memory.

Source: docs/protocol/messages.md, "Media upload" and "Media download".
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ..crypto import RandomBytes
from ..errors import MediaError
from ..media import MEDIA_KEY_SIZE, MediaDigest, MediaKind, MediaVerifier
from ..stanza.media import MediaConn
from .clock import SYSTEM_CLOCK, Clock
from .media_files import (
    ReadableFile,
    Source,
    WritableFile,
    copy_plain,
    hash_source,
    open_source,
    replacing,
    seal,
    temporary,
    unseal,
)
from .media_hosts import (
    MediaGone,
    MediaHosts,
    MediaReference,
    MediaTooLarge,
    TransferFailed,
    download_urls,
    upload_url,
)
from .media_http import HostFailed, HostRefused, MediaHttp, UploadAnswer
from .threads import in_thread, stoppable
from .uploaded_media import UploadedMedia

log = logging.getLogger(__name__)

RESUME_FROM = 5 * 1024 * 1024
"""Files of this size are asked about first: the host may hold a part of them, or all."""

ROUNDS = 3
"""How often an upload goes through the hosts while they fail for reasons that pass."""

TRIES = 5
"""Requests for one download."""

_OVERHEAD = 32
"""Bytes that encryption adds at most: padding and MAC."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of the largest file each way."""

    upload: int = 2 * 1024**3
    download: int = 2 * 1024**3


class MediaTransfer:
    """Carries media files of one account.

    Args:
        hosts: where to.
        http: how.
        folder: for temporary files; None means the system's. It should not lie in memory.
        limits: the largest files.
        clock: the time between tries.
        random_bytes: makes media keys.
    """

    def __init__(
        self,
        hosts: MediaHosts,
        http: MediaHttp,
        *,
        folder: Path | None = None,
        limits: Limits | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._hosts = hosts
        self._http = http
        self._folder = folder
        self._limits = limits or Limits()
        self._clock = clock
        self._random_bytes = random_bytes

    async def close(self) -> None:
        """Close the connections to the hosts."""
        await self._http.close()

    # --- upload ----------------------------------------------------------------------------------

    async def upload(
        self, source: Source, kind: MediaKind, *, with_sidecar: bool = False
    ) -> UploadedMedia:
        """Encrypt a file under a fresh key and upload it.

        Args:
            with_sidecar: compute what lets players start before the end (video and audio only).

        Raises:
            MediaTooLarge: over the limit.
            TransferFailed: no host took it.
            MediaError: files of this kind are not encrypted.
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the hosts are not known.
            OSError: the source can't be read.
        """
        media_key = self._random_bytes(MEDIA_KEY_SIZE)
        limit = self._limits.upload
        async with temporary(self._folder) as body:
            sealed = await stoppable(
                lambda check: seal(
                    source,
                    body,
                    media_key,
                    kind,
                    limit=limit,
                    with_sidecar=with_sidecar,
                    check=check,
                )
            )
            digest = sealed.digest
            answer = await self._send(
                kind, kind.upload_path, body, sealed.size, digest.file_enc_sha256
            )
        return UploadedMedia(
            answer.url,
            answer.direct_path,
            media_key,
            digest.file_sha256,
            digest.file_enc_sha256,
            digest.file_length,
            sealed.sidecar,
            answer.handle,
            answer.object_id,
        )

    async def upload_plain(self, source: Source, kind: MediaKind) -> UploadedMedia:
        """Upload a file as it is: for a newsletter, or of a kind that is never encrypted.

        Raises:
            MediaTooLarge, TransferFailed, QueryError, QueryTimeout, ConnectionClosed, StanzaError,
            OSError: as `upload`.
        """
        folder = kind.newsletter_path if kind.is_encrypted else kind.upload_path
        limit = self._limits.upload
        with await in_thread(open_source, source) as body:
            digest = await stoppable(lambda check: hash_source(body, limit=limit, check=check))
            answer = await self._send(kind, folder, body, digest.file_length, digest.file_sha256)
        return UploadedMedia(
            answer.url,
            answer.direct_path,
            None,
            digest.file_sha256,
            None,
            digest.file_length,
            None,
            answer.handle,
            answer.object_id,
            answer.ticket,
        )

    async def _send(
        self, kind: MediaKind, folder: str, body: ReadableFile, size: int, file_hash: bytes
    ) -> UploadAnswer:
        """Offer a file to one host after another."""
        conn = await self._hosts.current()
        try:
            return await self._offer(conn, kind, folder, body, size, file_hash)
        except HostRefused as refusal:
            log.info("the media hosts answered %s; asking for them anew", refusal.status)
        conn = await self._hosts.renew(conn)
        try:
            return await self._offer(conn, kind, folder, body, size, file_hash)
        except HostRefused as refusal:
            raise TransferFailed("the upload was refused", refusal.status) from refusal

    async def _offer(
        self,
        conn: MediaConn,
        kind: MediaKind,
        folder: str,
        body: ReadableFile,
        size: int,
        file_hash: bytes,
    ) -> UploadAnswer:
        hosts = [host for host in conn.hosts if host.takes(kind)]
        status: int | None = None
        for turn in range(ROUNDS):
            if turn:
                await self._clock.sleep(_pause_s(turn))
            may_pass = False
            for host in hosts:
                url = upload_url(host, folder, conn.auth, file_hash)
                try:
                    return await self._post(url, body, size)
                except HostFailed as failure:
                    status = failure.status
                    may_pass = may_pass or not failure.is_lasting
                    log.info("%s did not take a file: %s", host.hostname, status or "no answer")
            if not may_pass:
                break
        raise TransferFailed("no media host took the file", status)

    async def _post(self, url: str, body: ReadableFile, size: int) -> UploadAnswer:
        held = 0
        if size >= RESUME_FROM:
            try:
                answer = await self._http.probe(url)
            except HostFailed as failure:
                if not failure.is_lasting:
                    raise
                answer = 0  # it does not know of such questions
            if isinstance(answer, UploadAnswer):
                return answer
            held = answer if answer <= size else 0
        return await self._http.upload(url, body, size, held)

    # --- download --------------------------------------------------------------------------------

    async def download(
        self, reference: MediaReference, target: Path, max_bytes: int | None = None
    ) -> MediaDigest:
        """Download a file, check it, decrypt it.

        Args:
            target: takes its place only after every check; nothing is left there on failure.
            max_bytes: the limit for a file that is no message's; None for the usual one.

        Raises:
            MediaGone: the servers don't know it any more; the phone may upload it again.
            MediaTooLarge: over the limit.
            TransferFailed: no host could be reached.
            MediaError: a check failed, the message names which; or the reference is unusable.
            OSError: the target can't be written.
        """
        async with replacing(target) as file:
            limit = self._limits.download if max_bytes is None else max_bytes
            return await self._download(reference, limit, file)

    async def download_bytes(self, reference: MediaReference, max_bytes: int) -> bytes:
        """Download a small file into memory.

        Raises:
            MediaGone, MediaTooLarge, TransferFailed, MediaError: as `download`.
        """
        plaintext = io.BytesIO()
        await self._download(reference, min(max_bytes, self._limits.download), plaintext)
        return plaintext.getvalue()

    async def _download(
        self, reference: MediaReference, limit: int, target: WritableFile
    ) -> MediaDigest:
        if reference.file_length is not None and reference.file_length > limit:
            raise MediaTooLarge(limit)
        conn = await self._hosts.for_download()
        try:
            return await self._ask_for(conn, reference, limit, target)
        except HostRefused as refusal:
            log.info("the media hosts answered %s; asking for them anew", refusal.status)
        conn = await self._hosts.for_download(conn)
        try:
            return await self._ask_for(conn, reference, limit, target)
        except HostRefused as refusal:
            raise MediaGone(refusal.status) from refusal

    async def _ask_for(
        self, conn: MediaConn, reference: MediaReference, limit: int, target: WritableFile
    ) -> MediaDigest:
        """Try the hosts in turn; a file that fails a check is asked of one other host."""
        urls = download_urls(reference, conn)
        corrupt: MediaError | None = None
        status: int | None = None
        for number in range(TRIES):
            turn, place = divmod(number, len(urls))
            if place == 0 and turn:
                if corrupt is not None:
                    raise corrupt
                await self._clock.sleep(_pause_s(turn))
            try:
                return await self._receive(urls[place], reference, limit, target)
            except HostFailed as failure:
                status = failure.status
                log.info("a media host did not give a file: %s", status or "no answer")
            except (MediaTooLarge, MediaGone):
                raise
            except MediaError as exc:
                if corrupt is not None:
                    raise
                corrupt = exc
                log.info("a media file failed a check: %s", exc)
        if corrupt is not None:
            raise corrupt
        raise TransferFailed("no media host gave the file", status)

    async def _receive(
        self, url: str, reference: MediaReference, limit: int, target: WritableFile
    ) -> MediaDigest:
        """One try: receive, verify, and only then write plaintext into the target."""
        await in_thread(_empty, target)
        async with temporary(self._folder) as received:
            if reference.media_key is None:
                digest = await self._receive_plain(url, reference, limit, received, target)
            else:
                verifier = MediaVerifier(
                    reference.media_key, reference.kind, reference.file_enc_sha256
                )

                def keep(piece: bytes) -> None:
                    received.write(piece)
                    verifier.update(piece)

                await self._http.download(
                    url, limit + _OVERHEAD, lambda piece: in_thread(keep, piece)
                )
                decryptor = verifier.finish()
                digest = await stoppable(
                    lambda check: unseal(
                        received,
                        target,
                        decryptor,
                        reference.file_sha256,
                        reference.file_length,
                        check,
                    )
                )
        if reference.file_length not in (None, digest.file_length):
            log.info("a media file is %d bytes long, not as claimed", digest.file_length)
        return digest

    async def _receive_plain(
        self,
        url: str,
        reference: MediaReference,
        limit: int,
        received: WritableFile,
        target: WritableFile,
    ) -> MediaDigest:
        hashed = hashlib.sha256()
        size = 0

        def keep(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            received.write(piece)
            hashed.update(piece)

        await self._http.download(url, limit, lambda piece: in_thread(keep, piece))
        digest = MediaDigest(hashed.digest(), b"", size)
        return await stoppable(
            lambda check: copy_plain(
                received, target, digest, reference.file_sha256, reference.file_length, check
            )
        )


def _empty(file: WritableFile) -> None:
    file.seek(0)
    file.truncate(0)


def _pause_s(turn: int) -> float:
    """Seconds before the hosts are tried once more."""
    return float(2 ** (turn - 1))
