"""Files of incoming messages, fetched by themselves for `media` events.

That a file is wanted is stored with its message, so a restart goes on where this stopped.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from ..client import EventSink
from ..client.features.media import Media
from ..client.media_hosts import MediaTooLarge, TransferFailed
from ..client.media_inputs import shown_mimetype
from ..client.media_references import NoMedia, file_name_of, media_of
from ..errors import (
    ConnectionClosed,
    MediaError,
    QueryError,
    QueryTimeout,
    SessionError,
    StoreError,
    WhatsAppError,
)
from ..events import wanted_file, with_file
from ..model import DomainEvent, MediaFetched, Message, MessageAdded, MessageKind
from ..model.contents import Audio, Document, Image, Sticker
from ..store import WANTED_BY, Database, UnitOfWork, WantedFile
from ..wire import Jid
from .preferences import AUTO_DOWNLOADS

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Files that are fetched at a time, over all sessions."""

TRIES: Final = 3
"""How often a file is tried whose host can't be reached."""

PAUSE_S: Final = 5.0
"""Before another try."""

MAX_KEPT: Final = 64 * 1024**2
"""Characters of files that are kept for whoever delivers them in a moment."""

_WANTED: Final = object()
"""Stands among the frames of a job that has noted a file: it must be committed before anybody
looks for it."""


class Accounts(Protocol):
    """The sessions."""

    def media(self, session_id: str) -> Media:
        """The files of a session.

        Raises:
            SessionError: it is not logged in.
        """
        ...

    async def choices(self, session_id: str) -> Mapping[str, bool]:
        """What was chosen for a session; see `preferences`."""
        ...


