"""The admin API of the emulator: what a test does by hand, or on a phone.

Every error is a 4xx with `{"error": "<text>"}`. Shapes: docs/emulator.md.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import InvalidInput, NotFound, QueryError, QueryTimeout, WhatsAppError
from ..wire import Jid
from .accounts import Account
from .phone import Phone
from .phone_pairing import parse_qr

MAX_BODY = 1 << 20
"""Bytes; no call of today needs more."""

_MAX_TEXT = 65_536
_MAX_ID = 128


class AccountBook(Protocol):
    """The accounts that the server knows."""

    def __iter__(self) -> Iterator[Account]:
        """All of them."""
        ...

    def find(self, text: str) -> Account | None:
        """By phone number, PN JID or LID."""
        ...


class AdminServer(Protocol):
    """What this API needs from the server."""

    @property
    def directory(self) -> AccountBook:
        """The accounts."""
        ...

    def info(self) -> Mapping[str, object]:
        """The JSON line that the emulator prints when it is ready."""
        ...

    async def create_account(self, phone: str | None, name: str | None) -> Account:
        """Make an account and its phone; InvalidInput when the number is no good."""
        ...

    def phone_of(self, account: Account) -> Phone:
        """The account's phone."""
        ...

    async def account_for_ref(self, ref: str) -> Account:
        """Whose phone is to scan the QR with this reference; NotFound when nobody waits with it."""
        ...

    async def unlink(self, account: Account, device: int | None) -> list[int]:
        """Remove a companion, or all of them; the numbers of those removed."""
        ...

    def arrivals(self, message_id: str | None) -> Iterable[Mapping[str, object]]:
        """The message stanzas that came in, before de-duplication."""
        ...


class _Refused(Exception):
    """This request is answered by an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


_Handler = Callable[[Request], Awaitable[Response]]


def admin_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin`."""
    api = _Admin(server)
    table: list[tuple[str, str, _Handler]] = [
        ("GET", "/info", api.info),
        ("GET", "/root-key", api.root_key),
        ("POST", "/accounts", api.create_account),
        ("GET", "/accounts", api.list_accounts),
        ("POST", "/mock-phone/scan-qr", api.scan_qr),
        ("POST", "/mock-phone/enter-code", api.enter_code),
        ("POST", "/accounts/{jid}/send", api.send),
        ("GET", "/accounts/{jid}/messages", api.messages),
        ("POST", "/accounts/{jid}/read", api.read),
        ("POST", "/accounts/{jid}/unlink", api.unlink),
        ("GET", "/arrivals", api.arrivals),
    ]
    return [
        Route(f"/admin{path}", _guarded(handler), methods=[method])
        for method, path, handler in table
    ]


def _guarded(handler: _Handler) -> _Handler:
    """Turn what a handler raises into the API's error shape."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except _Refused as exc:
            return _error(exc.status, exc.text)
        except InvalidInput as exc:
            return _error(400, str(exc))
        except NotFound as exc:
            return _error(404, exc.text or "not found")
        except QueryTimeout as exc:
            return _error(408, str(exc))
        except QueryError as exc:
            return _error(409, f"refused by the server: {exc}")
        except WhatsAppError as exc:
            return _error(409, str(exc))

    return guarded


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


async def refuse_path(request: Request, exc: Exception) -> Response:
    """Answer a request for a path or method that does not exist, in the API's error shape."""
    assert isinstance(exc, HTTPException)  # registered for nothing else
    text = f"there is no {request.method} {request.url.path}"
    return JSONResponse({"error": text}, exc.status_code, exc.headers)


