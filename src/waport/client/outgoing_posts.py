"""What we write into channels: posts, their changes, reactions; and what the server's ack means.

A channel's post is changed under its own id, and a reaction names it by the number that it has in
the channel. Whatever changes something takes effect here once the server has agreed.

Source: docs/protocol/newsletters.md, "Posts" and "Reactions and views".
"""

from __future__ import annotations

import logging
from dataclasses import replace

from ..errors import DecodeError, InvalidInput
from ..model.contents import NO_INFO, Content, Edit, Reaction, Revoke, TargetKey
from ..proto import pb
from ..stanza.content import parse_content
from ..stanza.contents import encode, read_message
from ..stanza.contents.keys import target_of
from ..stanza.contents.traits import EditMark, Traits, traits
from ..stanza.message import MessageAck
from ..stanza.newsletter_posts import build_reaction
from ..stanza.outgoing import build_post
from ..store import QueuedSend, UnitOfWork
from ..wire import Jid, Node, decode_stanza
from . import addons
from .work import Work

log = logging.getLogger(__name__)

CHANGES = (EditMark.CHANNEL_EDIT, EditMark.ADMIN_REVOKE)
"""The marks of stanzas that change the post whose id they have."""

_REVOKED = Traits("text", edit=EditMark.ADMIN_REVOKE)


def changed_post(content: Content) -> TargetKey | None:
    """The post that a content changes; None for what is a message by itself."""
    return content.target if isinstance(content, Edit | Revoke) else None


def post_node(
    store: UnitOfWork,
    message_id: str,
    channel: Jid,
    content: Content,
    message: pb.Message,
    media: str,
) -> Node:
    """The stanza of something that is written into a channel.

    Args:
        message: the content as a protobuf.
        media_id: the handle of its upload; empty for none.

    Raises:
        InvalidInput: a reaction to a post whose number is not known, or what channels do not take.
    """
    match content:
        case Reaction(target, emoji):
            post = store.newsletters.post_of(channel, target.id)
            if post is None:
                raise InvalidInput("the number of this post is not known; fetch it first")
            return build_reaction(message_id, channel, post.server_id, emoji)
        case Edit(target, inner):
            changed = encode(inner, NO_INFO)
            about = replace(traits(changed), edit=EditMark.CHANNEL_EDIT)
            return build_post(target.id, channel, changed.SerializeToString(), about)
        case Revoke(target):
            return build_post(target.id, channel, b"", _REVOKED)
    if addons.is_add_on(content):
        raise InvalidInput("channels do not take this")
    return build_post(
        message_id, channel, message.SerializeToString(), traits(message), media_id=media
    )


# --- the server's answer -------------------------------------------------------------------------


def is_change(queued: QueuedSend) -> bool:
    """Whether a queued stanza changes a post that has been sent before."""
    return queued.chat.is_newsletter and decode_stanza(queued.stanza).get("edit") in CHANGES


def take_effect(work: Work, queued: QueuedSend, answer: MessageAck) -> None:
    """The server has taken what we wrote into a channel."""
    node = decode_stanza(queued.stanza)
    mark = node.get("edit")
    if mark in CHANGES:
        _change(work, queued, node, is_revoked=mark == EditMark.ADMIN_REVOKE)
        return
    if answer.server_id and node.get("type") != "reaction":
        work.store.newsletters.name_post(queued.chat, answer.server_id, answer.id)


def _change(work: Work, queued: QueuedSend, node: Node, *, is_revoked: bool) -> None:
    stored = work.store.messages.get(queued.chat, queued.message_id)
    if stored is None:
        return
    target = target_of(stored.key)
    content: Content = Revoke(target)
    if not is_revoked:
        try:
            message = parse_content(node.child("plaintext").data)
            content = Edit(target, read_message(message).content, work.now * 1000)
        except DecodeError as exc:
            log.warning("an own edit makes no sense: %s", exc)
            return
    arrival = addons.Arrival(
        key=stored.key,
        sender=stored.key.sender,
        chat=queued.chat,
        content=content,
        timestamp=work.now,
        message=None,
    )
    addons.apply(work, arrival)