class MediaEvents:
    """Stands between the clients and the event sink, and adds `media` events.

    Args:
        sink: takes all events.
        database: where what is wanted is kept.
        max_bytes: larger files are told without their data; None: no files are wanted at all.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        sink: EventSink,
        database: Database,
        max_bytes: int | None,
        *,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._sink = sink
        self._database = database
        self._max_bytes = max_bytes
        self._sleep = sleep
        self._accounts: Accounts | None = None
        self._is_closed = False
        self._room = asyncio.Semaphore(AT_ONCE)
        self._again: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._kept: OrderedDict[tuple[str, Jid, str], str] = OrderedDict()

    def attach(self, accounts: Accounts) -> None:
        """Say where the sessions are; nothing is fetched before."""
        self._accounts = accounts

    # --- between the clients and the sink ------------------------------------------------------

    def record(self, work: UnitOfWork, event: DomainEvent, own: Jid | None) -> Sequence[Any]:
        """Log an event, and note whose file is wanted; on the store's writer thread."""
        frames = self._sink.record(work, event, own)
        if isinstance(event, MessageAdded) and self._wants(event.message):
            key = event.message.key
            work.messages.bump_retry(key.chat, key.id, WANTED_BY)
            return [*frames, _WANTED]
        return frames

    def publish(self, session_id: str, frames: Sequence[Any]) -> None:
        """After the commit, on the event loop."""
        told = [frame for frame in frames if frame is not _WANTED]
        self._sink.publish(session_id, told)
        has_news = len(told) < len(frames) or any(frame.kind == "ready" for frame in told)
        if self._max_bytes is not None and not self._is_closed and has_news:
            self._wake(session_id)

    def _wants(self, message: Message) -> bool:
        if self._max_bytes is None or message.key.from_me or message.kind is not MessageKind.OTHER:
            return False
        try:
            media_of(message)
        except NoMedia:
            return False
        return True

    # --- fetching ------------------------------------------------------------------------------

    def _wake(self, session_id: str) -> None:
        if session_id in self._tasks:
            self._again.add(session_id)
            return
        task = asyncio.create_task(self._run(session_id), name=f"media of {session_id}")
        self._tasks[session_id] = task
        task.add_done_callback(lambda _: self._ended(session_id))

    def _ended(self, session_id: str) -> None:
        del self._tasks[session_id]
        if session_id in self._again:
            self._again.discard(session_id)
            self._wake(session_id)

    async def close(self) -> None:
        """Stop; what is still wanted is fetched after the next start."""
        self._is_closed = True
        self._again.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, session_id: str) -> None:
        try:
            while wanted := await self._database.read(
                session_id, lambda work: work.wanted_files.first(1)
            ):
                async with self._room:
                    await self._try(session_id, wanted[0])
        except (SessionError, ConnectionClosed, StoreError) as exc:
            # It goes on when the session is ready again.
            log.debug("files of session %s wait: %s", session_id, exc)

    async def _try(self, session_id: str, wanted: WantedFile) -> None:
        try:
            await self._tell(session_id, wanted)
        except (SessionError, ConnectionClosed, StoreError):
            raise
        except Exception:  # one bad file must not hold up those behind it
            log.exception("the file of a message is not told of")
            await self._database.write(session_id, lambda work: work.wanted_files.done(wanted))

    async def _tell(self, session_id: str, wanted: WantedFile) -> None:
        """Fetch one file and tell of it.

        Raises:
            SessionError, ConnectionClosed, StoreError: not now.
        """
        event = await self._fetched(session_id, wanted)

        def job(work: UnitOfWork) -> Sequence[Any]:
            credentials = work.devices.get()
            work.wanted_files.done(wanted)
            if event is None or credentials is None or credentials.pn is None:
                return ()
            return self._sink.record(work, event, credentials.pn.bare)

        frames = await self._database.write(session_id, job)
        if event is not None and event.data is not None:
            self._keep((session_id, wanted.chat, wanted.id), event.data)
        self._sink.publish(session_id, frames)

    async def _fetched(self, session_id: str, wanted: WantedFile) -> MediaFetched | None:
        """The event to tell; None when the message is gone or nobody wants files of its kind."""
        message = await self._message(session_id, wanted.chat, wanted.id)
        try:
            content = None if message is None else media_of(message)
        except NoMedia:
            content = None
        if message is None or content is None or not await self._is_chosen(session_id, content):
            return None
        size, data = content.file.length or None, None
        if self._max_bytes is not None and (size is None or size <= self._max_bytes):
            size, data = await self._download(session_id, message)
        mimetype = shown_mimetype(content.file.mimetype)
        return MediaFetched(message, mimetype, file_name_of(content), size, data)

    async def _message(self, session_id: str, chat: Jid, message_id: str) -> Message | None:
        return await self._database.read(
            session_id, lambda work: work.messages.get(chat, message_id)
        )

    async def _is_chosen(self, session_id: str, content: object) -> bool:
        match content:
            case Audio():
                kind = "audio"
            case Document():
                kind = "document"
            case Image() | Sticker():
                kind = "image"
            case _:
                kind = "video"
        if self._accounts is None:
            return False
        choices = await self._accounts.choices(session_id)
        return choices.get(AUTO_DOWNLOADS[kind], True)

    async def _download(self, session_id: str, message: Message) -> tuple[int | None, str | None]:
        """Size and base64 of a file; None where it can't be had."""
        tries = 0
        while self._max_bytes is not None and self._accounts is not None and not self._is_closed:
            media = self._accounts.media(session_id)
            try:
                data = await media.download_bytes(message, self._max_bytes)
            except MediaTooLarge:
                return None, None
            except (TransferFailed, QueryTimeout, QueryError) as exc:
                tries += 1
                if tries >= TRIES:
                    log.warning("the file of a message was not fetched: %s", exc)
                    return None, None
                await self._sleep(PAUSE_S)
            except MediaError as exc:
                log.warning("the file of a message can't be had: %s", exc)
                return None, None
            else:
                text = await asyncio.to_thread(base64.b64encode, data)
                return len(data), text.decode("ascii")
        raise SessionError(session_id, "stopping")

    # --- for those who deliver -----------------------------------------------------------------

    async def complete(self, session_id: str, kind: str, logged: str) -> str:
        """A logged event as it has to go out: a `media` event with its file.

        A file that can't be had any more is left out.

        Raises:
            SessionError, ConnectionClosed: it can't be had now, since the account is not connected.
        """
        if kind != "media" or self._max_bytes is None:
            return logged
        wanted = wanted_file(logged, self._max_bytes)
        if wanted is None:
            return logged
        data = self._kept.get((session_id, *wanted))
        if data is None:
            data = await self._once_more(session_id, *wanted)
        return logged if data is None else with_file(logged, data)

    async def _once_more(self, session_id: str, chat: Jid, message_id: str) -> str | None:
        try:
            async with self._room:
                message = await self._message(session_id, chat, message_id)
                return None if message is None else (await self._download(session_id, message))[1]
        except (SessionError, ConnectionClosed):
            raise
        except WhatsAppError as exc:
            log.warning("a media event goes out without its file: %s", exc)
            return None

    def _keep(self, name: tuple[str, Jid, str], data: str) -> None:
        self._kept[name] = data
        while sum(map(len, self._kept.values())) > MAX_KEPT:
            self._kept.popitem(last=False)
