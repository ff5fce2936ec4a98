"""The part of the admin API that makes phones call.

Shapes: docs/emulator.md, "Calls".
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..wire import Jid
from .accounts import Account
from .admin_requests import Refused, body_of, flag_of, guarded, number_of, text_of
from .admin_server import AdminServer, account_of, chat_of

_MAX_RING_MS = 3_600_000
_RING_MS = 45_000


def call_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin/accounts/{jid}` about calls."""
    base = "/admin/accounts/{jid}"

    async def call(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        to = chat_of(server, text_of(body, "to"))
        ring_ms = number_of(body, "ring_ms", default=_RING_MS, least=1, most=_MAX_RING_MS)
        call_id = await server.phone_of(account).calls.call(
            _called(server, account, to),
            video=flag_of(body, "video"),
            group=to if to.is_group else None,
            ring_s=ring_ms / 1000,
            notice=flag_of(body, "notice"),
        )
        return JSONResponse({"call_id": call_id})

    async def show(request: Request) -> Response:
        calls = server.phone_of(_account(request)).calls.all()
        return JSONResponse({"calls": [each.to_json() for each in calls]})

    async def act(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        calls = server.phone_of(account).calls
        call = await calls.act(request.path_params["id"], text_of(body, "action"))
        return JSONResponse(call.to_json())

    def _account(request: Request) -> Account:
        return account_of(server, request.path_params["jid"])

    return [
        Route(f"{base}/call", guarded(call), methods=["POST"]),
        Route(f"{base}/calls", guarded(show), methods=["GET"]),
        Route(f"{base}/calls/{{id}}", guarded(act), methods=["POST"]),
    ]


def _called(server: AdminServer, account: Account, to: Jid) -> list[Jid]:
    """Whose devices are to ring.

    Raises:
        Refused: it is no person, and no group in which the account is.
    """
    if to.is_user:
        return [to]
    group = server.directory.groups.find(to)
    if group is None or account.number not in group.members:
        raise Refused(404, "the account is in no such group")
    found = [account_of(server, number) for number in group.members if number != account.number]
    return [each.lid if group.is_lid else each.jid for each in found]
