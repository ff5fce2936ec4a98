"""An account without WhatsApp behind it: remembers what it was asked for, and plays along."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waport.client.addon_reading import Vote
from waport.client.compose import NO_OPTIONS, NoSuchMessage, SendOptions
from waport.client.features.media import DownloadedFile
from waport.client.media_contents import NO_OPTIONS as NO_MEDIA_OPTIONS
from waport.client.media_contents import MadeMedia, MediaContent, MediaOptions
from waport.client.media_files import Source
from waport.client.media_references import file_name_of, media_of
from waport.client.message_lookup import MessageReceipts
from waport.client.message_status import MessageStatus
from waport.errors import InvalidInput, WhatsAppError
from waport.model import About, Ack, AddOn, Contact, Message, MessageKey, MessageKind, OwnAccount
from waport.model.contents import (
    Audio,
    Content,
    Document,
    Image,
    LinkPreview,
    MediaFile,
    Sticker,
    Text,
    Video,
)
from waport.proto import pb
from waport.stanza.contents import encode
from waport.wire import Jid

from .fake_channels import FakeBusiness, FakeChannels, FakeHistory, file_of
from .fake_groups import FakeChats, FakeChatSettings, FakeGroups, FakePresence
from .fake_people import FakeContacts, FakeProfile

OWN = Jid("15550001111", "s.whatsapp.net")
PEER = Jid("15559990000", "s.whatsapp.net")
OWN_ACCOUNT = OwnAccount(OWN, push_name="Bot", platform="android")
SENT_ID = "3EB0AAAAAAAAAAAAAAAAAA"
NOW = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """One call of `messages.send`."""

    chat: Jid
    content: Content
    options: SendOptions

    @property
    def text(self) -> str:
        assert isinstance(self.content, Text)
        return self.content.text

    @property
    def mentions(self) -> tuple[Jid, ...]:
        return self.options.mentions

    @property
    def quoted_id(self) -> str | None:
        return self.options.quoted_id


def text_message(
    message_id: str,
    text: str = "hi",
    *,
    from_me: bool = False,
    seconds: int = NOW,
    chat: Jid = PEER,
) -> Message:
    """A text."""
    return stored(message_id, pb.Message(conversation=text), from_me, seconds, chat)


def stored(
    message_id: str,
    content: pb.Message,
    from_me: bool = False,
    seconds: int = NOW,
    chat: Jid = PEER,
    kind: MessageKind = MessageKind.OTHER,
) -> Message:
    """A message of any content."""
    return Message(
        key=MessageKey(chat, message_id, from_me, OWN if from_me else PEER),
        timestamp=seconds,
        content=content.SerializeToString(),
        kind=kind,
        ack=Ack.SERVER if from_me else Ack.PENDING,
    )


@dataclass
class FakeMessages:
    """Messages that are in a list, oldest first."""

    account: FakeClient

    def _sent(self, chat: Jid, content: Content) -> Message:
        message = encode(content)
        key = MessageKey(chat, SENT_ID, True, OWN)
        return Message(key, NOW, message.SerializeToString(), MessageKind.OTHER, ack=Ack.SERVER)

    async def send(self, chat: Jid, content: Content, options: SendOptions = NO_OPTIONS) -> Message:
        self.account.fail()
        self.account.calls.append(("send", chat))
        self.account.sent.append(Sent(chat, content, options))
        return self._sent(chat, content)

    async def _change(self, what: str, chat: Jid, message_id: str, *more: object) -> Message:
        self.account.fail()
        self.account.calls.append((what, chat, message_id, *more))
        return self._sent(chat, Text("a change"))

    async def forward(self, chat: Jid, message_id: str, to: Jid) -> Message:
        await self._change("forward", chat, message_id, to)
        return self._sent(to, Text("forwarded"))

    async def react(self, chat: Jid, message_id: str, emoji: str) -> Message:
        return await self._change("react", chat, message_id, emoji)

    async def edit(self, chat: Jid, message_id: str, content: Content | str) -> Message:
        return await self._change("edit", chat, message_id, content)

    async def revoke(self, chat: Jid, message_id: str) -> Message:
        return await self._change("revoke", chat, message_id)

    async def pin(self, chat: Jid, message_id: str, duration_s: int = 604_800) -> Message:
        return await self._change("pin", chat, message_id, duration_s)

    async def unpin(self, chat: Jid, message_id: str) -> Message:
        return await self._change("unpin", chat, message_id)

    async def fetch(self, chat: Jid, limit: int, before: str | None = None) -> Sequence[Message]:
        self.account.fetched.append((chat, limit, before))
        newest_first = self.account.stored[::-1]
        ids = [message.key.id for message in newest_first]
        start = ids.index(before) + 1 if before in ids else 0
        return newest_first[start : start + limit]

    async def page(
        self, chat: Jid, limit: int, place: tuple[int, int] | None = None
    ) -> Sequence[Message]:
        places = [(message.timestamp, message.seq) for message in self.account.stored]
        found = sorted(zip(places, self.account.stored, strict=True), key=lambda each: each[0])
        behind = [message for at, message in found[::-1] if place is None or at < place]
        return behind[:limit]

    async def find(self, chats: Iterable[Jid], ids: Iterable[str]) -> Message | None:
        chats, ids = list(chats), list(ids)
        self.account.looked_up.append((chats, ids))
        named = [message for message in self.account.stored if message.key.id in ids]
        here = [message for message in named if message.key.chat in chats]
        return next(iter(here or named), None)

    async def quoted(self, message: Message) -> Message | None:
        return self.account.quoted

    async def receipts(self, message: Message) -> MessageReceipts:
        return self.account.receipts if message.key.from_me else MessageReceipts()

    async def status(self, chats: Iterable[Jid], ids: Iterable[str]) -> MessageStatus | None:
        message = await self.find(chats, ids)
        if message is None or not message.key.from_me:
            return None
        return MessageStatus(message, self.account.receipts.people)

    async def reactions(self, chat: Jid, message_id: str) -> Sequence[AddOn]:
        return [each for each in self.account.add_ons if each.target.id == message_id]

    async def votes(self, message: Message) -> Sequence[Vote]:
        if not message.proto().HasField("pollCreationMessage"):
            raise InvalidInput("the message is no poll")
        return self.account.votes

    async def vote(self, chat: Jid, message_id: str, options: Sequence[str]) -> Message:
        return await self._change("vote", chat, message_id, *options)

    async def reacted(self, messages: Iterable[Message]) -> frozenset[MessageKey]:
        return frozenset(m.key for m in messages if m.key.id in self.account.reacted)


@dataclass
class FakeMedia:
    """Files that are uploaded into a list."""

    account: FakeClient

    async def content(self, source: Source, options: MediaOptions = NO_MEDIA_OPTIONS) -> MadeMedia:
        self.account.fail()
        self.account.calls.append(("upload",))
        data = source if isinstance(source, bytes) else source.read_bytes()
        self.account.uploads.append((data, options))
        return MadeMedia(_content(options), "handle" if options.channel else None)

    async def from_url(
        self,
        url: str,
        options: MediaOptions = NO_MEDIA_OPTIONS,
        headers: Mapping[str, str] | None = None,
    ) -> MadeMedia:
        self.account.fail()
        self.account.fetched_urls.append((url, options, headers))
        return MadeMedia(_content(options, "image/png"), None, "cat.png")

    async def preview(self, text: str) -> LinkPreview | None:
        self.account.previewed.append(text)
        return LinkPreview("https://a.example", "Title") if "https://a.example" in text else None

    def open_url(self, url: str) -> contextlib.AbstractAsyncContextManager[Path]:
        self.account.fail()
        self.account.calls.append(("get", url))
        return file_of(self.account.file)

    @contextlib.asynccontextmanager
    async def open_download(self, message: Message) -> AsyncIterator[DownloadedFile]:
        self.account.fail()
        content = media_of(message)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(self.account.file)
            name, mimetype = file_name_of(content), content.file.mimetype
            self.account.open_files += 1
            try:
                yield DownloadedFile(path, mimetype, name, len(self.account.file))
            finally:
                self.account.open_files -= 1


def _content(options: MediaOptions, mimetype: str = "application/pdf") -> MediaContent:
    mimetype = options.mimetype or mimetype
    file = MediaFile(
        mimetype,
        direct_path="/v/t",
        media_key=b"" if options.channel else bytes(32),
        sha256=bytes(32),
        enc_sha256=b"" if options.channel else bytes(32),
        length=1,
    )
    if options.as_sticker:
        return Sticker(MediaFile(**{**_fields(file), "mimetype": "image/webp"}))
    if not options.as_document:
        match mimetype.partition("/")[0]:
            case "image":
                return Image(file, caption=options.caption, view_once=options.view_once)
            case "video":
                return Video(file, caption=options.caption, is_gif=options.as_gif)
            case "audio":
                return Audio(file)
    return Document(file, file_name=options.file_name, caption=options.caption)


def _fields(file: MediaFile) -> dict[str, object]:
    return {name: getattr(file, name) for name in MediaFile.__dataclass_fields__}


@dataclass
class FakeSettings(FakeChatSettings):
    """What the devices share."""

    async def set_push_name(self, name: str) -> None:
        self.account.fail()
        self.account.calls.append(("name", name))

    async def star(self, chat: Jid, message_id: str, starred: bool = True) -> None:
        self.account.fail()
        self.account.calls.append(("star", chat, message_id, starred))

    async def delete_for_me(self, chat: Jid, message_id: str, *, delete_media: bool = True) -> None:
        self.account.fail()
        self.account.calls.append(("delete", chat, message_id, delete_media))


@dataclass
class FakeClient:
    """An account.

    Attributes:
        stored: its messages, oldest first.
        error: what its calls raise.
        seen_error: what marking as read raises.
        file: what every download gives.
        calls: every call that changes something, in order.
    """

    own_jid: Jid = OWN
    stored: list[Message] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    fetched: list[tuple[Jid, int, str | None]] = field(default_factory=list)
    looked_up: list[tuple[list[Jid], list[str]]] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    uploads: list[tuple[bytes, MediaOptions]] = field(default_factory=list)
    fetched_urls: list[tuple[str, MediaOptions, Mapping[str, str] | None]] = field(
        default_factory=list
    )
    previewed: list[str] = field(default_factory=list)
    people: dict[Jid, Contact] = field(default_factory=dict)
    reacted: set[str] = field(default_factory=set)
    quoted: Message | None = None
    receipts: MessageReceipts = field(default_factory=MessageReceipts)
    add_ons: list[AddOn] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    file: bytes = b"file"
    open_files: int = 0
    error: WhatsAppError | type[NoSuchMessage] | None = None
    seen_error: WhatsAppError | None = None
    blocked: set[Jid] = field(default_factory=set)
    abouts: dict[Jid, About] = field(default_factory=dict)
    pictures: dict[Jid, str] = field(default_factory=dict)
    own: OwnAccount | None = OWN_ACCOUNT

    def __post_init__(self) -> None:
        self.groups = FakeGroups(self)
        self.chats = FakeChats(self)
        self.presence = FakePresence(self)
        self.settings = FakeSettings(self)
        self.newsletters = FakeChannels(self)
        self.business = FakeBusiness(self)
        self.history = FakeHistory(self)

    def fail(self) -> None:
        """Raise what the test wants raised."""
        if self.error is not None:
            raise self.error

    @property
    def messages(self) -> FakeMessages:
        return FakeMessages(self)

    @property
    def media(self) -> FakeMedia:
        return FakeMedia(self)

    @property
    def contacts(self) -> FakeContacts:
        return FakeContacts(self)

    @property
    def profile(self) -> FakeProfile:
        return FakeProfile(self)
