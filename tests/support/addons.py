"""Messages and what is added to them, as they come to a linked account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from waport.client import addons
from waport.client.work import Work
from waport.model import (
    AddressingMode,
    DomainEvent,
    Group,
    GroupMember,
    MemberRole,
    Message,
    MessageKey,
    MessageKind,
)
from waport.model.contents import Content, MessageInfo, TargetKey
from waport.proto import pb
from waport.stanza.addons import Original
from waport.stanza.contents import DecodedMessage, read_message, write_message
from waport.wire import Jid, Node

from .account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account

ANN_PN = Jid("15550003333", "s.whatsapp.net")
ANN_LID = Jid("100000000000003", "lid")
GROUP = Jid("120363000000000001", "g.us")
SECRET = bytes(range(32))
MINUTE_S = 60

_MEMBERS = (
    GroupMember(OWN_LID.bare, OWN_PN.bare, OWN_LID.bare),
    GroupMember(PEER_LID, PEER_PN, PEER_LID),
    GroupMember(ANN_LID, ANN_PN, ANN_LID, MemberRole.ADMIN),
)


def group_of(members: tuple[GroupMember, ...] = _MEMBERS, *, is_locked: bool = False) -> Group:
    """A group by hidden ids: the account and the peer are members, Ann is an admin."""
    return Group(
        GROUP,
        "Team",
        addressing=AddressingMode.LID,
        members=members,
        is_locked=is_locked,
        fetched_at=NOW,
    )


def original(message_id: str, *authors: Jid, secret: bytes = SECRET) -> Original:
    """A message as the one that an add-on is encrypted under."""
    return Original(message_id, authors, secret)


def mine(message_id: str, chat: Jid = OWN_LID.bare) -> TargetKey:
    """A message that its own author names."""
    return TargetKey(message_id, chat, from_me=True)


def yours(message_id: str, participant: Jid | None = None) -> TargetKey:
    """A message of somebody else, as whoever writes names it."""
    return TargetKey(message_id, OWN_LID.bare, from_me=False, participant=participant)


@dataclass
class Conversation:
    """The account and the chats in which others, and its own devices, write."""

    account: Account
    _count: int = field(default=0)

    async def know(self, group: Group | None = None) -> None:
        """Learn Ann's addresses, and a group."""

        def job(work: Work) -> None:
            work.store.addresses.learn(ANN_PN, ANN_LID)
            if group is not None:
                work.store.groups.put(group)

        await self.run(job)

    async def post(
        self,
        content: Content,
        message_id: str = "M1",
        *,
        sender: Jid = PEER_LID,
        chat: Jid | None = None,
        kind: MessageKind = MessageKind.OTHER,
        timestamp: int = NOW,
        secret: bytes = SECRET,
    ) -> list[DomainEvent]:
        """A message comes; returns the events of what waited for it."""
        stored = write_message(DecodedMessage(content, MessageInfo(secret)))

        def job(work: Work) -> None:
            key = _key(work, message_id, sender, chat)
            message = Message(key, timestamp, stored.SerializeToString(), kind)
            added = work.store.messages.add(message)
            assert added is not None
            if kind is not MessageKind.CIPHERTEXT:
                addons.apply_waiting(work, added)

        return await self.run(job)

    async def add(
        self,
        content: Content,
        *,
        sender: Jid = PEER_LID,
        chat: Jid | None = None,
        message_id: str = "",
        timestamp: int = NOW,
        info: MessageInfo | None = None,
    ) -> list[DomainEvent]:
        """A message about another one comes, over the wire and back; returns its events."""
        self._count += 1
        its_id = message_id or f"A{self._count}"
        sent = write_message(DecodedMessage(content, info or MessageInfo()))
        received = pb.Message.FromString(sent.SerializeToString())

        def job(work: Work) -> None:
            key = _key(work, its_id, sender, chat)
            stored = work.store.messages.add(
                Message(key, timestamp, received.SerializeToString(), MessageKind.ADD_ON)
            )
            arrival = addons.Arrival(
                key=key,
                sender=sender,
                chat=(chat or sender).bare,
                content=read_message(received).content,
                timestamp=timestamp,
                message=stored,
            )
            addons.apply(work, arrival)

        return await self.run(job)

    async def message(
        self, message_id: str = "M1", *, sender: Jid = PEER_PN, chat: Jid = PEER_PN
    ) -> Message:
        """A message as it is stored now."""
        is_own = sender.bare == OWN_PN.bare
        key = MessageKey(chat, message_id, is_own, sender.bare)
        stored = await self.account.read(lambda store: store.messages.get_exact(key))
        assert isinstance(stored, Message)
        return stored

    async def run(self, job: Callable[[Work], None]) -> list[DomainEvent]:
        """Run a job in a transaction; returns its events."""
        before = len(self.account.sink.recorded)
        await self.account.handle(lambda work, _: job(work), Node("message"))
        return self.account.sink.recorded[before:]


def _key(work: Work, message_id: str, sender: Jid, chat: Jid | None) -> MessageKey:
    """As the handler of messages names them: by number where that is known."""
    from_me = work.own.is_own(sender)
    named = [sender.bare, (chat or sender).bare]
    pns = [work.store.addresses.pn_of(jid) if jid.is_lid else None for jid in named]
    who, where = (pn or jid for pn, jid in zip(pns, named, strict=True))
    return MessageKey(where, message_id, from_me, who)


def key_in(chat: Jid, message_id: str, sender: Jid) -> MessageKey:
    """The key of a message in our view."""
    is_own = sender.bare in (OWN_PN.bare, OWN_LID.bare)
    return MessageKey(chat, message_id, is_own, OWN_PN.bare if is_own else sender)
