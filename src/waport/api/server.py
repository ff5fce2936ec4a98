"""The whole server in one process: database, sessions, event delivery, HTTP; and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from ..client import WHATSAPP_URL, WHATSAPP_WEB, ClientConfig, VersionSource
from ..client.addresses import AllowList
from ..client.config import MediaConfig
from ..client.media_files import clear_scratch
from ..config import Settings
from ..errors import InvalidInput, StoreError
from ..events import (
    EventBus,
    EventFeed,
    EventHub,
    EventRecorder,
    WebhookBook,
    WebhookSender,
    WebhookWorker,
)
from ..noise import WHATSAPP_ROOT_KEY
from ..pairing import ClientVersion
from ..sessions import MediaEvents, SessionFolders, SessionManager
from ..store import Database
from .app import create_app
from .health import StoreHealth
from .http_server import HttpServer
from .kept_answers import StoredAnswers
from .keys import KeyRing
from .log_age import LogAge
from .owned_task import OwnedTask
from .routes import Operation
from .webhook_guard import webhook_guard
from .webhook_service import WebhookService

log = logging.getLogger(__name__)

PRUNE_INTERVAL_S = 3600.0

WEBHOOK_DRAIN_S = 10.0
"""How long deliveries in flight may take at the end; what is left is delivered after the start."""

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "silent": logging.CRITICAL + 10,
}


class Server(HttpServer):
    """The HTTP server; the signals are its owner's, who has more to close than a port."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers alone."""
        yield


