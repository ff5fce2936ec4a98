"""Where an add-on comes from and what it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, get_args

from ..errors import DecodeError
from ..model import Group, Message, MessageKey, MessageKind
from ..model.contents import (
    ChatTimer,
    Content,
    Edit,
    EncryptedComment,
    EncryptedEdit,
    EncryptedReaction,
    EventResponse,
    Keep,
    MemberLabel,
    Pin,
    PollVote,
    Reaction,
    Revoke,
    SharingLimit,
    TargetKey,
)
from ..stanza.addons import Original
from ..stanza.contents import DecodedMessage, read_message
from ..stanza.contents.keys import key_of
from ..wire import Jid
from .fanout import canonical
from .work import Work

MAX_TARGET_ID: Final = 256
"""Characters of a message id that an add-on may name; real ones have 32 at most."""

_CLOSED: Final = frozenset((MessageKind.REVOKED, MessageKind.ADD_ON, MessageKind.STUB))


AddOnContent = (
    Reaction
    | EncryptedReaction
    | EncryptedComment
    | EncryptedEdit
    | Edit
    | Revoke
    | PollVote
    | EventResponse
    | Pin
    | Keep
    | ChatTimer
    | MemberLabel
    | SharingLimit
)
"""Contents that are no messages of their own."""

_ADD_ONS: Final = get_args(AddOnContent)


def is_add_on(content: Content) -> bool:
    """Whether a content speaks of another message, or of its chat, and is none of its own."""
    return isinstance(content, _ADD_ONS)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that speaks of another one, received or about to be sent.

    Attributes:
        key: its own: chat and author by phone number where that is known.
        sender: its author as the stanza named them.
        chat: as the stanza named it, bare.
        content: what it says.
        timestamp: Unix seconds, by the server's clock.
        message: as it is stored; without it, it cannot wait for what it speaks of.
    """

    key: MessageKey
    sender: Jid
    chat: Jid
    content: Content
    timestamp: int
    message: Message | None


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do in a chat.

    Attributes:
        in_group: the chat is a group.
        is_member: they are in it.
        is_admin: they are one of its admins.
        members_may_edit: its members may edit its info.
    """

    in_group: bool
    is_member: bool
    is_admin: bool
    members_may_edit: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """A stored message that something encrypted belongs to.

    Attributes:
        decoded: what it says.
        original: the same message, for the key; its secret may be missing.
    """

    message: Message
    decoded: DecodedMessage
    original: Original


@dataclass(frozen=True, slots=True)
class Scene:
    """An add-on in the transaction in which it takes effect."""

    work: Work
    arrival: Arrival

    @property
    def chat(self) -> Jid:
        """Where it stands, by phone number where that is known, bare."""
        return self.arrival.key.chat

    @property
    def sender(self) -> Jid:
        """Who wrote it, by phone number where that is known, bare."""
        return self.person(self.arrival.key.sender)

    @property
    def key(self) -> MessageKey:
        """Its own key; an own device is named by the account's number."""
        return replace(self.arrival.key, sender=self.sender)

    @property
    def server_ms(self) -> int:
        """When the server saw it, Unix milliseconds."""
        return self.arrival.timestamp * 1000

    def sent_ms(self, claimed_ms: int) -> int:
        """When it was written: as its sender says, or else when the server saw it."""
        return claimed_ms if claimed_ms > 0 else self.server_ms

    def person(self, jid: Jid) -> Jid:
        """A person by phone number where that is known, bare."""
        own = self.work.own
        return own.pn.bare if own.is_own(jid) else canonical(self.work.store, jid)

    def addresses(self, jid: Jid) -> tuple[Jid, ...]:
        """All known addresses of a person, bare; the given one first."""
        own, addresses = self.work.own, self.work.store.addresses
        bare = jid.bare
        if own.is_own(bare):
            known: tuple[Jid | None, ...] = (own.pn, own.lid)
        elif bare.is_lid:
            known = (addresses.pn_of(bare),)
        else:
            known = (addresses.lid_of(bare),)
        return tuple(dict.fromkeys((bare, *(one.bare for one in known if one is not None))))

    @property
    def senders(self) -> tuple[Jid, ...]:
        """All addresses under which its author may have encrypted it."""
        return self.addresses(self.arrival.sender)

    # --- the message that it speaks of ---

    def target(self, named: TargetKey) -> MessageKey:
        """The message that it names, in our view.

        Raises:
            DecodeError: it names none.
        """
        if len(named.id) > MAX_TARGET_ID or not named.id.isprintable():
            raise DecodeError("the message named has no usable id")
        key = key_of(
            named,
            chat=self.chat,
            sender=self.arrival.key.sender,
            from_me=self.arrival.key.from_me,
            own=self.work.own,
        )
        return replace(key, sender=self.person(key.sender))

    def find(self, target: MessageKey) -> Message | None:
        """The message of a key, if it is known; a placeholder is one too."""
        return self.work.store.messages.get_exact(target)

    def find_open(self, target: MessageKey) -> Message | None:
        """The message of a key, to which something may be added, if it is known.

        Raises:
            DecodeError: nothing can be added to that message.
        """
        message = self.find(target)
        if message is not None and message.kind in _CLOSED:
            raise DecodeError("nothing can be added to that message")
        return message

    def find_readable(self, target: MessageKey) -> Message | None:
        """The message of a key; if it did not come yet, or can't be read, the add-on waits for it.

        Raises:
            DecodeError: nothing can be added to that message.
        """
        message = self.find_open(target)
        if message is None or message.kind is MessageKind.CIPHERTEXT:
            self._wait_for(target)
            return None
        return message

    def secret_of(self, target: MessageKey) -> Secret | None:
        """The message of a key with its secret; None if the add-on has to wait for it.

        Raises:
            DecodeError: nothing can be added to that message.
        """
        message = self.find_readable(target)
        if message is None:
            return None
        decoded = read_message(message.proto())
        authors = self.addresses(message.key.sender)
        return Secret(message, decoded, Original(target.id, authors, decoded.info.secret))

    def _wait_for(self, target: MessageKey) -> None:
        message = self.arrival.message
        if message is None:
            raise DecodeError("the message named is not known")
        self.work.store.add_ons.wait(target.chat, target.id, message.seq)

    # --- rights ---

    def rights(self) -> Rights:
        """What its author may do here.

        Own devices have checked before they sent. The server lets only members write into a group:
        as long as the group, or whether our list of it is whole and fresh, is not known, whoever
        writes counts as a member, the settings as the usual ones, and nobody as an admin.
        """
        if not self.chat.is_group:
            return Rights(in_group=False, is_member=True, is_admin=False, members_may_edit=True)
        if self.arrival.key.from_me:
            return Rights(in_group=True, is_member=True, is_admin=True, members_may_edit=True)
        group = self.work.store.groups.get(self.chat)
        if group is None:
            return Rights(in_group=True, is_member=True, is_admin=False, members_may_edit=True)
        found = (group.member(address) for address in self.senders)
        member = next((one for one in found if one is not None), None)
        return Rights(
            in_group=True,
            is_member=member is not None or group.is_due(self.work.now),
            is_admin=member is not None and member.is_admin,
            members_may_edit=not group.is_locked,
        )

    def group(self) -> Group | None:
        """The group that it stands in; None in other chats, or if it is not known."""
        return self.work.store.groups.get(self.chat) if self.chat.is_group else None
