"""The part of the admin API that makes accounts businesses.

Shapes: docs/emulator.md, "Businesses".
"""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import CorruptRecord
from .accounts import Account
from .admin_requests import Refused, body_of, flag_of, guarded
from .admin_server import AdminServer, account_of
from .business import LEVELS, Business, dump_business, filled, load_business, sample
from .saved import Saved


def business_routes(server: AdminServer) -> list[Route]:
    """The route below `/admin/accounts/{jid}` about what the account sells."""

    async def business(request: Request) -> Response:
        account = account_of(server, request.path_params["jid"])
        if request.method == "DELETE":
            account.business = None
            return JSONResponse({})
        if request.method == "POST":
            account.business = await _given(request, account)
        if account.business is None:
            raise Refused(404, "the account is no business")
        return JSONResponse(dump_business(account.business))

    path = "/admin/accounts/{jid}/business"
    return [Route(path, guarded(business), methods=["GET", "POST", "DELETE"])]


async def _given(request: Request, account: Account) -> Business:
    body, now = await body_of(request), int(time.time())
    known = account.business
    base = Business(account.name, issued=now) if known is None else known
    if flag_of(body, "sample"):
        base = sample(account.name, account.number, now)
    try:
        made = load_business(Saved(filled(body, base), "business"))
    except CorruptRecord as exc:
        raise Refused(400, str(exc)) from exc
    if not made.name or made.level not in LEVELS:
        raise Refused(400, f"a business has a name, and a level of {', '.join(LEVELS)}")
    if known is not None and made.name != known.name and made.serial == known.serial:
        made.serial += 1
    return made
