"""The part of the admin API that has accounts demand a passkey, and plays their authenticator.

Shapes: docs/emulator.md, "Passkeys".
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .accounts import Account
from .admin_requests import Refused, body_of, flag_of, guarded
from .admin_server import AdminServer, account_of
from .passkeys import b64


def passkey_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin/accounts/{jid}/passkey`."""
    base = "/admin/accounts/{jid}/passkey"

    async def passkey(request: Request) -> Response:
        account = _account(request)
        if request.method == "POST":
            wanted = flag_of(await body_of(request), "demand")
            server.passkeys.demand(account, wanted=wanted)
        shown = {
            "demand": server.passkeys.is_demanded(account),
            "credential_id": b64(server.passkeys.of(account).credential_id),
            "code": server.phone_of(account).linker.passkeys.code or None,
        }
        return JSONResponse(shown)

    async def assertion(request: Request) -> Response:
        body = await body_of(request)
        options = body.get("publicKey")
        if not isinstance(options, Mapping) or not isinstance(options.get("challenge"), str):
            raise Refused(400, "publicKey is no object with a challenge")
        return JSONResponse(server.passkeys.of(_account(request)).assertion(options))

    def _account(request: Request) -> Account:
        return account_of(server, request.path_params["jid"])

    return [
        Route(base, guarded(passkey), methods=["GET", "POST"]),
        Route(f"{base}/assertion", guarded(assertion), methods=["POST"]),
    ]
