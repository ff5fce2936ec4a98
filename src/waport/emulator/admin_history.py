"""The part of the admin API that has a phone send its old chats.

Shapes: docs/emulator.md, "History".
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .accounts import Account
from .admin_requests import Refused, body_of, guarded, number_of, optional_text
from .admin_server import AdminServer, account_of
from .history_data import MAX_CHATS, MAX_MESSAGES
from .phone_history import HistoryPlan, fault_of, shown

_MAX_SEED = 99
_MAX_TIME = 2**33


def history_routes(server: AdminServer) -> list[Route]:
    """The routes of `/admin/accounts/{jid}/history`."""

    async def send(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        device = number_of(body, "device", default=0, least=0, most=2**16)
        fault = optional_text(body, "fault")
        plan = HistoryPlan(
            chats=number_of(body, "chats", default=10, least=0, most=MAX_CHATS),
            messages=number_of(body, "messages", default=1000, least=0, most=MAX_MESSAGES),
            seed=number_of(body, "seed", default=1, least=1, most=_MAX_SEED),
            chunk=number_of(body, "chunk", default=5_000, least=1, most=MAX_MESSAGES),
            older=number_of(body, "older", default=0, least=0, most=MAX_MESSAGES),
            fault=None if fault is None else fault_of(fault),
            fault_chunk=number_of(body, "fault_chunk", default=1, least=1, most=MAX_MESSAGES),
            now=number_of(body, "now", default=0, least=0, most=_MAX_TIME) or None,
        )
        if device and device not in account.devices:
            raise Refused(404, "no such companion")
        companions = [
            account.address(lid=False, device=number)
            for number in sorted(account.devices)
            if number == device or (number and not device)
        ]
        pieces = await server.phone_of(account).history.send_all(companions, plan)
        return JSONResponse({"pieces": pieces})

    async def show(request: Request) -> Response:
        return JSONResponse(shown(server.phone_of(_account(request)).history))

    def _account(request: Request) -> Account:
        return account_of(server, request.path_params["jid"])

    base = "/admin/accounts/{jid}/history"
    return [
        Route(base, guarded(send), methods=["POST"]),
        Route(base, guarded(show), methods=["GET"]),
    ]
