"""What an account has: its chats and groups, and new groups."""

from __future__ import annotations

from typing import Annotated

from starlette.responses import Response

from ...events import id_json, participants_json
from ...wire import Jid
from ..chat_list import all_chats, one_chat
from ..cursors import page_of_chats, page_size
from ..deps import ConnectedClient, request_body
from ..group_people import (
    check_comment,
    created_json,
    named_people,
    send_invites,
)
from ..group_texts import check_subject
from ..list_answer import ListAnswer
from ..ports import ClientPort
from ..routes import Routes
from ..schemas.chat import ChatAnswer, ChatIdRequest, ChatsAnswer, GetChatsRequest
from ..schemas.group import (
    CommonGroupsAnswer,
    CommonGroupsRequest,
    CreateGroupAnswer,
    CreateGroupRequest,
)

routes = Routes("Client")


@routes.post("/client/getChats/{sessionId}", answer=ChatsAnswer)
async def get_chats(
    client: ConnectedClient,
    body: Annotated[GetChatsRequest, request_body(GetChatsRequest)],
) -> Response:
    """List the chats."""
    shown = await all_chats(client, since=body.search.since_s, unread=body.search.unread)
    if body.limit is None and body.cursor is None:
        return ListAnswer("chats", shown.summaries, shown.json)
    by_jid = {summary.chat.jid: summary for summary in shown.summaries}
    chats = [summary.chat for summary in shown.summaries]
    page, following = page_of_chats(chats, body.cursor or "", page_size(body.limit))
    listed = [by_jid[chat.jid] for chat in page]
    return ListAnswer("chats", listed, shown.json).page(following)


@routes.post("/client/getChatById/{sessionId}", errors=((404, "chat_not_found"),))
async def get_chat_by_id(
    client: ConnectedClient,
    body: Annotated[ChatIdRequest, request_body(ChatIdRequest)],
) -> ChatAnswer:
    """Get a chat."""
    return {"success": True, "chat": await one_chat(client, body.chat)}


@routes.post("/client/createGroup/{sessionId}")
async def create_group(
    client: ConnectedClient,
    body: Annotated[CreateGroupRequest, request_body(CreateGroupRequest)],
) -> CreateGroupAnswer:
    """Make a group; who may not simply be added is invited by a message."""
    check_subject(body.subject, "name")
    check_comment(body.options)
    people, strangers = named_people(body.participants)
    created = await client.groups.create(body.subject, people, body.options.setup())
    group = created.group
    subject = group.subject or body.subject
    results = [*created.results, *strangers]
    invited = await send_invites(client, group.jid, subject, results, body.options)
    return {
        "success": True,
        "group": {
            "id": id_json(group.jid),
            "name": subject,
            "participants": participants_json(group),
        },
        "response": {
            "title": subject,
            "gid": id_json(group.jid),
            "participants": created_json(results, client.own_jid, invited),
        },
    }


@routes.post("/client/getCommonGroups/{sessionId}")
async def get_common_groups(
    client: ConnectedClient,
    body: Annotated[CommonGroupsRequest, request_body(CommonGroupsRequest)],
) -> CommonGroupsAnswer:
    """List the groups in which both the account and a contact are."""
    return await common_groups(client, body.contact)


async def common_groups(client: ClientPort, contact: Jid) -> CommonGroupsAnswer:
    """The groups in which both the account and somebody else are."""
    people, _ = named_people([contact])
    groups = await client.contacts.common_groups(people[0]) if people else ()
    return {
        "success": True,
        "groups": [
            {"id": id_json(group.jid), "name": group.subject or str(group.jid)} for group in groups
        ],
        "result": [id_json(group.jid) for group in groups],
    }
