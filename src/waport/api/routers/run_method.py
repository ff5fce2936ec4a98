"""Methods of the older server's library, by name: those of a table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from ...model import ApiKey
from ..deps import Caller, ConnectedClient, SessionId, Sessions, request_body
from ..errors import HttpError
from ..fields import read_fields
from ..list_answer import ListAnswer
from ..method_names import OF_CHAT, OF_CLIENT, OF_GROUP, OF_MESSAGE, Method
from ..paths import SESSION_PARAMETER
from ..ports import ClientPort, SessionManager
from ..routes import Operation, Routes
from ..schemas.methods import (
    MethodAnswer,
    RunChatMethodRequest,
    RunGroupMethodRequest,
    RunMessageMethodRequest,
    RunMethodRequest,
)
from ..scopes import check_scope
from . import (
    channel,
    chat,
    client,
    client_account,
    client_channels,
    client_chats,
    client_extras,
    client_people,
    contact,
    group_chat,
    labels,
    message,
    message_extras,
    session,
)

routes = Routes("Client")

_SUBJECTS: Final = (
    *(channel, chat, client, client_account, client_channels, client_chats, client_extras),
    *(client_people, contact, group_chat, labels, message, message_extras, session),
)
_OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    (operation.method, operation.path.removesuffix("/{sessionId}")): operation
    for subject in _SUBJECTS
    for operation in subject.routes.operations
}
_OBJECTS: Final = ("searchOptions", "options")
"""Arguments that are objects; of others an object names several fields."""


@routes.post("/client/runMethod/{sessionId}")
async def run_client_method(
    client: ConnectedClient,
    session_id: SessionId,
    sessions: Sessions,
    caller: Caller,
    body: Annotated[RunMethodRequest, request_body(RunMethodRequest)],
) -> MethodAnswer:
    """Call a method of the account."""
    found = OF_CLIENT.get(body.method)
    if found is None:
        raise HttpError(500, None, f"Method {body.method[:100]} is not implemented")
    call = _Call(client, session_id, sessions, caller)
    return await call.run(found, body.argument, {})


@routes.post("/chat/runMethod/{sessionId}")
async def run_chat_method(
    client: ConnectedClient,
    session_id: SessionId,
    sessions: Sessions,
    caller: Caller,
    body: Annotated[RunChatMethodRequest, request_body(RunChatMethodRequest)],
) -> MethodAnswer:
    """Call a method of a chat."""
    call = _Call(client, session_id, sessions, caller)
    return await call.run(_found(OF_CHAT, body.method), body.argument, {"chatId": str(body.chat)})


@routes.post("/groupChat/runMethod/{sessionId}")
async def run_group_method(
    client: ConnectedClient,
    session_id: SessionId,
    sessions: Sessions,
    caller: Caller,
    body: Annotated[RunGroupMethodRequest, request_body(RunGroupMethodRequest)],
) -> MethodAnswer:
    """Call a method of a group."""
    call = _Call(client, session_id, sessions, caller)
    own = {"chatId": str(body.group), "groupId": str(body.group)}
    return await call.run(_found(OF_GROUP, body.method), body.argument, own)


@routes.post("/message/runMethod/{sessionId}")
async def run_message_method(
    client: ConnectedClient,
    session_id: SessionId,
    sessions: Sessions,
    caller: Caller,
    body: Annotated[RunMessageMethodRequest, request_body(RunMessageMethodRequest)],
) -> MethodAnswer:
    """Call a method of a message."""
    call = _Call(client, session_id, sessions, caller)
    own = {"chatId": str(body.chat), "messageId": body.message_id}
    return await call.run(_found(OF_MESSAGE, body.method), body.argument, own)


def _found(methods: Mapping[str, Method], name: str) -> Method:
    found = methods.get(name)
    if found is None:
        raise HttpError(500, None, "Method is not implemented")
    return found


class _Call:
    """Calls routes for one account."""

    def __init__(
        self, client: ClientPort, session_id: str, sessions: SessionManager, caller: ApiKey
    ) -> None:
        self._caller = caller
        self._session_id = session_id
        self._values: dict[str, object] = {
            "client": client,
            "session_id": session_id,
            "sessions": sessions,
        }

    async def run(
        self, method: Method, argument: object, own: Mapping[str, object]
    ) -> MethodAnswer:
        """Carry a method out.

        Raises:
            InvalidRequest: the argument is missing, or of a wrong type.
            HttpError, WhatsAppError: as the route; 403, the caller's key is not for it.
        """
        fields = {**own, **_fields(method, argument), **method.fixed, **own}
        operation = _OPERATIONS[method.http, method.path]
        check_scope(self._caller, operation, {SESSION_PARAMETER: self._session_id})
        endpoint, hints = operation.endpoint
        values = {name: self._values[name] for name in hints if name in self._values}
        if operation.body is not None:
            values["body"] = read_fields(operation.body, fields)
        answer: Any = await endpoint(**values)
        if isinstance(answer, ListAnswer):
            return {"success": True, "data": await answer.shapes()}
        return {"success": True, "data": answer.get(method.result) if method.result else None}


def _fields(method: Method, argument: object) -> dict[str, object]:
    if argument is None or not method.argument:
        return {}
    if isinstance(argument, dict) and method.argument not in _OBJECTS:
        return argument
    return {method.argument: argument}
