"""Made-up history: people, groups and what was written in them, the same for the same seed.

Source: docs/protocol/app-state.md, "What comes out".
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..proto import pb
from ..wire import GROUP_SERVER, SERVER, Jid

MAX_CHATS = 5_000
MAX_MESSAGES = 1_000_000

_TEXT = (
    "again also boat coffee door early evening garden harbour house island later letter light "
    "market morning music night paper photo rain river school ship street summer table ticket "
    "today tomorrow train tree water weather window winter"
)
_WORDS = _TEXT.split()
_EMOJI = ("👍", "❤️", "😂", "😮", "🙏")
_GAP_S = 60
_CHAT_GAP_S = 997
_MEMBERS = 6


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the history; nobody that the server knows.

    Attributes:
        pn: by phone number.
        lid: by hidden id.
        name: what they call themselves.
    """

    pn: Jid
    lid: Jid
    name: str


@dataclass(slots=True)
class OldChat:
    """A chat of the phone.

    Attributes:
        about: all of it but its messages.
        messages: the newest first.
    """

    about: pb.Conversation
    messages: list[pb.WebMessageInfo] = field(default_factory=list)

    @property
    def jid(self) -> str:
        """As the phone names it."""
        return self.about.id

    def part(self, start: int, end: int) -> pb.Conversation:
        """The chat with some of its messages, counted from the newest."""
        part = pb.Conversation()
        part.CopyFrom(self.about)
        for message in self.messages[start:end]:
            part.messages.add().message.CopyFrom(message)
        return part


@dataclass(slots=True)
class MadeHistory:
    """All that a phone remembers.

    Attributes:
        people: whoever is named in it.
        chats: the one with the latest message first.
        past: who has left which group.
        statuses: posts of the last day.
    """

    people: list[Person] = field(default_factory=list)
    chats: list[OldChat] = field(default_factory=list)
    past: list[pb.PastParticipants] = field(default_factory=list)
    statuses: list[pb.WebMessageInfo] = field(default_factory=list)


def make_history(own: Person, chats: int, messages: int, seed: int, now: int) -> MadeHistory:
    """Make a history up.

    Args:
        own: whose phone it is.
        chats: how many chats.
        messages: in all of them together; as many in each, the first ones may have one more.
        seed: the same one gives the same history, but for the time.
        now: Unix seconds; everything is older.
    """
    return _Maker(own, seed, now).make(chats, messages)


