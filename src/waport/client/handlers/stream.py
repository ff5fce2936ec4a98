"""The stream's own stanzas: they decide over the connection, not over stored messages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ...stanza.login import parse_failure, parse_stream_error
from ...stanza.query import iq_error, iq_result
from ...store import Database, UnitOfWork
from ...wire import SERVER, Node
from ..dirty import DirtyData
from ..link import Link
from ..linking import Linking
from ..offline import OfflineQueue
from ..policy import UNEXPLAINED, Cause, Close, close_for_failure, close_for_stream_error
from ..queries import Queries

log = logging.getLogger(__name__)

MAX_ROUTING_INFO = 4096
"""Bytes of edge routing info that are kept; real ones have a few dozen."""

MAX_LOGGED = 500


class StreamHandlers:
    """Loop handlers of one client.

    Args:
        on_success: starts the login sequence.
        then: runs something once all that came before is committed and answered.
        dirty: what the server calls dirty.
        keep: keeps what nobody can read, and calls it by its kind.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        linking: Linking,
        offline: OfflineQueue,
        *,
        on_success: Callable[[Link, Node], Awaitable[None]],
        then: Callable[[Callable[[], None]], Awaitable[None]],
        dirty: DirtyData,
        keep: Callable[[Node, str], None],
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._linking = linking
        self._offline = offline
        self._on_success = on_success
        self._then = then
        self._dirty = dirty
        self._keep = keep

    async def success(self, link: Link, node: Node) -> None:
        """`<success>`."""
        self._dirty.begin()
        await self._on_success(link, node)

    async def failure(self, link: Link, node: Node) -> None:
        """`<failure>`: the login is refused."""
        failure = parse_failure(node)
        log.warning("login refused: reason %d", failure.reason)
        link.close(close_for_failure(failure))

    async def stream_error(self, link: Link, node: Node) -> None:
        """`<stream:error>`: the server is about to close."""
        error = parse_stream_error(node)
        if error.unacked is not None and error.conflict is None and not error.code:
            tag, stanza_id = error.unacked
            log.warning("the server misses our ack of a <%s>", tag)
            link.send(Node("ack", {"id": stanza_id, "class": tag, "to": SERVER}))
            return
        if error.malformed:
            log.error("the server could not parse a frame of ours")
        log.info("the server ends the stream: %s", error.raw[:MAX_LOGGED])
        link.close(close_for_stream_error(error))

    async def stream_end(self, link: Link, node: Node) -> None:
        """`<xmlstreamend/>`."""
        link.close(Close(Cause.LOST, "stream ended", suspicion=UNEXPLAINED))

    async def iq(self, link: Link, node: Node) -> None:
        """A question of the server: an offer to link, or a ping."""
        if node.get_jid("from") != SERVER:
            log.warning("ignored an IQ that is not the server's")
            return
        if await self._linking.on_iq(link, node):
            return
        if node.get("xmlns") == "urn:xmpp:ping" or node.find("ping") is not None:
            link.send(iq_result(node))
        elif "id" in node.attrs:
            log.info("refused an unknown question of the server: %s", node.get("xmlns"))
            link.send(iq_error(node, 501, "feature-not-implemented"))

    async def error(self, link: Link, node: Node) -> None:
        """`<error code="479">`: a stanza of ours was invalid."""
        log.error("the server found a stanza of ours invalid: code %s", node.get("code"))

    async def ib(self, link: Link, node: Node) -> None:
        """Information about the stream itself (docs/protocol/transport.md, "ib nodes")."""
        for child in node.children():
            match child.tag:
                case "offline_preview":
                    self._offline.on_preview(link, child)
                case "offline":
                    # In its turn: the receipts of the last stanzas are to be among those collected.
                    await self._then(self._offline.finish)
                    await self._then(self._dirty.live)
                case "edge_routing":
                    await self._keep_routing(child)
                case "dirty":
                    self._dirty.take(child)
                case "downgrade_webclient":
                    log.warning("the phone that scanned the code is too old for linked devices")
                case "client_expiration":
                    log.warning("this client version expires at %s", child.get("t"))
                case "priority_offline_complete" | "thread_metadata":
                    log.debug("ib <%s>", child.tag)
                case other:
                    self._keep(Node("ib", dict(node.attrs), [child]), f"ib {other}")

    async def _keep_routing(self, node: Node) -> None:
        info = node.find("routing_info")
        if info is None or not isinstance(info.content, bytes):
            return
        if not 0 < len(info.content) <= MAX_ROUTING_INFO:
            return
        routing = info.content

        def job(store: UnitOfWork) -> None:
            credentials = store.devices.get()
            if credentials is not None and credentials.routing_info != routing:
                store.devices.save(replace(credentials, routing_info=routing))

        await self._database.write(self._session_id, job)
