"""The admin API of the emulator: what a test does by hand, or on a phone.

Every error is a 4xx with `{"error": "<text>"}`. Shapes: docs/emulator.md.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import InvalidInput
from .accounts import Account
from .admin_accounts import account_routes
from .admin_app_state import app_state_routes
from .admin_business import business_routes
from .admin_calls import call_routes
from .admin_faults import fault_routes
from .admin_history import history_routes
from .admin_media import media_routes
from .admin_newsletters import newsletter_routes
from .admin_passkeys import passkey_routes
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
from .admin_send import MAX_FILE_BODY, send
from .admin_server import AdminServer, account_of, chat_of
from .phone_pairing import parse_qr

__all__ = ["MAX_BODY", "MAX_FILE_BODY", "AdminServer", "admin_routes"]


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
        *account_routes(server),
        *call_routes(server),
        *app_state_routes(server),
        *business_routes(server),
        *history_routes(server),
        *passkey_routes(server),
        *newsletter_routes(server),
        *fault_routes(server),
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
        to = chat_of(self._server, text_of(body, "to"))
        sent = await send(self._server.phone_of(account), to, body)
        answer: dict[str, object] = {"id": sent.id, "timestamp": sent.timestamp}
        if sent.server_id is not None:
            answer["server_id"] = sent.server_id
        return JSONResponse(answer)

    async def messages(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit()) or len(after) > 18:
            raise Refused(400, "after is no number")
        phone = self._server.phone_of(account)
        shown = []
        for message in phone.messages(int(after)):
            opened = phone.chats.opened(message)
            more = {} if opened is None else {"opened": opened}
            shown.append({**message.to_json(), **more})
        return JSONResponse({"messages": shown})

    async def file(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        phone = self._server.phone_of(account)
        file = await phone.fetch_file(request.path_params["id"])
        return Response(file.data, media_type=file.mimetype or "application/octet-stream")

    async def read(self, request: Request) -> Response:
        account = self._account(request.path_params["jid"])
        body = await body_of(request)
        chat = chat_of(self._server, text_of(body, "chat"))
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
        return account_of(self._server, text)


def _account(account: Account) -> dict[str, object]:
    return {
        "jid": str(account.jid),
        "lid": str(account.lid),
        "phone": account.number,
        "name": account.name,
    }
