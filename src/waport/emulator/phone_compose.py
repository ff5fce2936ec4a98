"""How the phone turns a message into a stanza: for a person, a group, the status feed, a channel.

Source: docs/protocol/messages.md, "Sending"; docs/protocol/newsletters.md, "Posts".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InvalidInput
from ..proto import pb
from ..wire import AttrValue, Jid, Node
from .link import DeviceLink
from .phone_content import is_reaction, media_type, traits
from .phone_devices import Contacts, OwnAddress
from .phone_groups import GroupSender, Prepared
from .phone_signal import PhoneSignal
from .phone_trouble import NO_TROUBLE, Trouble

_ADMIN_EDIT, _ADMIN_REVOKE = "3", "8"


@dataclass(frozen=True, slots=True)
class Composed:
    """A message that is ready to go.

    Attributes:
        attrs: of `<message>`, beside `id` and `to`.
        content: its children.
        name: the id that it must have, if not any will do.
        prepared: of a message to many.
    """

    attrs: dict[str, AttrValue]
    content: list[Node]
    name: str | None = None
    prepared: Prepared | None = None


class Composer:
    """Encrypts one message at a time for everybody whom it is for."""

    def __init__(self, link: DeviceLink, signal: PhoneSignal, own: OwnAddress) -> None:
        self._signal = signal
        self._own = own
        self.contacts = Contacts(link, signal)
        self.groups = GroupSender(link, signal, own, self.contacts)

    async def compose(
        self, to: Jid, message: pb.Message, trouble: Trouble, media_id: str | None
    ) -> Composed | None:
        """Make the stanza for a message; None for a note to self that no companion is there for.

        Args:
            to: bare; a person, a group, the status feed or a channel.
            message: what to send.
            trouble: what is to be wrong with it.
            media_id: handle of the file, in a channel.

        Raises:
            InvalidInput: a reaction to a status post does not say whose that is.
            NotFound: there is no such account or group.
            QueryError: the server or every device of the recipient refused it.
        """
        if to.is_newsletter:
            return _post(message, media_id)
        shown = traits(message)
        attrs: dict[str, AttrValue] = {**shown.attrs}
        if to.is_status and is_reaction(message):
            # Only whoever has posted it may know.
            author = _author(message)
            entries = await self._fan_out(author, to, message, trouble)
            return Composed(attrs, [Node("participants", {}, entries), *shown.children])
        if to.is_group or to.is_status:
            prepared = await self.groups.prepare(to, message, shown.enc, trouble)
            content = [*prepared.content, *shown.children]
            if prepared.setting and "edit" not in attrs:
                content.append(Node("meta", {"status_setting": prepared.setting}))
            return Composed({**attrs, **prepared.attrs}, content, prepared=prepared)
        entries = await self._fan_out(to, to, message, trouble)
        if not entries:
            return None
        return Composed(attrs, [Node("participants", {}, entries), *shown.children])

    async def _fan_out(
        self, person: Jid, chat: Jid, message: pb.Message, trouble: Trouble
    ) -> list[Node]:
        """One `<to>` for each device that gets the message; all devices but this phone."""
        own = self._own.like(person)
        users = [own] if person == own else [person, own]
        devices = await self.contacts.devices(users)
        targets = [device for user in users for device in devices[user] if device != own]
        failed = await self.contacts.open_sessions(targets)
        if person != own and all(device in failed for device in devices[person]):
            raise failed[devices[person][0]]
        plaintext = message.SerializeToString()
        copy = own_copy(chat, message).SerializeToString()
        shown = traits(message).enc
        nodes = []
        for device in targets:
            if device not in failed:
                body = copy if device in self._own else plaintext
                enc = self.encrypt(device, body, shown, trouble)
                nodes.append(Node("to", {"jid": device}, [enc]))
        return nodes

    def encrypt(
        self,
        device: Jid,
        plaintext: bytes,
        more: Mapping[str, str] | None = None,
        trouble: Trouble = NO_TROUBLE,
    ) -> Node:
        """`<enc>` for one device that there is a session with, with more attributes."""
        sealed = self._signal.encrypt(device, plaintext, trouble)
        return Node("enc", {**trouble.enc(sealed.type), **(more or {})}, sealed.body)


def own_copy(to: Jid, message: pb.Message) -> pb.Message:
    """What own companions get of a message."""
    copy = pb.Message(
        deviceSentMessage=pb.DeviceSentMessage(destinationJid=str(to), message=message)
    )
    if message.HasField("messageContextInfo"):
        copy.messageContextInfo.CopyFrom(message.messageContextInfo)
    return copy


def _author(message: pb.Message) -> Jid:
    text = message.reactionMessage.key.participant
    author = Jid.parse(text) if text else None
    if author is None or not author.is_user:
        raise InvalidInput("the reaction does not say whose status post it is for")
    return author.bare


def _post(message: pb.Message, media_id: str | None) -> Composed:
    """A post; or the change of one, which has its id and says what it is in an attribute."""
    inner = message.editedMessage.message if message.HasField("editedMessage") else message
    change = inner.protocolMessage if inner.HasField("protocolMessage") else None
    if change is not None and change.type == pb.ProtocolMessage.REVOKE:
        attrs: dict[str, AttrValue] = {"type": "text", "edit": _ADMIN_REVOKE}
        return Composed(attrs, [Node("plaintext")], change.key.id)
    if change is not None and change.type == pb.ProtocolMessage.MESSAGE_EDIT:
        content = change.editedMessage
        attrs = {**traits(content).attrs, "edit": _ADMIN_EDIT}
        return Composed(attrs, [_plaintext(content)], change.key.id)
    attrs = {**traits(message).attrs}
    if media_id is not None:
        attrs["media_id"] = media_id
    return Composed(attrs, [_plaintext(message)])


def _plaintext(message: pb.Message) -> Node:
    plain = pb.Message()
    plain.CopyFrom(message)
    plain.ClearField("messageContextInfo")  # there is nothing secret here
    kind = media_type(message)
    attrs: dict[str, AttrValue] = {} if kind is None else {"mediatype": kind}
    return Node("plaintext", attrs, plain.SerializeToString())
