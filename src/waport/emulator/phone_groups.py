"""How the phone writes to many at once: a group, or everybody it knows (a status post).

Source: docs/protocol/messages.md, "Sending"; docs/protocol/signal.md, "Sender keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import QueryError, StanzaError
from ..proto import pb
from ..wire import SERVER, AttrValue, Jid, Node
from .link import DeviceLink
from .notifications import phash
from .phone_devices import Contacts, OwnAddress, ask
from .phone_signal import PhoneSignal
from .phone_trouble import NO_TROUBLE, Trouble

_MODES = ("lid", "pn")
_SETTINGS = {"contacts": "contacts", "whitelist": "allowlist", "blacklist": "denylist"}
"""Who sees status posts: in the words of the privacy list, and in those of a post."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who gets what is written to a chat.

    Attributes:
        mode: the group's addressing mode; None for status posts.
        people: bare addresses, the phone's own included.
        setting: what a status post says of its audience.
    """

    mode: str | None
    people: list[Jid]
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is encrypted and ready to go.

    Attributes:
        attrs: of `<message>`, beside those of every message.
        content: its first children.
        chain_id: of the key it is encrypted with.
        told: the devices that are given the key along with it, by Signal address.
        setting: what a status post says of its audience.
    """

    attrs: dict[str, AttrValue]
    content: list[Node]
    chain_id: int
    told: list[str]
    setting: str = ""


class GroupSender:
    """Finds out who belongs to a chat, gives them the phone's key and encrypts for them."""

    def __init__(
        self, link: DeviceLink, signal: PhoneSignal, own: OwnAddress, contacts: Contacts
    ) -> None:
        self._link = link
        self._signal = signal
        self._keys = signal.sender_keys
        self._own = own
        self._contacts = contacts

    async def audience(self, chat: Jid) -> Audience:
        """Who is in a chat now.

        Raises:
            QueryError: there is no such group (NotFound), or this account is no member.
        """
        if chat.is_status:
            return await self._status_audience()
        query = Node("query", {"request": "interactive"})
        iq = Node("iq", {"type": "get", "xmlns": "w:g2", "to": chat}, [query])
        group = (await ask(self._link, iq)).child("group")
        mode = group.attr("addressing_mode")
        if mode not in _MODES:
            raise StanzaError("group", f"unknown addressing mode {mode}")
        people = []
        for participant in group.children("participant"):
            jid = participant.jid("jid").bare
            other = participant.get_jid("phone_number" if jid.is_lid else "lid")
            self._signal.learn(jid, other)
            people.append(jid)
        return Audience(mode, people)

    async def _status_audience(self) -> Audience:
        """Everybody whom the phone knows, as far as the account lets them see its posts."""
        known = {Jid(user, self._own.lid.server) for user in self._signal.lids.values()}
        iq = Node("iq", {"type": "get", "xmlns": "status", "to": SERVER}, [Node("privacy")])
        kind, named = "contacts", set[Jid]()
        try:
            listed = (await ask(self._link, iq)).child("privacy").child("list")
            kind = listed.attr("type")
            named = {user.jid("jid").bare for user in listed.children("user")}
        except QueryError:
            pass  # nothing was chosen
        if kind == "whitelist":
            known = named
        elif kind == "blacklist":
            known -= named
        people = sorted(known | {self._own.lid}, key=str)
        return Audience(None, people, _SETTINGS.get(kind, ""))

    async def may_ask(self, chat: Jid, device: Jid) -> bool:
        """Whether a device that asks for a message again belongs to a member; else the key goes."""
        address = self._signal.address(device.bare)
        audience = await self.audience(chat)
        if any(self._signal.address(jid) == address for jid in audience.people):
            return True
        self._keys.forget(str(chat))
        return False

    async def prepare(
        self, chat: Jid, message: pb.Message, enc: Mapping[str, str], trouble: Trouble
    ) -> Prepared:
        """Encrypt a message for a chat.

        Args:
            chat: a group or the status feed.
            message: the content.
            enc: further attributes of every `<enc>`; the media type stands on the shared one only.
            trouble: what is to be wrong with it.

        Raises:
            QueryError: see `audience`; or the server refused keys or device lists.
        """
        audience, name = await self.audience(chat), str(chat)
        own = self._own.lid if audience.mode != "pn" else self._own.pn
        devices = await self._contacts.devices(audience.people)
        targets = [d for person in audience.people for d in devices[person] if d != own]
        addresses = {self._signal.address(device) for device in targets}
        if self._keys.told(name) - addresses:
            self._keys.forget(name)  # somebody has left, or given a device away
        told = self._keys.told(name)
        # Own companions are told with every message, whether they have the key or not.
        cold = [d for d in targets if d in self._own or self._signal.address(d) not in told]
        if trouble.is_inline:
            cold = targets
        failed = await self._contacts.open_sessions(cold)
        reached = [device for device in cold if device not in failed]
        inside = message if trouble.is_inline else None
        part = self.distribution(chat, inside, trouble).SerializeToString()
        single = {key: enc[key] for key in enc if key != "mediatype" or trouble.is_inline}
        entries = []
        for device in reached:
            sealed = self._signal.encrypt(device, part)
            node = Node("enc", {"v": "2", "type": sealed.type, **single}, sealed.body)
            entries.append(Node("to", {"jid": device}, [node]))
        attrs: dict[str, AttrValue] = {}
        if audience.mode is None:
            named = {device.bare for device in reached}
            entries += [Node("to", {"jid": jid}) for jid in audience.people if jid not in named]
        else:
            everybody = [device for person in audience.people for device in devices[person]]
            attrs = {"phash": phash(everybody), "addressing_mode": audience.mode}
        content = [Node("participants", {}, entries)] if entries else []
        if not trouble.is_inline:
            body = self._keys.encrypt(name, message.SerializeToString(), trouble)
            content.append(Node("enc", {**trouble.enc("skmsg"), **enc}, body))
        fresh = [self._signal.address(d) for d in reached if d not in self._own]
        return Prepared(attrs, content, self._keys.chain_id(name), fresh, audience.setting)

    def distribution(
        self,
        chat: Jid,
        message: pb.Message | None = None,
        trouble: Trouble = NO_TROUBLE,
    ) -> pb.Message:
        """The message that gives away the phone's key for a chat, with `message` inside if given.

        It has to be made before the next message is encrypted with that key.
        """
        given = pb.Message()
        if message is not None:
            given.CopyFrom(message)
        given.senderKeyDistributionMessage.groupId = str(chat)
        given.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = (
            self._keys.distribution(str(chat), trouble)
        )
        return given

    def acknowledged(self, chat: Jid, prepared: Prepared) -> None:
        """The server has taken a message: whoever was given the key with it has it now."""
        self._keys.tell(str(chat), prepared.chain_id, prepared.told)

    def doubt(self, chat: Jid, device: Jid) -> None:
        """A device could not read a message: it gets the key once more."""
        self._keys.doubt(str(chat), self._signal.address(device))

    async def mode(self, chat: Jid) -> str:
        """The addressing mode of a group."""
        return (await self.audience(chat)).mode or "lid"