class _Admin:
    """The handlers; each reads its request, asks the server or a phone, and shapes the answer."""

    def __init__(self, server: AdminServer) -> None:
        self._server = server

    async def info(self, request: Request) -> Response:
        return JSONResponse(dict(self._server.info()))

    async def root_key(self, request: Request) -> Response:
        return JSONResponse({"root_key": self._server.info()["noise_root_key"]})

    async def create_account(self, request: Request) -> Response:
        body = await _body(request)
        phone, name = _optional_text(body, "phone"), _optional_text(body, "name")
        if phone is not None and self._server.directory.find(phone) is not None:
            raise _Refused(409, "there is an account with that phone number")
        account = await self._server.create_account(phone, name)
        return JSONResponse(_account(account), status_code=201)

    async def list_accounts(self, request: Request) -> Response:
        accounts = [
            {**_account(account), "devices": sorted(account.devices)}
            for account in self._server.directory
        ]
        return JSONResponse({"accounts": accounts})

    async def scan_qr(self, request: Request) -> Response:
        text = (await _read(request)).decode(errors="replace")
        named = request.query_params.get("account")
        try:
            code = parse_qr(text)
        except InvalidInput as exc:
            raise _Refused(404, f"unknown QR: {exc}") from exc
        account = (
            await self._server.account_for_ref(code.ref) if named is None else self._account(named)
        )
        device = await self._server.phone_of(account).pair_by_qr(text)
        return JSONResponse({"jid": str(device)})

    async def enter_code(self, request: Request) -> Response:
        body = await _body(request)
        account = self._account(_text(body, "phone"))
        device = await self._server.phone_of(account).enter_code(_text(body, "code"))
        return JSONResponse({"jid": str(device)})

    async def send(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await _body(request)
        to = self._address(_text(body, "to"))
        text = _text(body, "text", _MAX_TEXT)
        message_id = _optional_text(body, "id")
        sent = await self._server.phone_of(account).send_text(to, text, message_id)
        return JSONResponse({"id": sent.id, "timestamp": sent.timestamp})

    async def messages(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit()) or len(after) > 18:
            raise _Refused(400, "after is no number")
        received = self._server.phone_of(account).messages(int(after))
        return JSONResponse({"messages": [message.to_json() for message in received]})

    async def read(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await _body(request)
        chat = self._address(_text(body, "chat"))
        ids = body.get("ids")
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
            raise _Refused(400, "ids is no list of texts")
        read = await self._server.phone_of(account).mark_read(chat, ids)
        return JSONResponse({"read": read})

    async def unlink(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await _body(request)
        device = body.get("device")
        if device is not None and (isinstance(device, bool) or not isinstance(device, int)):
            raise _Refused(400, "device is no number")
        if device == 0 or (device is not None and device not in account.devices):
            raise _Refused(404, "no such companion")
        return JSONResponse({"unlinked": await self._server.unlink(account, device)})

    async def arrivals(self, request: Request) -> Response:
        arrivals = self._server.arrivals(request.query_params.get("id"))
        return JSONResponse({"arrivals": [dict(arrival) for arrival in arrivals]})

    def _account(self, text: str) -> Account:
        account = self._server.directory.find(text)
        if account is None:
            raise _Refused(404, "no such account")
        return account

    def _address(self, text: str) -> Jid:
        """A person's address in the kind in which it was written."""
        account = self._account(text)
        return account.lid if text.endswith("@lid") else account.jid


def _account(account: Account) -> dict[str, object]:
    return {
        "jid": str(account.jid),
        "lid": str(account.lid),
        "phone": account.number,
        "name": account.name,
    }


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _Refused(413, "the body is too large")
    return bytes(body)


async def _body(request: Request) -> Mapping[str, object]:
    """The JSON object in the body; an empty body counts as an empty object."""
    data = await _read(request)
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise _Refused(400, "the body is no JSON") from exc
    if not isinstance(body, dict):
        raise _Refused(400, "the body is no JSON object")
    return body


def _text(body: Mapping[str, object], name: str, limit: int = 512) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _Refused(400, f"{name} is missing or no text")
    if len(value) > limit:
        raise _Refused(400, f"{name} is longer than {limit} characters")
    try:
        value.encode()
    except UnicodeEncodeError as exc:  # JSON can say half a surrogate pair
        raise _Refused(400, f"{name} is no text") from exc
    return value


def _optional_text(body: Mapping[str, object], name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name, _MAX_ID)
