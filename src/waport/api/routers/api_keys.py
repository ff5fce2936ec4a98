"""API keys: make, list, revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from ..deps import Caller, Keys, request_body
from ..routes import Routes
from ..schemas.api_keys import (
    ApiKeysAnswer,
    MakeApiKeyRequest,
    NewApiKeyAnswer,
    api_key_json,
)
from ..schemas.common import MessageAnswer, done

routes = Routes("Keys")

_FORBIDDEN = ((403, "forbidden"),)


@routes.post("/apiKeys", errors=_FORBIDDEN)
async def make_api_key(
    keys: Keys,
    caller: Caller,
    body: Annotated[MakeApiKeyRequest, request_body(MakeApiKeyRequest)],
) -> NewApiKeyAnswer:
    """Make a key that may do no more than the one that asks for it."""
    key, secret = await keys.make(body.name, body.scopes, body.sessions, caller)
    return {"success": True, "apiKey": {**api_key_json(key), "key": secret}}


@routes.get("/apiKeys")
async def get_api_keys(keys: Keys) -> ApiKeysAnswer:
    """List the keys, without their secrets."""
    return {"success": True, "apiKeys": [api_key_json(key) for key in keys.keys]}


@routes.delete("/apiKeys/{keyId}", errors=((404, "api_key_not_found"),))
async def revoke_api_key(keys: Keys, key_id: Annotated[str, Path(alias="keyId")]) -> MessageAnswer:
    """Revoke a key: it opens nothing any more, and its event sockets are closed."""
    await keys.revoke(key_id)
    return done("API key revoked")
