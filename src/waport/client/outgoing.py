"""A message's way into the send queue: encrypted for every device, stored, announced. One
transaction, so that what was committed is what is sent.

Source: docs/protocol/messages.md, "Sending".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..crashpoints import crash_point
from ..errors import InvalidInput, NotAuthorized, NotFound, query_error
from ..model import Ack, MediaUploaded, Message, MessageAdded, MessageKey, MessageKind
from ..model.contents import (
    LIMITS,
    NO_INFO,
    Audio,
    Content,
    Document,
    EncryptedReaction,
    EventResponse,
    Image,
    Limits,
    MessageInfo,
    PollVote,
    Reaction,
    Revoke,
    Sticker,
    Text,
    Video,
)
from ..noise import MAX_FRAME
from ..proto import pb
from ..stanza.content import device_sent
from ..stanza.contents import encode
from ..stanza.contents.traits import Traits, business_nodes, traits
from ..stanza.outgoing import Copy, build_message
from ..stanza.prekeys import BundleAnswer
from ..stanza.reporting import REPORTING_VERSION, reporting_node, wants_token
from ..store import UnitOfWork
from ..wire import AttrValue, Jid, Node, encode_stanza
from . import addons
from .audience import NOBODY, Readers
from .compose import Compose, Composed, Scene
from .fanout import Fanout, NeedDevices, NeedGroup, plan
from .group_encryption import (
    ToldDevices,
    distribution_content,
    encrypt_for_group,
    own_sender_key,
    rotate,
)
from .group_fanout import GroupFanout, plan_group, plan_status
from .new_sessions import DeviceSessions, NeedBundles, begin_sessions
from .outgoing_posts import changed_post, post_node
from .tokens import message_nodes
from .work import EventSink, Work
from .work_job import own_work

log = logging.getLogger(__name__)

_FOR_ALL = (Reaction, EncryptedReaction, PollVote, EventResponse, Revoke)
"""What members may do in a group in which only admins write."""

MAX_STANZA = MAX_FRAME - 16
"""Bytes of a stanza that still fit into a frame once they are encrypted."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, before it is known to which devices.

    Attributes:
        chat: where to.
        id: of the message.
        compose: makes the content, once all that it needs is in the store.
        now: Unix seconds.
        audience: who sees a status post.
        direct_to: the one person who gets it, in a chat of many.
        media_id: of the upload, for a channel.
        limits: what the content must keep to.
        again: it is stored and announced already; only the stanza is made anew.
    """

    chat: Jid
    id: str
    compose: Compose
    now: int
    audience: Readers = NOBODY
    direct_to: Jid | None = None
    media_id: str = ""
    limits: Limits = LIMITS
    again: bool = False


@dataclass(slots=True)
class Found:
    """What was asked for on behalf of a draft.

    Attributes:
        bundles: empty entries for devices that have none.
        absent: people whose devices remain unknown.
        strangers: those of them who have no account.
    """

    bundles: dict[Jid, BundleAnswer] = field(default_factory=dict)
    absent: frozenset[Jid] = frozenset()
    strangers: frozenset[Jid] = frozenset()


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There is no device that the message could be encrypted for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Encrypted, stored and, once the transaction ends well, committed.

    Attributes:
        stanza: the encoded stanza, as it stands in the send queue.
        frames: what the event sink returned.
        told: who is told our sender key by it.
    """

    message: Message
    stanza: bytes
    frames: Sequence[Any]
    told: ToldDevices | None = None


Need = NeedDevices | NeedBundles | NeedGroup
Outcome = Prepared | Need | Unreachable


@dataclass(frozen=True, slots=True)
class _Ready:
    """A draft whose content is known."""

    work: Work
    draft: Draft
    scene: Scene
    content: Content
    message: pb.Message
    traits: Traits

    @property
    def store(self) -> UnitOfWork:
        return self.work.store

    @property
    def account(self) -> bytes:
        return self.work.credentials.account

    def extra(self, sender: Jid) -> list[Node]:
        """What stands behind the ciphertexts."""
        nodes = business_nodes(self.message, to=self.scene.to, now=self.draft.now)
        token = reporting_node(
            self.message, message_id=self.draft.id, sender=sender.bare, chat=self.scene.to
        )
        return nodes if token is None else [token, *nodes]