class _Maker:
    def __init__(self, own: Person, seed: int, now: int) -> None:
        self._own = own
        self._seed = seed
        self._now = now
        self._random = random.Random(seed)
        self._made = MadeHistory()

    def make(self, chats: int, messages: int) -> MadeHistory:
        self._made.people = [self._person(number) for number in range(max(chats, _MEMBERS + 1))]
        each, more = divmod(messages, max(chats, 1))
        for number in range(chats):
            count = each + (1 if number < more else 0)
            self._made.chats.append(self._chat(number, count))
        for number in range(min(chats, 3)):
            self._made.statuses.append(self._status(self._made.people[number]))
        return self._made

    def _person(self, number: int) -> Person:
        name = f"{self._random.choice(_WORDS).title()} {number}"
        pn = Jid(f"1556{self._seed % 1000:03}{number:04}", SERVER.server)
        lid = Jid(str(3 * 10**14 + self._seed % 1000 * 10**6 + number), "lid")
        return Person(pn, lid, name)

    def _chat(self, number: int, count: int) -> OldChat:
        person = self._made.people[number]
        is_group = number % 5 == 4
        at = self._now - _CHAT_GAP_S * (number + 1)
        about = pb.Conversation(conversationTimestamp=at, lastMsgTimestamp=at)
        if is_group:
            about.id = str(
                Jid(str(120363000000000000 + self._seed * 10_000 + number), GROUP_SERVER.server)
            )
            about.name = f"{self._random.choice(_WORDS).title()} group {number}"
            self._leave(about.id, person)
        elif number % 7 == 6:
            about.id, about.pnJid = str(person.lid), str(person.pn)
        else:
            about.id, about.lidJid = str(person.pn), str(person.lid)
        if not is_group and number % 3:
            about.name = f"Book {number}"
        self._settings(about, number, at)
        unread = min(1 + number % 7, count) if number % 4 == 0 else 0
        about.unreadCount = unread
        members = [self._made.people[(number + step) % len(self._made.people)] for step in range(6)]
        authors = members if is_group else [person]
        chat = OldChat(about)
        for place in range(count):
            author = authors[place % len(authors)]
            is_own = place >= unread and self._random.random() < 0.4
            chat.messages.append(
                self._message(number, place, at - place * _GAP_S, author, is_own, is_group, unread)
            )
        return chat

    def _settings(self, about: pb.Conversation, number: int, at: int) -> None:
        if number in (1, 2):
            about.pinned = at
        if number % 17 == 3:
            about.archived = True
        if number % 11 == 4:
            about.muteEndTime = self._now + 86_400
        if number % 9 == 5:
            about.ephemeralExpiration, about.ephemeralSettingTimestamp = 604_800, at - 5
        if number % 23 == 7:
            about.markedAsUnread = True

    def _leave(self, group: str, person: Person) -> None:
        gone = pb.PastParticipant(
            userJid=str(person.lid), leaveReason=pb.PastParticipant.LEFT, leaveTs=self._now
        )
        self._made.past.append(pb.PastParticipants(groupJid=group, pastParticipants=[gone]))

    # --- messages --------------------------------------------------------------------------------

    def _message(
        self,
        chat: int,
        place: int,
        at: int,
        author: Person,
        is_own: bool,
        is_group: bool,
        unread: int,
    ) -> pb.WebMessageInfo:
        info = pb.WebMessageInfo(messageTimestamp=at)
        info.key.id = f"3A{self._random.getrandbits(72):018X}"
        info.key.fromMe = is_own
        info.key.remoteJid = self._chat_name(chat, is_group)
        if is_group and not is_own:
            info.key.participant = info.participant = str(author.lid)
        if is_own:
            self._delivered(info, author, at)
        else:
            info.pushName = author.name
            info.status = pb.WebMessageInfo.DELIVERY_ACK
        kind = place % 40 if place >= max(unread, 1) else 0
        if kind == 29:
            info.messageStubType = (
                pb.WebMessageInfo.GROUP_CREATE if is_group else pb.WebMessageInfo.E2E_ENCRYPTED
            )
            info.messageStubParameters.append("stub")
        elif kind == 37:
            info.messageStubType = pb.WebMessageInfo.REVOKE
        else:
            self._fill(info.message, kind)
            info.starred = kind == 31
        if kind == 11:
            reaction = info.reactions.add(text=self._random.choice(_EMOJI))
            reaction.senderTimestampMs = (at + 5) * 1000
            reaction.key.id = f"3A{self._random.getrandbits(72):018X}"
            reaction.key.fromMe = not is_own
            if is_group and is_own:
                reaction.key.participant = str(author.lid)
        return info

    def _chat_name(self, chat: int, is_group: bool) -> str:
        if is_group:
            return str(
                Jid(str(120363000000000000 + self._seed * 10_000 + chat), GROUP_SERVER.server)
            )
        person = self._made.people[chat]
        return str(person.lid if chat % 7 == 6 else person.pn)

    def _delivered(self, info: pb.WebMessageInfo, reader: Person, at: int) -> None:
        info.status = pb.WebMessageInfo.READ
        info.userReceipt.add(userJid=str(reader.pn), receiptTimestamp=at + 1, readTimestamp=at + 2)

    def _fill(self, message: pb.Message, kind: int) -> None:
        text = " ".join(self._words())
        if kind == 7:
            message.extendedTextMessage.text = text
            context = message.extendedTextMessage.contextInfo
            context.stanzaId, context.participant = "3AQUOTED", str(self._own.pn)
            context.quotedMessage.conversation = "quoted"
        elif kind == 13:
            image = message.imageMessage
            image.caption, image.mimetype = text, "image/jpeg"
            image.mediaKey = image.fileSha256 = image.fileEncSha256 = self._random.randbytes(32)
            image.directPath, image.fileLength = "/v/t62.7118-24/old?oh=1", 4_000
            image.jpegThumbnail = self._random.randbytes(400)
        elif kind == 19:
            poll = message.pollCreationMessageV3
            poll.name, poll.selectableOptionsCount = text, 1
            for option in ("yes", "no"):
                poll.options.add(optionName=option)
            message.messageContextInfo.messageSecret = self._random.randbytes(32)
        elif kind == 23:
            message.locationMessage.degreesLatitude = 53.5
            message.locationMessage.degreesLongitude = 10.0
        else:
            message.conversation = text

    def _words(self) -> Iterator[str]:
        for _ in range(self._random.randint(2, 18)):
            yield self._random.choice(_WORDS)

    def _status(self, author: Person) -> pb.WebMessageInfo:
        info = pb.WebMessageInfo(messageTimestamp=self._now - 600, pushName=author.name)
        info.key.id = f"3A{self._random.getrandbits(72):018X}"
        info.key.remoteJid = "status@broadcast"
        info.key.participant = info.participant = str(author.pn)
        info.message.conversation = " ".join(self._words())
        return info
