"""What a message of ours says, worked out inside the transaction that encrypts it.

Only there it is certain what is stored: the message that is answered, the poll that is voted in,
the timer of the chat.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..errors import InvalidInput
from ..model import AddressingMode, Group, Message, MessageKind
from ..model.contents import (
    NO_INFO,
    Association,
    Content,
    Context,
    GroupMention,
    MessageInfo,
    TargetKey,
    has_context,
    with_context,
)
from ..stanza.addons import Original
from ..stanza.contents import quote, read_message
from ..stanza.contents.keys import target_of
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid

SECRET_SIZE = 32

_UNSAID = frozenset((MessageKind.CIPHERTEXT, MessageKind.REVOKED, MessageKind.STUB))
_CLOSED = _UNSAID | {MessageKind.ADD_ON}


class NoSuchMessage(InvalidInput):
    """The message that is spoken of is not stored, or nothing is known of what it says."""

    def __init__(self) -> None:
        super().__init__("there is no such message")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a content is sent.

    Attributes:
        quoted_id: the stored message that this one answers; an unknown one is ignored.
        mentions: people named in the text.
        mentions_everyone: the text has `@all`.
        group_mentions: groups named in the text.
        message_id: the id to use, so that a caller may repeat a call; None makes a fresh one.
        association: the album or other message that this one belongs to.
        media_id: of an upload for a channel.
        audience: who sees a status post; empty means the account's contacts.
        secret: 32 bytes that votes and answers will need; empty makes fresh ones.
    """

    quoted_id: str | None = None
    mentions: tuple[Jid, ...] = ()
    mentions_everyone: bool = False
    group_mentions: tuple[GroupMention, ...] = ()
    message_id: str | None = None
    association: Association | None = None
    media_id: str = ""
    audience: tuple[Jid, ...] = ()
    secret: bytes = field(default=b"", repr=False)


NO_OPTIONS = SendOptions()


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a message is about to be written.

    Attributes:
        chat: by phone number where that is known, bare.
        to: the same as the stanza names it.
        now: Unix seconds.
        group: what is known of the group; None in other chats.
    """

    store: UnitOfWork
    own: OwnAddresses
    chat: Jid
    to: Jid
    now: int
    group: Group | None

    @property
    def is_by_lid(self) -> bool:
        """People are named by their hidden ids here."""
        if self.group is not None:
            return self.group.addressing is AddressingMode.LID
        return not self.to.is_pn

    def address(self, user: Jid) -> Jid:
        """A person as this chat names them, bare."""
        addresses = self.addresses(user)
        return next((one for one in addresses if one.is_lid is self.is_by_lid), addresses[0])

    def addresses(self, user: Jid) -> tuple[Jid, ...]:
        """All known addresses of a person, the one of this chat's kind first."""
        if self.own.is_own(user):
            known = [self.own.pn.bare, self.own.lid.bare if self.own.lid else None]
        elif user.is_lid:
            known = [self.store.addresses.pn_of(user), user.bare]
        else:
            known = [user.bare, self.store.addresses.lid_of(user)]
        found = [one for one in known if one is not None]
        return tuple(sorted(found, key=lambda one: one.is_lid is not self.is_by_lid))

    def find(self, message_id: str) -> Message:
        """A stored message of this chat, to which something may be added.

        Raises:
            NoSuchMessage: there is none, or nothing is known of what it says.
        """
        message = self.store.messages.get(self.chat, message_id)
        if message is None or message.kind in _CLOSED:
            raise NoSuchMessage
        return message

    def target(self, message: Message) -> TargetKey:
        """How a message of ours names a stored one."""
        return target_of(message.key, chat=self.to, author=self.address(message.key.sender))

    def original(self, message: Message) -> Original:
        """A stored message as the one that an encrypted add-on belongs to.

        Raises:
            InvalidInput: it has no secret, so that nothing can be added to it.
        """
        secret = read_message(message.proto()).info.secret
        if len(secret) != SECRET_SIZE:
            raise InvalidInput("the message has no secret")
        return Original(message.key.id, self.addresses(message.key.sender), secret)

    @property
    def own_senders(self) -> tuple[Jid, ...]:
        """Our own addresses, the one of this chat's kind first."""
        return self.addresses(self.own.pn.bare)


@dataclass(frozen=True, slots=True)
class Composed:
    """What is sent.

    Attributes:
        info: the secret and what else stands beside the content.
    """

    content: Content
    info: MessageInfo = NO_INFO


Compose = Callable[[Scene], Composed]
"""Runs on the store's writer thread; raises InvalidInput."""


def fresh_info(association: Association | None = None, secret: bytes = b"") -> MessageInfo:
    """What stands beside every new message of its own.

    Args:
        secret: 32 bytes; empty makes fresh ones.

    Raises:
        InvalidInput: the secret has another length.
    """
    if len(secret) not in (0, SECRET_SIZE):
        raise InvalidInput(f"a message's secret has {SECRET_SIZE} bytes")
    return MessageInfo(secret=secret or os.urandom(SECRET_SIZE), association=association)


def message_of(content: Content, options: SendOptions) -> Compose:
    """A message of its own, with the quote, mentions and timer that belong to it."""

    def compose(scene: Scene) -> Composed:
        shown = content
        if has_context(content):
            shown = with_context(content, lambda context: _context(scene, context, options))
        return Composed(shown, fresh_info(options.association, options.secret))

    return compose


def _context(scene: Scene, context: Context, options: SendOptions) -> Context:
    if options.mentions:
        context = replace(context, mentions=(*context.mentions, *options.mentions))
    if options.group_mentions:
        mentions = (*context.group_mentions, *options.group_mentions)
        context = replace(context, group_mentions=mentions)
    if options.mentions_everyone:
        context = replace(context, mentions_everyone=True)
    if options.quoted_id is not None:
        context = _quoting(scene, context, options.quoted_id)
    return _timed(scene, context)


def _quoting(scene: Scene, context: Context, quoted_id: str) -> Context:
    messages = scene.store.messages
    quoted = messages.get(scene.chat, quoted_id) or messages.find(quoted_id)
    if quoted is None or not quoted.content or quoted.kind in _UNSAID:
        return context
    is_elsewhere = quoted.key.chat != scene.chat
    return replace(
        context,
        quote=quote(
            quoted.proto(),
            quoted.key.id,
            scene.address(quoted.key.sender),
            quoted.key.chat if is_elsewhere else None,
        ),
    )


def _timed(scene: Scene, context: Context) -> Context:
    """Messages of a chat with a timer say so themselves."""
    if scene.group is not None:
        seconds, set_at = scene.group.expiration_s, 0
    elif scene.chat.is_user:
        timer = scene.store.chats.timer(scene.chat)
        seconds, set_at = timer.expiration_s, timer.set_at
    else:
        return context
    if not seconds:
        return context
    return replace(context, expiration_s=seconds, timer_set_at=set_at)