def prepare(store: UnitOfWork, draft: Draft, found: Found, sink: EventSink) -> Outcome:
    """Encrypt a draft for every device, store it, queue it and announce it.

    Says what is missing instead, when devices, bundles or a group are unknown.

    Raises:
        SessionError: the account is not linked.
        InvalidInput: the content can't be sent, there is a message of this id, or the copies are
            too long for one stanza.
        NotAuthorized: we may not write there.
    """
    work = own_work(store, sink, draft.now)
    if draft.chat.is_newsletter:
        return _prepare_post(work, draft)
    if draft.direct_to is None and (draft.chat.is_group or draft.chat.is_status):
        return _prepare_group(work, draft, found)
    return _prepare_private(work, draft, found)


# --- to a person ---------------------------------------------------------------------------------


def _prepare_private(work: Work, draft: Draft, found: Found) -> Outcome:
    store, own = work.store, work.own
    fanout = plan(store, own, draft.direct_to or draft.chat, draft.now, found.absent)
    if isinstance(fanout, NeedDevices):
        return fanout
    if fanout.chat in found.strangers:
        raise NotFound(404, "no such account")
    if fanout.chat in found.absent:
        raise query_error(0, "no usable device list")
    sessions = begin_sessions(work, fanout.devices, found.bundles)
    if isinstance(sessions, NeedBundles):
        return sessions
    # Copies for our own devices alone are never sent, save in the chat with ourselves.
    wanted = fanout.own if fanout.chat == own.pn.bare else fanout.peers
    if not any(sessions.reaches(device) for device in wanted):
        return Unreachable()
    chat, to = fanout.chat, fanout.to
    if draft.direct_to is not None:
        chat = to = draft.chat
    ready = _compose(work, draft, Scene(store, own, chat, to, draft.now, None))
    return _finish(ready, chat, _private_stanza(ready, fanout, sessions))


def _private_stanza(ready: _Ready, fanout: Fanout, sessions: DeviceSessions) -> Node:
    store, message = ready.store, ready.message
    plaintext = message.SerializeToString()
    to = ready.scene.to
    own_plaintext = device_sent(message, to).SerializeToString()
    copies = [
        Copy(device, sessions.encrypt(device, text))
        for devices, text in ((fanout.peers, plaintext), (fanout.own, own_plaintext))
        for device in devices
        if sessions.reaches(device)
    ]
    sessions.save()
    attrs: dict[str, AttrValue] = {}
    if to.is_lid and fanout.chat.is_pn:
        attrs["peer_recipient_pn"] = fanout.chat
    own = ready.work.own
    sender = own.lid if fanout.to.is_lid and own.lid is not None else own.pn
    tokens = message_nodes(store, own, to, ready.draft.now)
    return build_message(
        ready.draft.id,
        to,
        copies,
        ready.traits,
        device_identity=ready.account,
        attrs=attrs,
        extra=[*ready.extra(sender), *tokens],
    )


# --- to many -------------------------------------------------------------------------------------


def _prepare_group(work: Work, draft: Draft, found: Found) -> Outcome:
    store, own, chat = work.store, work.own, draft.chat
    fanout: GroupFanout | NeedDevices | NeedGroup
    if chat.is_status:
        fanout = plan_status(store, own, draft.audience.people, draft.now, found.absent)
    else:
        fanout = plan_group(store, own, chat, draft.now, found.absent)
    if not isinstance(fanout, GroupFanout):
        return fanout
    group = None if chat.is_status else store.groups.get(chat)
    if group is not None and group.is_left:
        raise NotAuthorized(403, "no member of this group")
    ready = _compose(work, draft, Scene(store, own, chat, chat, draft.now, group))
    if group is not None and group.is_announcement and not isinstance(ready.content, _FOR_ALL):
        member = group.member(own.pn) or (group.member(own.lid) if own.lid else None)
        if member is not None and not member.is_admin:
            raise NotAuthorized(401, "only admins write in this group")
    if fanout.is_known_to_strangers:
        rotate(store, [fanout.to], own)
        fanout = replace(fanout, cold=fanout.devices, marked=frozenset())
    sessions = begin_sessions(work, (*fanout.cold, *fanout.own), found.bundles)
    if isinstance(sessions, NeedBundles):
        return sessions
    node, told = _group_stanza(ready, fanout, sessions)
    return replace(_finish(ready, chat, node), told=told)


