"""The part of the admin API that orders trouble.

Shapes: docs/emulator.md, "Faults".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import InvalidInput
from ..wire import AttrValue, Jid, Node
from .admin_requests import (
    Handler,
    Refused,
    body_of,
    delay_of,
    flag_of,
    guarded,
    number_of,
    optional_text,
    text_of,
)
from .admin_server import AdminServer, account_of, chat_of
from .troubles import DEEDS, AckFault, QueryFault, StanzaFault, Target

_MAX_COUNT = 1_000_000
_MAX_CODE = 9_999
_MAX_TIMES = 10_000
_MAX_DEVICES = 255
_MAX_DEPTH = 32
_CONNECTED = "device"


def fault_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin/faults`."""
    api = _Faults(server)
    table: list[tuple[str, Handler]] = [
        ("acks", api.acks),
        ("stanzas", api.stanzas),
        ("queries", api.queries),
        ("cut-off", api.cut_off),
        ("end-stream", api.end_stream),
        ("refuse-login", api.refuse_login),
        ("pre-keys", api.pre_keys),
        ("dirty", api.dirty),
        ("send", api.send),
        ("devices", api.devices),
        ("clear", api.clear),
    ]
    return [
        Route(f"/admin/faults/{name}", guarded(handler), methods=["POST"])
        for name, handler in table
    ]


class _Faults:
    def __init__(self, server: AdminServer) -> None:
        self._server = server

    # --- single stanzas --------------------------------------------------------------------------

    async def acks(self, request: Request) -> Response:
        body = await body_of(request)
        attrs = body.get("attrs") or {}
        if not isinstance(attrs, dict) or not all(isinstance(v, str) for v in attrs.values()):
            raise Refused(400, "attrs is no object of texts")
        phash = optional_text(body, "phash")
        fault = AckFault(
            self._target(body),
            self._chats(body, "to"),
            _count(body),
            number_of(body, "error", default=0, least=0, most=_MAX_CODE) or None,
            {**attrs, **({} if phash is None else {"phash": phash})},
            flag_of(body, "lost"),
            delay_of(body.get("delay_s", 0)),
            number_of(body, "repeats", default=0, least=0, most=_MAX_TIMES),
            flag_of(body, "peer"),
        )
        self._server.faults.disturb_acks(fault)
        return JSONResponse({"ordered": fault.count})

    async def stanzas(self, request: Request) -> Response:
        body = await body_of(request)
        deed = text_of(body, "do")
        if deed not in DEEDS:
            raise Refused(400, f"do is none of {', '.join(sorted(DEEDS))}")
        fault = StanzaFault(
            self._target(body),
            deed,
            self._chats(body, "from"),
            optional_text(body, "tag") or "message",
            _count(body),
            number_of(body, "times", default=1, least=1, most=_MAX_TIMES),
            text_of(body, "type") if "type" in body and body["type"] is not None else None,
            flag_of(body, "peer"),
        )
        if "type" not in body:
            fault.type = "view_once"
        self._server.faults.disturb_stanzas(fault)
        return JSONResponse({"ordered": fault.count})

    async def queries(self, request: Request) -> Response:
        body = await body_of(request)
        fault = QueryFault(
            self._target(body),
            text_of(body, "xmlns"),
            _count(body),
            number_of(body, "code", default=0, least=0, most=_MAX_CODE) or None,
            number_of(body, "backoff", default=0, least=0, most=_MAX_COUNT) or None,
            flag_of(body, "lost"),
            delay_of(body.get("delay_s", 0)),
            flag_of(body, "twice"),
            flag_of(body, "wrong_id"),
        )
        self._server.faults.disturb_queries(fault)
        return JSONResponse({"ordered": fault.count})

    # --- connections -----------------------------------------------------------------------------

    async def cut_off(self, request: Request) -> Response:
        self._server.faults.cut_off(self._device(await body_of(request)))
        return JSONResponse({})

    async def end_stream(self, request: Request) -> Response:
        body = await body_of(request)
        code = number_of(body, "code", default=0, least=0, most=_MAX_CODE)
        children = [node_of(item) for item in _list(body.get("children"))]
        self._server.faults.end_stream(self._device(body), code or None, *children)
        return JSONResponse({})

    async def refuse_login(self, request: Request) -> Response:
        body = await body_of(request)
        reason = number_of(body, "reason", default=0, least=1, most=_MAX_CODE)
        self._server.faults.refuse_next_login(self._device(body), reason)
        return JSONResponse({})

    async def send(self, request: Request) -> Response:
        body = await body_of(request)
        device, node = self._device(body), node_of(body.get("node"))
        if flag_of(body, "queue"):
            self._server.faults.post(device, node)
        else:
            self._server.faults.send(device, node)
        return JSONResponse({})

    # --- what the server keeps -------------------------------------------------------------------

    async def pre_keys(self, request: Request) -> Response:
        body = await body_of(request)
        lost = self._server.faults.lose_pre_keys(
            self._device(body, least=0), notify=flag_of(body, "notify")
        )
        return JSONResponse({"lost": lost})

    async def dirty(self, request: Request) -> Response:
        body = await body_of(request)
        account = account_of(self._server, text_of(body, "account"))
        self._server.faults.mark_dirty(account, text_of(body, "type"))
        return JSONResponse({})

    async def devices(self, request: Request) -> Response:
        """Add or remove a companion in the middle of the next send."""
        body = await body_of(request)
        during, change = self._target(body), text_of(body, "do")
        account = account_of(self._server, text_of(body, "of"))
        phone = self._server.phone_of(account)
        faults = self._server.faults
        if change == "add":

            def happen() -> None:
                faults.add_companion(account, phone)
        elif change == "remove":
            number = number_of(body, "number", default=0, least=1, most=_MAX_DEVICES)
            if number not in account.devices:
                raise Refused(404, "no such companion")

            def happen() -> None:
                faults.remove_companion(account, number)
        else:
            raise Refused(400, "do is neither add nor remove")
        faults.before_message(during, happen)
        return JSONResponse({"ordered": 1})

    async def clear(self, request: Request) -> Response:
        self._server.faults.clear()
        return JSONResponse({})

    # --- who is meant ----------------------------------------------------------------------------

    def _target(self, body: Mapping[str, object]) -> Target:
        account = account_of(self._server, text_of(body, "account"))
        if body.get(_CONNECTED) is None:
            return Target(account.number)
        number = number_of(body, _CONNECTED, default=0, least=0, most=_MAX_DEVICES)
        return Target(account.number, number)

    def _device(self, body: Mapping[str, object], least: int = 1) -> Jid:
        """A device by `account` and `device`; the only companion when there is no `device`."""
        account = account_of(self._server, text_of(body, "account"))
        companions = [device.id for device in account.companions()]
        if body.get(_CONNECTED) is None and len(companions) == 1:
            return account.jid.with_device(companions[0])
        number = number_of(body, _CONNECTED, default=-1, least=least, most=_MAX_DEVICES)
        return account.jid.with_device(number)

    def _chats(self, body: Mapping[str, object], name: str) -> frozenset[Jid]:
        text = optional_text(body, name)
        if text is None:
            return frozenset()
        return self._server.faults.addresses(chat_of(self._server, text))


