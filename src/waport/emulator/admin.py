"""The admin API of the emulator: what a test does by hand, or on a phone.

Every error is a 4xx with `{"error": "<text>"}`. Shapes: docs/emulator.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from google.protobuf.json_format import ParseDict, ParseError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import InvalidInput
from ..proto import pb
from ..wire import Jid
from .accounts import Account
from .admin_media import MediaServer, media_routes
from .admin_requests import (
    MAX_BODY,
    Handler,
    Refused,
    body_of,
    guarded,
    optional_text,
    read,
    text_of,
)
from .phone import Phone
from .phone_media import OutgoingFile
from .phone_outbox import SentMessage
from .phone_pairing import parse_qr

__all__ = ["MAX_BODY", "MAX_FILE_BODY", "AdminServer", "admin_routes"]

MAX_FILE_BODY = 64 << 20
"""Bytes of a call that carries a file, in base64."""

_MAX_TEXT = 65_536


class AccountBook(Protocol):
    """The accounts that the server knows."""

    def __iter__(self) -> Iterator[Account]:
        """All of them."""
        ...

    def find(self, text: str) -> Account | None:
        """By phone number, PN JID or LID."""
        ...


class AdminServer(MediaServer, Protocol):
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


def admin_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin`."""
    api = _Admin(server)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/info", api.info),
        ("GET", "/root-key", api.root_key),
        ("POST", "/accounts", api.create_account),
        ("GET", "/accounts", api.list_accounts),
        ("POST", "/mock-phone/scan-qr", api.scan_qr),
        ("POST", "/mock-phone/enter-code", api.enter_code),
        ("POST", "/accounts/{jid}/send", api.send),
        ("GET", "/accounts/{jid}/messages", api.messages),
        ("GET", "/accounts/{jid}/messages/{id}/file", api.file),
        ("POST", "/accounts/{jid}/read", api.read),
        ("POST", "/accounts/{jid}/unlink", api.unlink),
        ("GET", "/arrivals", api.arrivals),
    ]
    return [
        *(
            Route(f"/admin{path}", guarded(handler), methods=[method])
            for method, path, handler in table
        ),
        *media_routes(server),
    ]


class _Admin:
    """The handlers; each reads its request, asks the server or a phone, and shapes the answer."""

    def __init__(self, server: AdminServer) -> None:
        self._server = server

    async def info(self, request: Request) -> Response:
        return JSONResponse(dict(self._server.info()))

    async def root_key(self, request: Request) -> Response:
        return JSONResponse({"root_key": self._server.info()["noise_root_key"]})

    async def create_account(self, request: Request) -> Response:
        body = await body_of(request)
        phone, name = optional_text(body, "phone"), optional_text(body, "name")
        if phone is not None and self._server.directory.find(phone) is not None:
            raise Refused(409, "there is an account with that phone number")
        account = await self._server.create_account(phone, name)
        return JSONResponse(_account(account), status_code=201)

    async def list_accounts(self, request: Request) -> Response:
        accounts = [
            {**_account(account), "devices": sorted(account.devices)}
            for account in self._server.directory
        ]
        return JSONResponse({"accounts": accounts})

    async def scan_qr(self, request: Request) -> Response:
        text = (await read(request)).decode(errors="replace")
        named = request.query_params.get("account")
        try:
            code = parse_qr(text)
        except InvalidInput as exc:
            raise Refused(404, f"unknown QR: {exc}") from exc
        account = (
            await self._server.account_for_ref(code.ref) if named is None else self._account(named)
        )
        device = await self._server.phone_of(account).pair_by_qr(text)
        return JSONResponse({"jid": str(device)})

    async def enter_code(self, request: Request) -> Response:
        body = await body_of(request)
        account = self._account(text_of(body, "phone"))
        device = await self._server.phone_of(account).enter_code(text_of(body, "code"))
        return JSONResponse({"jid": str(device)})

    async def send(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await body_of(request, MAX_FILE_BODY)
        to = self._address(text_of(body, "to"))
        message_id = optional_text(body, "id")
        sent = await _send(self._server.phone_of(account), to, body, message_id)
        return JSONResponse({"id": sent.id, "timestamp": sent.timestamp})

    async def messages(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit()) or len(after) > 18:
            raise Refused(400, "after is no number")
        received = self._server.phone_of(account).messages(int(after))
        return JSONResponse({"messages": [message.to_json() for message in received]})

    async def file(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        phone = self._server.phone_of(account)
        file = await phone.fetch_file(request.path_params["id"])
        return Response(file.data, media_type=file.mimetype or "application/octet-stream")

    async def read(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await body_of(request)
        chat = self._address(text_of(body, "chat"))
        ids = body.get("ids")
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
            raise Refused(400, "ids is no list of texts")
        read = await self._server.phone_of(account).mark_read(chat, ids)
        return JSONResponse({"read": read})

    async def unlink(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await body_of(request)
        device = body.get("device")
        if device is not None and (isinstance(device, bool) or not isinstance(device, int)):
            raise Refused(400, "device is no number")
        if device == 0 or (device is not None and device not in account.devices):
            raise Refused(404, "no such companion")
        return JSONResponse({"unlinked": await self._server.unlink(account, device)})

    async def arrivals(self, request: Request) -> Response:
        arrivals = self._server.arrivals(request.query_params.get("id"))
        return JSONResponse({"arrivals": [dict(arrival) for arrival in arrivals]})

    def _account(self, text: str) -> Account:
        account = self._server.directory.find(text)
        if account is None:
            raise Refused(404, "no such account")
        return account

    def _address(self, text: str) -> Jid:
        """A chat: a person in the kind of address that was written, a group, the status feed."""
        if text.endswith(("@g.us", "@broadcast")):
            chat = Jid.parse(text)
            if not (chat.is_group or chat.is_status):
                raise Refused(404, "no such chat")
            return chat
        account = self._account(text)
        return account.lid if text.endswith("@lid") else account.jid


def _account(account: Account) -> dict[str, object]:
    return {
        "jid": str(account.jid),
        "lid": str(account.lid),
        "phone": account.number,
        "name": account.name,
    }


async def _send(
    phone: Phone, to: Jid, body: Mapping[str, object], message_id: str | None
) -> SentMessage:
    """Send what the body holds: a text, a file, or any message as protobuf JSON."""
    given = [name for name in ("text", "file", "message") if body.get(name) is not None]
    if len(given) != 1:
        raise Refused(400, "there must be one of text, file and message")
    if given == ["text"]:
        return await phone.send_text(to, text_of(body, "text", _MAX_TEXT), message_id)
    if given == ["message"]:
        return await phone.send_message(to, _message(body["message"]), message_id)
    try:
        data = base64.b64decode(text_of(body, "file", MAX_FILE_BODY), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refused(400, "file is no base64") from exc
    file = OutgoingFile(
        data,
        text_of(body, "mimetype"),
        caption=optional_text(body, "caption", _MAX_TEXT),
        name=optional_text(body, "filename"),
        kind=optional_text(body, "kind"),
    )
    return await phone.send_file(to, file, message_id)


def _message(value: object) -> pb.Message:
    if not isinstance(value, dict):
        raise Refused(400, "message is no JSON object")
    try:
        message = ParseDict(value, pb.Message())
        message.SerializeToString()
    except (ParseError, UnicodeEncodeError, RecursionError) as exc:
        raise Refused(400, f"message is no Message: {exc}") from exc
    if not message.ListFields():
        raise Refused(400, "message is empty")
    return message