def _group_stanza(
    ready: _Ready, fanout: GroupFanout, sessions: DeviceSessions
) -> tuple[Node, ToldDevices]:
    store, own, to = ready.store, ready.work.own, fanout.to
    told = tuple(device for device in fanout.cold if sessions.reaches(device))
    own_told = tuple(device for device in fanout.own if sessions.reaches(device))
    key = distribution_content(own_sender_key(store, to, own), to).SerializeToString()
    copies = [
        Copy(device, sessions.encrypt(device, key), holds_content=False)
        for device in (*told, *own_told)
    ]
    sessions.save()
    # Whoever may get the key is remembered before it leaves: if they go, it has to be replaced.
    # The own devices are never marked as knowing it, so that they are told every time.
    addresses = tuple(sessions.address(device) for device in told)
    marked = (*addresses, *(sessions.address(device) for device in own_told))
    store.sender_keys.mark_cold(to, *(name for name in marked if name not in fanout.marked))
    ciphertext, chain_id = encrypt_for_group(store, to, own, ready.message.SerializeToString())
    attrs: dict[str, AttrValue] = {}
    if to.is_status:
        named = {copy.to.bare for copy in copies}
        copies += [Copy(user, None) for user in fanout.users if user not in named]
    else:
        attrs = {"phash": fanout.phash, "addressing_mode": fanout.mode.value}
    node = build_message(
        ready.draft.id,
        to,
        copies,
        ready.traits,
        device_identity=ready.account,
        group_ciphertext=ciphertext,
        attrs=attrs,
        extra=ready.extra(fanout.sender),
    )
    return node, ToldDevices(to, chain_id, addresses)


# --- in a channel --------------------------------------------------------------------------------


def _prepare_post(work: Work, draft: Draft) -> Outcome:
    chat, store = draft.chat, work.store
    ready = _compose(work, draft, Scene(store, work.own, chat, chat, draft.now, None))
    node = post_node(store, draft.id, chat, ready.content, ready.message, draft.media_id)
    changed = changed_post(ready.content)
    if changed is None:
        return _finish(ready, chat, node)
    stored = store.messages.get(chat, changed.id)
    if stored is None or changed.id != draft.id:
        raise InvalidInput("a post is changed under its own id")
    if store.send_queue.get(changed.id) is not None:
        raise InvalidInput("the post is still on its way")
    stanza = _encoded(node)
    store.send_queue.add(changed.id, chat, stanza, draft.now * 1000)
    return Prepared(stored, stanza, work.frames)


# --- every kind ----------------------------------------------------------------------------------


def _compose(work: Work, draft: Draft, scene: Scene) -> _Ready:
    composed = draft.compose(scene)
    message = encode(composed.content, _info(composed, scene), limits=draft.limits)
    if composed.info.secret and wants_token(message, scene.to):
        message.messageContextInfo.reportingTokenVersion = REPORTING_VERSION
    is_post = scene.to.is_status and not _is_change(composed.content)
    status = draft.audience.setting if is_post else None
    about = traits(message, status_setting=status)
    return _Ready(work, draft, scene, composed.content, message, about)


def _info(composed: Composed, scene: Scene) -> MessageInfo:
    return NO_INFO if scene.to.is_newsletter else composed.info


def _is_change(content: Content) -> bool:
    return addons.is_add_on(content)


def _encoded(node: Node) -> bytes:
    stanza = encode_stanza(node)
    if len(stanza) > MAX_STANZA:
        raise InvalidInput("the message is too long for so many devices")
    return stanza


def _finish(ready: _Ready, chat: Jid, node: Node) -> Prepared:
    """Store, queue and announce."""
    work, draft, store = ready.work, ready.draft, ready.store
    stanza = _encoded(node)
    if draft.again:
        stored = store.messages.get(chat, draft.id)
        if stored is None or store.send_queue.get(draft.id) is None:
            raise InvalidInput("the message does not wait any more")
        store.send_queue.done(draft.id)
        store.send_queue.add(draft.id, chat, stanza, draft.now * 1000)
        store.send_queue.attempt(draft.id)
        return Prepared(stored, stanza, work.frames)
    is_change = _is_change(ready.content)
    kind = MessageKind.TEXT if isinstance(ready.content, Text) else MessageKind.OTHER
    message = store.messages.add(
        Message(
            key=MessageKey(chat, draft.id, from_me=True, sender=work.own.pn.bare),
            timestamp=draft.now,
            content=ready.message.SerializeToString(),
            kind=MessageKind.ADD_ON if is_change else kind,
            push_name=work.credentials.push_name,
            ack=Ack.PENDING,
        )
    )
    if message is None or store.send_queue.get(draft.id) is not None:
        raise InvalidInput("a message of this id exists already")
    store.send_queue.add(draft.id, chat, stanza, draft.now * 1000)
    if not is_change:  # a change takes effect with the ack
        store.chats.touch(chat, draft.now)
        work.emit(MessageAdded(message))
        if isinstance(ready.content, Image | Video | Audio | Document | Sticker):
            work.emit(MediaUploaded(message))
    crash_point("send.prepared")
    return Prepared(message, stanza, work.frames)
