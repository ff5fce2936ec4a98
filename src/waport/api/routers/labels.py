"""Labels: which there are, and which chats have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from ...events import label_json
from ...wire import Jid
from ..addresses import is_reachable
from ..chat_list import some_chats
from ..deps import ConnectedClient, request_body
from ..errors import HttpError, chat_not_found
from ..list_answer import ListAnswer
from ..ports import ClientPort
from ..routes import Routes
from ..schemas.chat import ChatsAnswer
from ..schemas.common import SuccessEnvelope
from ..schemas.extras import (
    ChangeLabelsRequest,
    LabelAnswer,
    LabelChatsRequest,
    LabelIdRequest,
)

routes = Routes("Chat")

_UNKNOWN: Final = ((404, "label_not_found"),)
_UNKNOWN_CHAT: Final = (*_UNKNOWN, (404, "chat_not_found"))
_DONE: Final[SuccessEnvelope] = {"success": True}


@routes.post("/client/getLabelById/{sessionId}", errors=_UNKNOWN)
async def get_label_by_id(
    client: ConnectedClient,
    body: Annotated[LabelIdRequest, request_body(LabelIdRequest)],
) -> LabelAnswer:
    """Get a label."""
    for label in await client.settings.labels():
        if label.label_id == body.label_id:
            return {"success": True, "label": label_json(label)}
    raise _label_not_found()


@routes.post("/client/getChatsByLabelId/{sessionId}", answer=ChatsAnswer)
async def get_chats_by_label_id(
    client: ConnectedClient,
    body: Annotated[LabelIdRequest, request_body(LabelIdRequest)],
) -> ListAnswer:
    """List the chats that have a label."""
    shown = await some_chats(client, await client.settings.chats_of_label(body.label_id))
    return ListAnswer("chats", shown.summaries, shown.json)


@routes.post("/client/addOrRemoveLabels/{sessionId}", errors=_UNKNOWN_CHAT)
async def add_or_remove_labels(
    client: ConnectedClient,
    body: Annotated[LabelChatsRequest, request_body(LabelChatsRequest)],
) -> SuccessEnvelope:
    """Give chats these labels, and take all others from them."""
    await _set_labels(client, body.chats, body.label_ids)
    return _DONE


@routes.post("/chat/changeLabels/{sessionId}", errors=_UNKNOWN_CHAT)
async def change_labels(
    client: ConnectedClient,
    body: Annotated[ChangeLabelsRequest, request_body(ChangeLabelsRequest)],
) -> SuccessEnvelope:
    """Give a chat these labels, and take all others from it."""
    await _set_labels(client, (body.chat,), body.label_ids)
    return _DONE


async def _set_labels(client: ClientPort, chats: Iterable[Jid], label_ids: Iterable[str]) -> None:
    wanted = set(label_ids)
    known = {label.label_id for label in await client.settings.labels()}
    if not wanted <= known:
        raise _label_not_found()
    chats = tuple(chats)
    if not all(map(is_reachable, chats)):
        raise chat_not_found()
    for chat in chats:
        has = set(await client.settings.label_ids_of(chat))
        for label_id in sorted(wanted - has):
            await client.settings.label_chat(chat, label_id)
        for label_id in sorted(has - wanted):
            await client.settings.label_chat(chat, label_id, False)


def _label_not_found() -> HttpError:
    return HttpError(404, "label_not_found", "Label not found")
