"""The part of the admin API that is about an account's limits, and about what its phone does.

Shapes: docs/emulator.md, "Restricted accounts and tokens" and "Phones that do not answer".
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .accounts import STATUS_AUDIENCES, Account
from .admin_requests import Refused, body_of, flag_of, guarded, number_of, optional_text
from .admin_server import AdminServer, account_of
from .restrictions import KIND

_MAX_TIME = 2**33
_MAX_CHATS = 1_000_000


def account_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin/accounts/{jid}` that are not about messages and companions."""
    base = "/admin/accounts/{jid}"

    async def show(request: Request) -> Response:
        return JSONResponse(_limits(server, _account(request)))

    async def restrict(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        if not flag_of(body, "restricted"):
            server.restrictions.lift(account)
        else:
            ends = number_of(body, "ends", default=0, least=0, most=_MAX_TIME)
            kind = optional_text(body, "kind") or KIND
            server.restrictions.restrict(account, ends or None, kind)
        return JSONResponse(_limits(server, account))

    async def cap(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        if body.get("new_chats") is None:
            server.restrictions.cap(account, None)
        else:
            total = number_of(body, "new_chats", default=0, least=0, most=_MAX_CHATS)
            server.restrictions.cap(account, total)
        return JSONResponse(_limits(server, account))

    async def guard(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        server.restrictions.guard(account, is_guarded=flag_of(body, "guarded"))
        return JSONResponse(_limits(server, account))

    async def give(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        to = account_of(server, str(body.get("to") or ""))
        t = number_of(body, "t", default=0, least=0, most=_MAX_TIME)
        await server.phone_of(account).tokens.give(to.lid, t or None)
        return JSONResponse({})

    async def salt(request: Request) -> Response:
        await server.phone_of(_account(request)).make_token_salt()
        return JSONResponse({})

    async def audience(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        kind, people = optional_text(body, "type") or "contacts", body.get("people") or []
        if kind not in STATUS_AUDIENCES or not isinstance(people, list):
            raise Refused(400, f"type is none of {', '.join(STATUS_AUDIENCES)}, or people no list")
        numbers = tuple(account_of(server, str(person)).number for person in people)
        account.status_audience = (kind, numbers)
        return JSONResponse({"type": kind, "people": list(numbers)})

    async def habits(request: Request) -> Response:
        phone = server.phone_of(_account(request))
        if request.method == "POST":
            phone.habits.change(await body_of(request))
        return JSONResponse(phone.habits.shown())

    async def username(request: Request) -> Response:
        account, body = _account(request), await body_of(request)
        account.username = optional_text(body, "username") or ""
        return JSONResponse({"username": account.username})

    async def waiting(request: Request) -> Response:
        devices = _account(request).devices.values()
        shown = {
            str(device.id): [
                f"{letter.node.tag} {letter.node.get('id')}" for letter in device.mailbox
            ]
            for device in devices
        }
        return JSONResponse({"waiting": shown})

    def _account(request: Request) -> Account:
        return account_of(server, request.path_params["jid"])

    return [
        Route(f"{base}/username", guarded(username), methods=["POST"]),
        Route(f"{base}/waiting", guarded(waiting), methods=["GET"]),
        Route(f"{base}/limits", guarded(show), methods=["GET"]),
        Route(f"{base}/restriction", guarded(restrict), methods=["POST"]),
        Route(f"{base}/cap", guarded(cap), methods=["POST"]),
        Route(f"{base}/guard", guarded(guard), methods=["POST"]),
        Route(f"{base}/tokens", guarded(give), methods=["POST"]),
        Route(f"{base}/token-salt", guarded(salt), methods=["POST"]),
        Route(f"{base}/status-audience", guarded(audience), methods=["POST"]),
        Route(f"{base}/habits", guarded(habits), methods=["GET", "POST"]),
    ]


def _limits(server: AdminServer, account: Account) -> Mapping[str, object]:
    restriction, cap = account.restriction, account.chat_cap
    return {
        "restricted": server.restrictions.is_restricted(account),
        "ends": None if restriction is None else restriction.ends,
        "new_chats": None if cap is None else {"total": cap.total, "used": cap.used},
        "guarded": account.is_guarded,
        "tokens": {giver: len(tokens) for giver, tokens in account.tokens.items()},
    }
