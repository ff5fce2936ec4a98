"""Chats as answers show them: what is stored of them, beside the groups that they are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..errors import NotFound, QueryError
from ..events import ChatJson, chat_json
from ..model import Chat, ChatSummary, Group, MessageKey
from ..wire import Jid
from .addresses import is_reachable
from .errors import chat_not_found
from .ports import ClientPort

_HIDDEN: Final = frozenset((401, 403, 404, 410))
"""Codes that say that a group is not there for this account."""


@dataclass(frozen=True, slots=True)
class ShownChats:
    """Chats that are to be shown.

    Attributes:
        summaries: the chats, in order.
        groups: those groups among them that are known.
        reacted: the newest messages that have a reaction.
        own: the account.
        now: Unix seconds.
    """

    summaries: list[ChatSummary]
    groups: Mapping[Jid, Group]
    reacted: frozenset[MessageKey]
    own: Jid
    now: float

    def json(self, summary: ChatSummary) -> ChatJson:
        """The JSON of one of them."""
        last = summary.last
        return chat_json(
            summary,
            self.own,
            self.now,
            group=self.groups.get(summary.chat.jid),
            has_reaction=last is not None and last.key in self.reacted,
        )


async def all_chats(
    client: ClientPort, *, since: int | None = None, unread: bool | None = None
) -> ShownChats:
    """Every chat and every group that the account is in, the latest first.

    Args:
        since: leaves out chats in which nothing has happened since then, Unix seconds.
        unread: chats that are unread, or that are not; None for both.
    """
    # The groups come first: listing them gives new ones a chat.
    groups = {group.jid: group for group in await client.groups.listed()}
    found = list(await client.chats.all())
    listed = {summary.chat.jid for summary in found}
    found += (
        _group_chat(group)
        for group in groups.values()
        if group.jid not in listed and not group.is_left and not group.is_community
    )
    fitting = [summary for summary in found if _fits(summary.chat, since, unread)]
    fitting.sort(key=lambda summary: summary.chat.timestamp, reverse=True)
    return await _shown(client, fitting, groups)


async def some_chats(client: ClientPort, chats: Iterable[Jid]) -> ShownChats:
    """Those of these chats that are known, the latest first."""
    wanted = frozenset(chats)
    shown = await all_chats(client)
    listed = [summary for summary in shown.summaries if summary.chat.jid in wanted]
    return replace(shown, summaries=listed)


async def one_chat(client: ClientPort, chat: Jid) -> ChatJson:
    """One chat. With a person there always is one.

    Raises:
        HttpError: 404, for a group or channel that is not known.
        WhatsAppError: it could not be asked for.
    """
    if not is_reachable(chat):
        raise chat_not_found()
    group = await _group(client, chat) if chat.is_group else None
    try:
        summary = await client.chats.get(chat)
    except NotFound as exc:
        if group is None:
            raise chat_not_found() from exc
        summary = _group_chat(group)
    shown = await _shown(client, [summary], {} if group is None else {group.jid: group})
    return shown.json(summary)


async def _group(client: ClientPort, jid: Jid) -> Group | None:
    """What is known of a group; None for one that is hidden from this account."""
    try:
        return await client.groups.info(jid)
    except QueryError as exc:
        if exc.code in _HIDDEN:
            return None
        raise


async def _shown(
    client: ClientPort, summaries: list[ChatSummary], groups: Mapping[Jid, Group]
) -> ShownChats:
    reacted = await client.messages.reacted(
        summary.last for summary in summaries if summary.last is not None
    )
    return ShownChats(summaries, groups, reacted, client.own_jid, time.time())


def _group_chat(group: Group) -> ChatSummary:
    """A group in which nothing was written yet."""
    return ChatSummary(Chat(group.jid, group.subject, timestamp=group.created_at))


def _fits(chat: Chat, since: int | None, unread: bool | None) -> bool:
    if since is not None and chat.timestamp < since:
        return False
    return unread is None or (chat.unread_count != 0) is unread
