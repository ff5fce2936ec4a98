"""The part of the admin API that is about app state: what the phone reads, writes and shares.

Shapes: docs/emulator.md, "App state".
"""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..proto import pb
from .admin_requests import Refused, body_of, flag_of, guarded, number_of, optional_text, text_of
from .admin_server import AdminServer, account_of
from .appstate import COLLECTIONS, Mutation
from .appstate_faults import StateFault
from .phone import Phone

_MAX_MUTATIONS = 20_000
_MAX_VERSION = 2**31 - 1
_MAX_CODE = 9_999
_MAX_COUNT = 1_000_000
_MAX_BODY = 16 << 20


def app_state_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin/accounts/{jid}/app-state`."""
    base = "/admin/accounts/{jid}/app-state"

    def phone_of(request: Request) -> Phone:
        return server.phone_of(account_of(server, request.path_params["jid"]))

    async def show(request: Request) -> Response:
        state = phone_of(request).app_state
        collections = {
            name: {
                "version": state.version(name),
                "records": [_shown(record) for record in state.records(name).values()],
            }
            for name in COLLECTIONS
        }
        keys = [key.id.hex() for key in state.keys]
        return JSONResponse({"keys": keys, "collections": collections})

    async def write(request: Request) -> Response:
        state, body = phone_of(request).app_state, await body_of(request, _MAX_BODY)
        collection, wanted = _collection(text_of(body, "collection")), body.get("mutations")
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= _MAX_MUTATIONS:
            raise Refused(400, f"mutations is no list of 1 to {_MAX_MUTATIONS}")
        mutations = [_mutation(item) for item in wanted]
        await state.write(collection, mutations, diverged=flag_of(body, "diverged"))
        return JSONResponse({"version": state.version(collection)})

    async def key(request: Request) -> Response:
        phone, body = phone_of(request), await body_of(request)
        is_shared = body.get("shared", True) is True
        made = await phone.state.new_key(is_shared=is_shared, expires=flag_of(body, "expires"))
        return JSONResponse({"id": made.hex()})

    async def faults(request: Request) -> Response:
        state, body = phone_of(request).app_state, await body_of(request)
        if body.get("kind") is None:
            state.server.faults.clear()
            return JSONResponse({"ordered": 0})
        named = optional_text(body, "collection")
        fault = StateFault(
            text_of(body, "kind"),
            None if named is None else _collection(named),
            number_of(body, "count", default=1, least=1, most=_MAX_COUNT),
            number_of(body, "code", default=500, least=1, most=_MAX_CODE),
        )
        state.server.faults.order(fault)
        return JSONResponse({"ordered": fault.count})

    async def forget(request: Request) -> Response:
        state, body = phone_of(request).app_state, await body_of(request)
        collection = _collection(text_of(body, "collection"))
        state.server.log(collection).forgotten = state.version(collection)
        return JSONResponse({"forgotten": state.version(collection)})

    return [
        Route(base, guarded(show), methods=["GET"]),
        Route(base, guarded(write), methods=["POST"]),
        Route(f"{base}/key", guarded(key), methods=["POST"]),
        Route(f"{base}/faults", guarded(faults), methods=["POST"]),
        Route(f"{base}/forget", guarded(forget), methods=["POST"]),
    ]


def _collection(name: str) -> str:
    if name not in COLLECTIONS:
        raise Refused(400, f"collection is none of {', '.join(COLLECTIONS)}")
    return name


def _shown(record: Mutation) -> dict[str, object]:
    value = MessageToDict(record.value)
    return {"index": list(record.index), "version": record.version, "value": value}


def _mutation(item: object) -> Mutation:
    if not isinstance(item, dict):
        raise Refused(400, "a mutation is no JSON object")
    index, value = item.get("index"), item.get("value") or {}
    is_list = isinstance(index, list) and all(isinstance(part, str) for part in index)
    if not is_list or not index or not isinstance(value, dict):
        raise Refused(400, "a mutation has an index, a list of texts, and a value, an object")
    try:
        read = ParseDict(value, pb.SyncActionValue())
    except ParseError as exc:
        raise Refused(400, f"no value of a mutation: {exc}") from exc
    version = number_of(item, "version", default=1, least=0, most=_MAX_VERSION)
    return Mutation("REMOVE" if flag_of(item, "remove") else "SET", tuple(index), read, version)