def node_of(value: object, depth: int = 0) -> Node:
    """A stanza in JSON: `tag`, `attrs`, and as `content` a list of such, a text, or `{"base64"}`.

    An attribute that reads like a JID of a known kind is one.

    Raises:
        Refused: it is none.
    """
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        raise Refused(400, "node is no JSON object, or too deep")
    tag, attrs, content = text_of(value, "tag"), value.get("attrs") or {}, value.get("content")
    if not isinstance(attrs, dict) or not all(isinstance(v, str) for v in attrs.values()):
        raise Refused(400, "attrs is no object of texts")
    read = {str(name): _attribute(text) for name, text in attrs.items()}
    if isinstance(content, list):
        return Node(tag, read, [node_of(item, depth + 1) for item in content])
    if isinstance(content, dict):
        try:
            data = base64.b64decode(text_of(content, "base64", 1 << 20), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise Refused(400, "content is no base64") from exc
        return Node(tag, read, data)
    if content is not None and not isinstance(content, str):
        raise Refused(400, "content is neither list, text nor base64")
    return Node(tag, read, None if content is None else content.encode())


def _attribute(text: str) -> AttrValue:
    try:
        jid = Jid.parse(text)
    except InvalidInput:
        return text
    is_known = jid.is_user or jid.is_group or jid.is_broadcast or jid.is_newsletter
    return jid if is_known or (jid.is_server and "." in text) else text


def _count(body: Mapping[str, object]) -> int:
    return number_of(body, "count", default=1, least=1, most=_MAX_COUNT)


def _list(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(400, "children is no list")
    return list(value)
