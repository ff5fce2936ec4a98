"""Channels in the store: what answers and notifications of the server change there.

All of it runs in the caller's transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from ..errors import CorruptRecord, DecodeError
from ..model import (
    Ack,
    AddOn,
    AddOnKind,
    ChannelChanged,
    Message,
    MessageEdited,
    MessageKey,
    MessageKind,
    MessageRevoked,
    PostCounted,
)
from ..model.contents import Protocol, Revoke, Text, Unknown
from ..model.newsletter import (
    ChannelChangeKind,
    ChannelRole,
    ChannelState,
    KnownPost,
    Newsletter,
    OwnReaction,
    Post,
    PostCounts,
)
from ..proto import pb
from ..stanza.content import parse_content
from ..stanza.contents import DecodedMessage, read_message, write_message
from ..stanza.contents.keys import target_of
from ..store import UnitOfWork
from ..wire import Jid
from .addons import is_add_on
from .work import Work

log = logging.getLogger(__name__)

FOR_EVER = -1
"""`Chat.muted_until` of a chat that is muted without an end."""


def known_channel(store: UnitOfWork, jid: Jid) -> Newsletter | None:
    """A stored channel; one that cannot be read counts as none, since the server has it too."""
    try:
        return store.newsletters.get(jid)
    except CorruptRecord:
        log.error("a stored channel cannot be read; it is asked for anew")
        return None


def known_channels(store: UnitOfWork) -> list[Newsletter]:
    """All stored channels; none when one of them cannot be read."""
    try:
        return store.newsletters.all()
    except CorruptRecord:
        log.error("a stored channel cannot be read")
        return []


def store_channel(store: UnitOfWork, newsletter: Newsletter) -> Newsletter:
    """Keep a channel as the server has just described it; one that is followed is a chat, too."""
    store.newsletters.put(newsletter)
    if newsletter.is_followed and not newsletter.is_gone:
        store.chats.touch(newsletter.jid, newsletter.created_at, name=newsletter.name or None)
        _mute_chat(store, newsletter)
    return newsletter


def store_channels(
    store: UnitOfWork, found: Iterable[Newsletter], before: Iterable[Newsletter]
) -> list[Newsletter]:
    """Keep the list of channels that we follow.

    Args:
        found: what the server has answered.
        before: what was stored when it was asked; those of them that it does not list we follow no
            more.
    """
    stored = [store_channel(store, newsletter) for newsletter in found]
    listed = {newsletter.jid for newsletter in stored}
    for newsletter in before:
        # What has changed since then is newer than the answer.
        is_left = newsletter.is_followed and newsletter.jid not in listed
        if is_left and known_channel(store, newsletter.jid) == newsletter:
            mark_unfollowed(store, newsletter.jid)
    return stored


def mark_unfollowed(store: UnitOfWork, jid: Jid) -> Newsletter | None:
    """Note that we follow a channel no more; it stays, if it is known."""
    known = known_channel(store, jid)
    if known is None:
        return None
    left = replace(known, role=ChannelRole.GUEST, is_muted=False, mutes_followers=False)
    store.newsletters.put(left)
    return left


def mark_gone(store: UnitOfWork, jid: Jid) -> Newsletter | None:
    """Note that there is no such channel any more; what was posted in it stays."""
    known = known_channel(store, jid)
    if known is None or known.is_gone:
        return known
    gone = replace(known, state=ChannelState.DELETED, role=ChannelRole.GUEST)
    store.newsletters.put(gone)
    return gone


def _mute_chat(store: UnitOfWork, newsletter: Newsletter) -> None:
    chat = store.chats.get(newsletter.jid)
    if chat is None or (chat.muted_until == FOR_EVER) is newsletter.is_muted:
        return
    store.chats.set_flags(newsletter.jid, muted_until=FOR_EVER if newsletter.is_muted else 0)


def change_channel(
    work: Work, newsletter: Newsletter, kind: ChannelChangeKind, person: Jid | None = None
) -> None:
    """Keep a channel after a change, and tell of it."""
    store_channel(work.store, newsletter)
    work.emit(ChannelChanged(newsletter, kind, person))


# --- posts ---------------------------------------------------------------------------------------


def post_key(work: Work, channel: Jid, message_id: str, *, from_me: bool) -> MessageKey:
    """The key of a post: others' are the channel's own, whoever of its admins wrote them."""
    return MessageKey(channel, message_id, from_me, work.own.pn.bare if from_me else channel)


def take_posts(work: Work, channel: Jid, posts: Iterable[Post]) -> list[Message]:
    """Take in a list of posts: those that are not here are kept, changes and counters applied.

    Posts that were asked for are not announced as messages: they are no news.

    Returns:
        the stored messages of those posts, in their order.
    """
    messages = []
    for post in posts:
        message = _take_post(work, channel, post)
        _count(work, channel, post)
        if message is not None:
            messages.append(message)
    return messages


def _take_post(work: Work, channel: Jid, post: Post) -> Message | None:
    store = work.store
    message_id = post.id
    if not message_id:
        named = store.newsletters.post(channel, post.server_id)
        message_id = "" if named is None else named.message_id
    if not message_id:
        return None
    stored = store.messages.get(channel, message_id)
    is_own = post.from_me or (stored is not None and stored.key.from_me)
    key = post_key(work, channel, message_id, from_me=is_own)
    if stored is not None:
        key = stored.key
    if post.is_revoked:
        return _revoke(work, stored, key, post)
    if post.content is None:
        return stored
    try:
        message = parse_content(post.content)
        decoded = read_message(message)
    except DecodeError as exc:
        log.warning("a post makes no sense: %s", exc)
        return stored
    store.newsletters.name_post(channel, post.server_id, message_id)
    if stored is None or stored.kind is MessageKind.CIPHERTEXT:
        return _keep(work, key, post, message, decoded)
    return _edit(work, stored, post, message)


def _keep(
    work: Work, key: MessageKey, post: Post, message: pb.Message, decoded: DecodedMessage
) -> Message | None:
    content = decoded.content
    if is_add_on(content) or isinstance(content, Protocol) or content == Unknown():
        return None
    return work.store.messages.add(
        Message(
            key,
            post.timestamp or work.now,
            message.SerializeToString(),
            MessageKind.TEXT if isinstance(content, Text) else MessageKind.OTHER,
            ack=Ack.SERVER,
            edited_ms=post.edited_ms,
            edit_id=key.id if post.edited_ms else "",
        )
    )


def _edit(work: Work, stored: Message, post: Post, message: pb.Message) -> Message:
    content = message.SerializeToString()
    if not post.edited_ms or post.edited_ms <= stored.edited_ms or content == stored.content:
        return stored
    edited = work.store.messages.edit(stored.key, content, post.edited_ms, stored.key.id)
    if edited is None:
        return stored
    work.emit(MessageEdited(edited, stored))
    return edited


def _revoke(work: Work, stored: Message | None, key: MessageKey, post: Post) -> Message | None:
    tombstone = write_message(DecodedMessage(Revoke(target_of(key)))).SerializeToString()
    store = work.store
    if stored is None:
        return store.messages.add(
            Message(key, post.timestamp or work.now, tombstone, MessageKind.REVOKED, ack=Ack.SERVER)
        )
    left = store.messages.revoke(stored.key, tombstone)
    if left is None:
        return stored
    work.emit(MessageRevoked(left, stored, key.chat))
    store.add_ons.drop(stored.key)
    return left


def _count(work: Work, channel: Jid, post: Post) -> None:
    counts = post.counts
    if counts is None:
        if post.id:
            work.store.newsletters.name_post(channel, post.server_id, post.id)
        return
    known = work.store.newsletters.post(channel, post.server_id)
    message_id = post.id or ("" if known is None else known.message_id)
    counted = KnownPost(channel, post.server_id, message_id, counts)
    is_first = known is None and counts == PostCounts()
    if work.store.newsletters.count_post(counted) and not is_first:
        work.emit(PostCounted(counted))


def keep_own_reactions(work: Work, reactions: Iterable[OwnReaction]) -> int:
    """Keep reactions of ours that the server knows; how many of them speak of stored posts."""
    kept = 0
    for reaction in reactions:
        known = work.store.newsletters.post(reaction.channel, reaction.server_id)
        target = None
        if known is not None and known.message_id:
            target = work.store.messages.get(reaction.channel, known.message_id)
        if target is None:
            continue
        own = work.own.pn.bare
        key = MessageKey(reaction.channel, target.key.id, from_me=True, sender=own)
        work.store.add_ons.put(
            AddOn(
                target=target.key,
                kind=AddOnKind.REACTION,
                sender=own,
                key=key,
                data=reaction.code.encode(),
                timestamp_ms=reaction.timestamp * 1000,
            )
        )
        kept += 1
    return kept