def configure_logging(level: str) -> None:
    """Log to standard error, a line for each record."""
    logging.basicConfig(
        level=_LEVELS[level],
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Their chatter at INFO would show URLs with keys, or say nothing of use.
    for name in ("httpx", "httpcore", "websockets", "alembic", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(_LEVELS[level], logging.WARNING))
    # A form that is none is its sender's mistake, and the answer says so.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


async def serve(
    settings: Settings,
    *,
    pages: Sequence[Operation] = (),
    on_listening: Callable[[str], None] | None = None,
) -> int:
    """Run the server until SIGTERM or SIGINT; returns the exit code.

    Args:
        pages: for people, served beside the API.
        on_listening: called with the base URL once requests are answered.

    Raises:
        InvalidInput: a setting can't be used.
        StoreError: the database can't be opened.
    """
    configure_logging(settings.log_level)
    for notice in settings.notices():
        log.warning("%s", notice)
    database = await Database.open(settings.store_url, secrets=settings.secrets)
    try:
        return await _serve(settings, database, pages, on_listening)
    finally:
        await database.close()


async def _serve(
    settings: Settings,
    database: Database,
    pages: Sequence[Operation],
    on_listening: Callable[[str], None] | None,
) -> int:
    bus, feed = EventBus(), EventFeed(database)
    hub = EventHub(feed=feed)
    bus.subscribe(hub.publish)
    bus.subscribe(feed.on_events)
    config = client_config(settings)
    book = WebhookBook(database, settings.webhook_url)
    await book.load()
    guard = webhook_guard(config.media.outbound_allow)
    await asyncio.to_thread(clear_scratch, settings.media_folder)
    has_media = "media" not in settings.disabled_callbacks
    media = MediaEvents(
        EventRecorder(settings, bus, book.wanting),
        database,
        settings.max_attachment_size if has_media else None,
    )
    manager = SessionManager(
        database,
        config,
        media,
        VersionSource(
            config.web_url,
            cache=settings.sessions_path / ".client-version.json",
            pinned=config.version,
            tls=config.tls,
            proxy=config.proxy,
        ),
        SessionFolders(settings.sessions_path),
    )
    media.attach(manager)
    keys = KeyRing(settings.api_key, database)
    await keys.load()
    answers = StoredAnswers(database)
    health = StoreHealth(database.ping)
    owned: list[OwnedTask] = []
    app = create_app(
        settings,
        manager,
        hub,
        keys=keys,
        answers=answers,
        pages=pages,
        webhooks=WebhookService(book, database, guard, lambda: book.on_change()),
        is_ready=lambda: (
            not server.should_exit and health.is_well and all(task.is_running for task in owned)
        ),
    )
    server = Server(settings, app, hub)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_exit, server)
    async with WebhookSender(
        settings.webhook_secret,
        settings.webhook_api_key,
        receiver_of=book.receiver_of,
        guard=guard,
        complete=media.complete,
    ) as sender:
        worker = WebhookWorker(
            database,
            sender,
            book.url_of,
            max_age_s=settings.webhook_max_age_hours * 3600,
            queues_of=book.queues_of,
            on_gone=book.on_gone,
        )
        book.on_change = worker.look_again
        bus.subscribe(worker.on_events)
        webhooks = OwnedTask("webhooks", worker.run)
        owned += [
            webhooks,
            OwnedTask("prune", lambda: _prune(settings, database, worker, answers)),
            OwnedTask("database probe", health.run),
        ]
        tasks = [
            *(asyncio.create_task(task.run()) for task in owned),
            asyncio.create_task(_announce(server, on_listening), name="announce"),
        ]
        try:
            if settings.auto_start_sessions:
                await manager.restore()
            await server.serve()
        finally:
            await media.close()
            await manager.close()
            webhooks.let_end()
            worker.stop()
            await asyncio.wait(tasks[:1], timeout=WEBHOOK_DRAIN_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
    return 0 if server.started else 1


def _ask_to_exit(server: Server) -> None:
    server.should_exit = True


async def _announce(server: Server, on_listening: Callable[[str], None] | None) -> None:
    """Say where the server listens, once it does."""
    while not server.started:
        if server.should_exit:
            return
        await asyncio.sleep(0.01)
    for listener in server.servers:
        for socket in listener.sockets:
            host, port = socket.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            url = f"http://{shown}:{port}"
            log.info("listening on %s", url)
            if on_listening is not None:
                on_listening(url)


async def _prune(
    settings: Settings, database: Database, worker: WebhookWorker, answers: StoredAnswers
) -> None:
    """Forget old events, delivered or given up, and old answers, so that nothing grows for ever."""
    age = LogAge(settings.event_retention_hours * 3600)
    while True:
        try:
            await worker.give_up_old()
            await database.prune(
                age.before_ms(), settings.event_log_max_events, settings.event_log_max_bytes
            )
            await answers.prune(time.time_ns() // 1_000_000)
        except StoreError as exc:
            log.error("old events and answers were not removed: %s", exc)
        await asyncio.sleep(PRUNE_INTERVAL_S)


def client_config(settings: Settings) -> ClientConfig:
    """What every client is told of the settings.

    Raises:
        InvalidInput: the CA file or an entry of OUTBOUND_ALLOW can't be used.
    """
    url = settings.wa_websocket_url or WHATSAPP_URL
    version = settings.web_version
    return ClientConfig(
        websocket_url=url,
        web_url=settings.wa_web_url or _site_of(settings.wa_websocket_url),
        noise_root_key=settings.wa_noise_root_key or WHATSAPP_ROOT_KEY,
        tls=_tls(settings),
        proxy=_proxy(settings),
        version=ClientVersion(*version) if version is not None else None,
        send_ack_timeout_s=settings.send_ack_timeout_s,
        backoff_base_s=settings.reconnect_interval_ms / 1000,
        retries_before_lost=settings.max_reconnect_retries,
        mark_seen=settings.set_messages_as_seen,
        media=_media_config(settings),
    )


def _media_config(settings: Settings) -> MediaConfig:
    try:
        allow = AllowList.parse(settings.outbound_allow)
    except InvalidInput as exc:
        raise InvalidInput(f"OUTBOUND_ALLOW: {exc}") from exc
    return MediaConfig(
        folder=settings.media_folder,
        max_bytes=settings.media_max_bytes,
        url_max_bytes=settings.url_media_max_bytes,
        retry_timeout_s=settings.media_retry_timeout_s,
        link_preview=settings.link_preview,
        outbound_allow=allow,
    )


def _site_of(websocket_url: str | None) -> str:
    """The web page that belongs to another endpoint; WhatsApp's own without one."""
    if websocket_url is None:
        return WHATSAPP_WEB
    parts = urlsplit(websocket_url)
    scheme = "https" if parts.scheme == "wss" else "http"
    return urlunsplit((scheme, parts.netloc, "", "", ""))


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.wa_ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(settings.wa_ca_file))
    except (OSError, ssl.SSLError) as exc:
        raise InvalidInput("WA_CA_FILE: no certificates in that file") from exc


def _proxy(settings: Settings) -> str | None:
    """The proxy's URL with the separate user and password in it."""
    url = settings.proxy_url
    if url is None or settings.proxy_username is None:
        return url
    parts = urlsplit(url)
    user = quote(settings.proxy_username, safe="")
    password = quote(settings.proxy_password or "", safe="")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))
