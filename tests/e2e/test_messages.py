"""Every kind of message and everything that is done to one, over the public API.

What counts is what the phone at the other end sees, and what our own chat shows afterwards.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.responses import Response

from support.files import film, picture, sound
from support.linked import Linked, ServerAddress, linked_client
from support.web_host import Asked, web_host
from waport.emulator.accounts import Account
from waport.emulator.phone import Phone
from waport.emulator.phone_media import OutgoingFile
from waport.emulator.phone_received import ReceivedMessage
from waport.model import Ack, AckChanged, Message
from waport.proto import pb
from waport.wire import Jid

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"
THUMBS_UP = "\N{THUMBS UP SIGN}"
TIMEOUT_S = 20.0
WRAPPERS = (
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
    "groupMentionedMessage",
    "editedMessage",
)


@pytest.fixture
def server_settings() -> dict[str, str]:
    """URLs may lead to this machine, where the tests have their web servers."""
    return {"OUTBOUND_ALLOW": "127.0.0.1"}


def c_us(jid: Jid) -> str:
    return f"{jid.user}@c.us"


class Heard(list[ReceivedMessage]):
    """What a phone has decrypted; one can wait for more."""

    def __init__(self, messages: Iterable[ReceivedMessage]) -> None:
        super().__init__(messages)
        self._news = asyncio.Event()

    def append(self, message: ReceivedMessage) -> None:
        super().append(message)
        self._news.set()

    async def until(self, matches: Callable[[ReceivedMessage], bool]) -> ReceivedMessage:
        """The first message that matches, past or future."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                for message in self:
                    if matches(message):
                        return message
                self._news.clear()
                await self._news.wait()


def heard_by(phone: Phone) -> Heard:
    """What a phone has decrypted, from now on as a list that tells of news."""
    if not isinstance(phone.inbox.messages, Heard):
        phone.inbox.messages = Heard(phone.inbox.messages)
    return phone.inbox.messages


@dataclass
class Talk:
    """A linked account of ours that talks with Alice, who has but a phone."""

    world: World
    own: Account
    own_phone: Phone
    alice: Account
    phone: Phone

    @property
    def chat(self) -> str:
        return c_us(self.alice.jid)

    async def call(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.world.server.api.post(f"{path}/{SESSION}", json=body)

    async def ok(self, path: str, **body: Any) -> dict[str, Any]:
        """Call a route about the chat with Alice; it must succeed."""
        response = await self.call(path, {"chatId": self.chat, **body})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert answer.pop("success") is True
        return answer

    async def send(
        self, content: object, content_type: str = "string", to: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Send something; the message as answered, which the server has acknowledged."""
        body = {"contentType": content_type, "content": content, "options": options}
        answer = await self.ok("/client/sendMessage", **body, **({"chatId": to} if to else {}))
        message: dict[str, Any] = answer["message"]
        assert message["ack"] == 1
        return message

    async def seen(self, message_id: str, phone: Phone | None = None) -> ReceivedMessage:
        """A message as a phone has decrypted it."""
        heard = heard_by(phone or self.phone)
        return await heard.until(lambda message: message.id == message_id)

    async def newest(self, after: int) -> ReceivedMessage:
        """What Alice's phone has decrypted next."""
        return await heard_by(self.phone).until(lambda message: message.seq == after + 1)

    async def listed(self, message_id: str, chat: str | None = None) -> dict[str, Any]:
        """A message as the next fetchMessages shows it."""
        for message in await self.world.server.messages(SESSION, chat or self.chat):
            if message["id"]["id"] == message_id:
                found: dict[str, Any] = message
                return found
        raise AssertionError(f"no message {message_id}")

    async def received(self, text: str) -> dict[str, Any]:
        """A text of Alice's, as our webhook was told of it."""
        since = len(self.world.inbox.events)
        await self.phone.send_text(self.own.jid, text)
        event = await self.world.inbox.text(text, since=since)
        data: dict[str, Any] = event["data"]
        return data


@pytest.fixture
async def talk(world: World) -> Talk:
    own, own_phone = await world.link()
    alice, phone = await world.person("Alice")
    return Talk(world, own, own_phone, alice, phone)


@pytest.fixture
async def ann(world: World, talk: Talk, tmp_path: Path) -> AsyncIterator[Linked]:
    """Somebody with a device of their own, who can make groups."""
    _, phone = await world.person("Ann")
    emulator = world.emulator
    address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), Path(str(emulator.ca_file)))
    (tmp_path / "ann").mkdir()
    async with linked_client(tmp_path / "ann", address, phone.pair_by_qr) as linked:
        yield linked


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["message"]


# --- contents ------------------------------------------------------------------------------------


async def test_a_text_with_mentions_answers_another(talk: Talk) -> None:
    question = await talk.received("how are you?")
    sent = await talk.send(
        "fine, ask @15551110000",
        quotedMessageId=question["id"]["_serialized"],
        mentions=["15551110000@c.us"],
        groupMentions=[{"subject": "Friends", "id": "120363000000000001@g.us"}],
    )
    assert (sent["hasQuotedMsg"], sent["mentionedIds"]) == (True, ["15551110000@c.us"])
    seen = innermost((await talk.seen(sent["id"]["id"])).message).extendedTextMessage
    assert seen.text == "fine, ask @15551110000"
    assert seen.contextInfo.stanzaId == question["id"]["id"]
    assert seen.contextInfo.quotedMessage.conversation == "how are you?"
    assert list(seen.contextInfo.mentionedJid) == ["15551110000@s.whatsapp.net"]
    assert seen.contextInfo.groupMentions[0].groupSubject == "Friends"
    assert (await talk.listed(sent["id"]["id"]))["groupMentions"][0]["groupSubject"] == "Friends"

    quoted = await talk.ok("/message/getQuotedMessage", messageId=sent["id"]["_serialized"])
    assert quoted["quotedMessage"]["id"] == question["id"]
    assert quoted["quotedMessage"]["body"] == "how are you?"
    none = await talk.ok("/message/getQuotedMessage", messageId=question["id"]["id"])
    assert none == {"quotedMessage": None}
    mentions = await talk.ok("/message/getMentions", messageId=sent["id"]["id"])
    assert mentions == {"mentions": ["15551110000@c.us"]}


async def test_an_unknown_quote_is_left_out_or_refused(talk: Talk) -> None:
    sent = await talk.send("an answer to nothing", quotedMessageId="3EB0NOTHERE")
    assert sent["hasQuotedMsg"] is False
    await talk.seen(sent["id"]["id"])
    body = {"chatId": talk.chat, "contentType": "string", "content": "x"}
    options = {"quotedMessageId": "3EB0NOTHERE", "ignoreQuoteErrors": False}
    response = await talk.call("/client/sendMessage", {**body, "options": options})
    assert problem(response) == (404, "message_not_found")
    assert [message.text for message in talk.phone.messages()] == ["an answer to nothing"]


async def test_a_link_gets_a_preview_that_never_holds_up_the_text(talk: Talk) -> None:
    page = b"<title>The page</title><meta property='og:description' content='about it'>"
    stalled = asyncio.Event()

    async def answer(asked: Asked) -> Response:
        if asked.path == "/slow":
            await stalled.wait()
        return Response(page, media_type="text/html")

    async with web_host(None) as host:
        host.answer = answer
        text = f"see {host.url}/page"
        sent = await talk.send(text)
        seen = (await talk.seen(sent["id"]["id"])).message.extendedTextMessage
        assert (seen.text, seen.title, seen.description) == (text, "The page", "about it")
        assert seen.matchedText == f"{host.url}/page"
        sent = await talk.send(text, linkPreview=False)
        seen = (await talk.seen(sent["id"]["id"])).message.extendedTextMessage
        assert (seen.title, seen.matchedText) == ("", "")
        assert len(host.asked) == 1
        async with asyncio.timeout(9):
            sent = await talk.send(f"see {host.url}/slow")
        stalled.set()
    seen = (await talk.seen(sent["id"]["id"])).message.extendedTextMessage
    assert seen.title == ""


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_files_of_every_kind_are_what_the_phone_downloads(talk: Talk) -> None:
    png, mp4 = picture("PNG"), film()
    mp3, ogg = sound("mp3", "libmp3lame"), sound("ogg", "libopus")
    cases: list[tuple[str, bytes, dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
        ("image/png", png, {"caption": "look"}, "imageMessage", {"caption": "look"}, {}),
        ("image/png", png, {}, "imageMessage", {"caption": "my file"}, {"body": "my file"}),
        ("video/mp4", mp4, {}, "videoMessage", {"gifPlayback": False}, {"isGif": False}),
        ("video/mp4", mp4, {"sendVideoAsGif": True}, "videoMessage", {"gifPlayback": True}, {}),
        ("audio/mpeg", mp3, {}, "audioMessage", {"ptt": False}, {"type": "audio"}),
        ("audio/ogg", ogg, {"sendAudioAsVoice": True}, "audioMessage", {"ptt": True}, {}),
        ("image/png", png, {"sendMediaAsSticker": True}, "stickerMessage", {}, {}),
        (
            "application/pdf",
            b"%PDF-1.4 and so on",
            {"caption": "not shown"},
            "documentMessage",
            {"fileName": "my file", "caption": ""},
            {"body": "my file", "type": "document"},
        ),
        (
            "image/png",
            png,
            {"sendMediaAsDocument": True, "caption": "read it"},
            "documentMessage",
            {"fileName": "my file", "caption": "read it"},
            {"type": "document"},
        ),
    ]
    for mimetype, data, options, branch, parts, shown in cases:
        content = {"mimetype": mimetype, "data": encoded(data), "filename": "my file"}
        sent = await talk.send(content, "MessageMedia", **options)
        seen = innermost((await talk.seen(sent["id"]["id"])).message)
        assert branch in [field.name for field, _ in seen.ListFields()], (mimetype, options)
        part = getattr(seen, branch)
        assert {name: getattr(part, name) for name in parts} == parts
        file = await talk.phone.fetch_file(sent["id"]["id"])
        if branch != "stickerMessage":
            assert file.data == data
        listed = await talk.listed(sent["id"]["id"])
        assert listed["hasMedia"] is True
        assert {name: listed[name] for name in shown} == shown
        event = await talk.world.inbox.until(
            lambda e, id_=sent["id"]["id"]: (
                e["dataType"] == "media_uploaded" and e["data"]["id"]["id"] == id_
            )
        )
        assert event["data"]["fromMe"] is True


def innermost(message: pb.Message) -> pb.Message:
    """A message without its wrappers."""
    for name in WRAPPERS:
        if message.HasField(name):
            return innermost(getattr(message, name).message)
    return message


async def test_a_picture_can_be_for_one_look(talk: Talk) -> None:
    content = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    sent = await talk.send(content, "MessageMedia", isViewOnce=True)
    seen = (await talk.seen(sent["id"]["id"])).message
    assert innermost(seen).imageMessage.viewOnce is True
    assert seen != innermost(seen)


async def test_a_file_is_attached_to_a_text(talk: Talk) -> None:
    media = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    sent = await talk.send("below the picture", media=media)
    assert sent["type"] == "image"
    seen = (await talk.seen(sent["id"]["id"])).message
    assert seen.imageMessage.caption == "below the picture"


async def test_a_file_is_fetched_from_a_url(talk: Talk) -> None:
    jpeg = picture("JPEG")
    async with web_host(None) as host:
        host.answer = lambda _: Response(jpeg, media_type="image/jpeg; charset=x")
        url = f"{host.url}/a/cat.jpg?size=1"
        sent = await talk.send(url, "MessageMediaFromURL")
        assert (sent["type"], sent["body"]) == ("image", "cat.jpg")
        assert (await talk.phone.fetch_file(sent["id"]["id"])).data == jpeg
        body = {"contentType": "MessageMediaFromURL", "content": url}
        options = {"reqOptions": {"headers": {"x-secret": "s"}}, "filename": "dog.jpg"}
        answer = await talk.ok("/client/sendMessage", **body, mediaFromURLOptions=options)
        assert answer["message"]["body"] == "dog.jpg"
        assert host.asked[-1].headers["x-secret"] == "s"
        host.answer = lambda _: Response(status_code=404)
        response = await talk.call("/client/sendMessage", {"chatId": talk.chat, **body})
        assert problem(response) == (500, "the URL answered 404")
    for bad in ("ftp://x/y", "nothing", "http://169.254.169.254/latest"):
        body = {"contentType": "MessageMediaFromURL", "content": bad, "chatId": talk.chat}
        assert problem(await talk.call("/client/sendMessage", body)) == (400, "validation_error")


async def test_a_form_with_a_file_is_sent(talk: Talk) -> None:
    data = bytes(range(256)) * 20_000
    response = await talk.world.server.api.post(
        f"/client/sendMessage/{SESSION}",
        data={
            "chatId": talk.chat,
            "options": '{"sendMediaAsDocument": true, "caption": "from a form"}',
        },
        files={"file": ("grüße.bin", data, "application/x-thing")},
    )
    assert response.status_code == 200, response.text
    sent = response.json()["message"]
    seen = innermost((await talk.seen(sent["id"]["id"])).message).documentMessage
    assert (seen.fileName, seen.mimetype) == ("grüße.bin", "application/x-thing")
    assert seen.caption == "from a form"
    assert (await talk.phone.fetch_file(sent["id"]["id"])).data == data


async def test_cards_places_polls_and_menus(talk: Talk) -> None:
    await talk.received("my name is Alice")
    sent = await talk.send({"contactId": talk.chat}, "Contact")
    card = (await talk.seen(sent["id"]["id"])).message.contactMessage
    number = talk.alice.jid.user
    assert card.displayName == "Alice"
    assert f"TEL;type=CELL;type=VOICE;waid={number}:+{number}" in card.vcard
    assert (sent["type"], sent["vCards"]) == ("vcard", [card.vcard])
    sent = await talk.send(card.vcard)
    assert (await talk.seen(sent["id"]["id"])).message.contactMessage == card
    sent = await talk.send(card.vcard, parseVCards=False)
    assert (await talk.seen(sent["id"]["id"])).text == card.vcard

    place = {"latitude": "-33.5", "longitude": 0, "description": {"name": "N", "address": "A"}}
    sent = await talk.send(place, "Location")
    seen = (await talk.seen(sent["id"]["id"])).message.locationMessage
    assert (seen.degreesLatitude, seen.degreesLongitude) == (-33.5, 0)
    assert (seen.name, seen.address) == ("N", "A")
    assert (await talk.listed(sent["id"]["id"]))["location"]["description"] == "N\nA"

    for several, count in ((False, 1), (True, 0)):
        poll = {
            "pollName": " Lunch? ",
            "pollOptions": ["Yes ", "No"],
            "options": {"allowMultipleAnswers": several, "messageSecret": list(range(32))},
        }
        sent = await talk.send(poll, "Poll")
        message = (await talk.seen(sent["id"]["id"])).message
        seen_poll = message.pollCreationMessageV3 if count else message.pollCreationMessage
        assert seen_poll.name == "Lunch?"
        assert [option.optionName for option in seen_poll.options] == ["Yes", "No"]
        assert seen_poll.selectableOptionsCount == count
        assert message.messageContextInfo.messageSecret == bytes(range(32))
        assert sent["allowMultipleAnswers"] is several

    menu = {"body": "B", "title": "T", "footer": "F", "buttons": [{"body": "x"}]}
    sent = await talk.send(menu, "Buttons")
    assert (await talk.seen(sent["id"]["id"])).text == "T\n\nB\n\nF"
    sent = await talk.send({"body": "B", "sections": []}, "List")
    assert (await talk.seen(sent["id"]["id"])).text == "B"

    event = {"name": "Party", "startTime": 1_900_000_000, "options": {"location": "Here"}}
    sent = await talk.send(event, "ScheduledEvent")
    seen_event = (await talk.seen(sent["id"]["id"])).message.eventMessage
    assert (seen_event.name, seen_event.startTime) == ("Party", 1_900_000_000)
    assert seen_event.location.name == "Here"


async def test_sending_marks_the_chat_as_read(talk: Talk, ann: Linked) -> None:
    async def is_read(message: Message) -> None:
        await ann.events.until(
            AckChanged,
            lambda e: e.message.key == message.key and e.ack is Ack.READ,
        )

    mine = await ann.client.messages.send_text(talk.own.jid, "read me")
    await talk.world.inbox.text("read me")
    await talk.send("not yet", to=c_us(ann.jid), sendSeen=False)
    await ann.wait_text("not yet")
    assert await ann.read(lambda store: store.messages.get(mine.key.chat, mine.key.id).ack) < 3
    await talk.send("now", to=c_us(ann.jid))
    await is_read(mine)


async def test_a_refusal_of_whatsapp_is_told(talk: Talk) -> None:
    body = {"chatId": talk.chat, "contentType": "string", "content": "x"}
    await talk.send("first")
    for code, status, text in (
        (463, 500, "WhatsApp does not let this account write to people who have not written to it"),
        (429, 500, "too many messages in a short time; wait before the next one"),
    ):
        talk.world.emulator.faults.nack(talk.world.device(talk.own), code)
        response = await talk.call("/client/sendMessage", body)
        assert response.status_code == status
        assert response.json()["error"] == f"{text} (error {code})"
    (newest, *_) = await talk.world.server.messages(SESSION, talk.chat)
    assert newest["ack"] == -1
    talk.world.emulator.faults.nack(talk.world.device(talk.own), 404)
    assert problem(await talk.call("/client/sendMessage", body)) == (404, "contact_not_found")
    for nobody, message in (
        ("15550009999", "contact_not_found"),
        ("120363000000000001@g.us", "group_not_found"),
    ):
        response = await talk.call("/client/sendMessage", {**body, "chatId": nobody})
        assert problem(response) == (404, message)
    files = {"contentType": "MessageMedia", "chatId": "120363000000000001@g.us"}
    files["content"] = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    assert problem(await talk.call("/client/sendMessage", files)) == (404, "group_not_found")
    assert talk.world.emulator.media_files() == []


# --- what is done to a message -------------------------------------------------------------------


async def test_a_message_is_reacted_to_and_that_is_taken_back(talk: Talk) -> None:
    received = await talk.received("nice?")
    own = await talk.send("mine")
    for message in (received, own):
        message_id = message["id"]["_serialized"]
        after = len(talk.phone.messages())
        answer = await talk.ok("/message/react", messageId=message_id, emoji=THUMBS_UP)
        assert answer == {"message": "Reaction sent"}
        reaction = (await talk.newest(after=after)).message.reactionMessage
        assert (reaction.text, reaction.key.id) == (THUMBS_UP, message["id"]["id"])
        assert (await talk.listed(message["id"]["id"]))["hasReaction"] is True
        await talk.ok("/message/react", messageId=message_id, reaction="")
        reaction = (await talk.newest(after=after + 1)).message.reactionMessage
        assert (reaction.text, reaction.key.id) == ("", message["id"]["id"])
        assert (await talk.listed(message["id"]["id"]))["hasReaction"] is False


async def test_an_own_message_is_edited_and_nobody_elses(talk: Talk) -> None:
    sent = await talk.send("first words")
    after = len(talk.phone.messages())
    answer = await talk.ok("/message/edit", messageId=sent["id"]["id"], newContent="better words")
    assert answer == {"message": "Message edited"}
    edit = innermost((await talk.newest(after=after)).message).protocolMessage
    assert edit.key.id == sent["id"]["id"]
    assert edit.editedMessage.extendedTextMessage.text == "better words"
    assert (await talk.listed(sent["id"]["id"]))["body"] == "better words"
    received = await talk.received("not yours")
    body = {"chatId": talk.chat, "messageId": received["id"]["id"], "newContent": "x"}
    response = await talk.call("/message/edit", body)
    assert (response.status_code, response.json()["error"]) == (400, "Message cannot be edited")
    media = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    picture_sent = await talk.send(media, "MessageMedia", caption="old")
    await talk.ok("/message/edit", messageId=picture_sent["id"]["id"], content="new")
    assert (await talk.listed(picture_sent["id"]["id"]))["body"] == "new"


async def test_a_message_is_deleted_for_everyone_or_for_me(talk: Talk) -> None:
    sent = await talk.send("for nobody")
    after = len(talk.phone.messages())
    answer = await talk.ok("/message/delete", messageId=sent["id"]["id"], forEveryone=True)
    assert answer == {"message": "Message deleted"}
    revoke = await talk.newest(after=after)
    assert revoke.message.protocolMessage.key.id == sent["id"]["id"]
    assert revoke.message.protocolMessage.type == pb.ProtocolMessage.REVOKE
    listed = await talk.listed(sent["id"]["id"])
    assert (listed["type"], listed["body"]) == ("revoked", "")
    event = await talk.world.inbox.kind("message_revoke_everyone")
    assert event["data"]["revokedMsg"]["body"] == "for nobody"
    body = {"chatId": talk.chat, "messageId": sent["id"]["id"]}
    response = await talk.call("/message/react", {**body, "emoji": THUMBS_UP})
    assert problem(response) == (404, "message_not_found")

    received = await talk.received("for others")
    response = await talk.call(
        "/message/delete",
        {"chatId": talk.chat, "messageId": received["id"]["id"], "everyone": True},
    )
    assert response.status_code == 500
    await talk.ok("/message/delete", messageId=received["id"]["id"])
    event = await talk.world.inbox.kind("message_revoke_me")
    assert event["data"]["message"]["body"] == "for others"
    messages = await talk.world.server.messages(SESSION, talk.chat)
    assert received["id"]["id"] not in [message["id"]["id"] for message in messages]
    response = await talk.call("/message/delete", {**body, "messageId": received["id"]["id"]})
    assert problem(response) == (404, "message_not_found")


async def test_a_message_is_starred_and_unstarred(talk: Talk) -> None:
    received = await talk.received("remember")
    message_id = received["id"]["_serialized"]
    assert await talk.ok("/message/star", messageId=message_id, star=True) == {
        "message": "Message starred"
    }
    assert (await talk.listed(received["id"]["id"]))["isStarred"] is True
    assert await talk.ok("/message/star", messageId=message_id, star="false") == {
        "message": "Message unstarred"
    }
    assert (await talk.listed(received["id"]["id"]))["isStarred"] is False


async def test_a_message_is_pinned_for_a_time_and_unpinned(talk: Talk) -> None:
    sent = await talk.send("important")
    for duration, held in ((None, 86_400), (90_000, 604_800), (2_592_000, 2_592_000)):
        after = len(talk.phone.messages())
        answer = await talk.ok("/message/pin", messageId=sent["id"]["id"], duration=duration)
        assert answer == {"message": "Message pinned"}
        pin = await talk.newest(after=after)
        assert pin.edit == "2"
        assert pin.message.pinInChatMessage.key.id == sent["id"]["id"]
        assert pin.message.pinInChatMessage.type == pb.PinInChatMessage.PIN_FOR_ALL
        assert pin.message.messageContextInfo.messageAddOnDurationInSecs == held
    after = len(talk.phone.messages())
    assert await talk.ok("/message/unpin", messageId=sent["id"]["id"]) == {
        "message": "Message unpinned"
    }
    pin = await talk.newest(after=after)
    assert pin.message.pinInChatMessage.type == pb.PinInChatMessage.UNPIN_FOR_ALL


async def test_messages_are_forwarded_and_counted(talk: Talk) -> None:
    bob, bob_phone = await talk.world.person("Bob")
    received = await talk.received("pass it on")
    own = await talk.send("my own words")
    to = c_us(bob.jid)
    for message, marks in ((received, (True, 1)), (own, (False, 0))):
        answer = await talk.ok("/message/forward", messageId=message["id"]["id"], targetChatId=to)
        forwarded = answer["message"]
        assert forwarded["id"]["remote"] == to
        assert (forwarded["isForwarded"], forwarded["forwardingScore"]) == marks
        seen = await talk.seen(forwarded["id"]["id"], bob_phone)
        assert seen.text == message["body"]
        assert seen.message.extendedTextMessage.contextInfo.isForwarded is marks[0]
    since = len(talk.world.inbox.events)
    jpeg = picture("JPEG")
    await talk.phone.send_file(talk.own.jid, OutgoingFile(jpeg, "image/jpeg", caption="c"))
    event = await talk.world.inbox.kind("message", since=since)
    answer = await talk.ok(
        "/message/forward", messageId=event["data"]["id"]["id"], destinationChatId=to
    )
    await talk.seen(answer["message"]["id"]["id"], bob_phone)
    assert (await bob_phone.fetch_file(answer["message"]["id"]["id"])).data == jpeg
    body = {"chatId": talk.chat, "messageId": received["id"]["id"]}
    response = await talk.call("/message/forward", {**body, "targetChatId": "15550009999"})
    assert problem(response) == (404, "contact_not_found")
    response = await talk.call("/message/forward", {**body, "messageId": "X", "targetChatId": to})
    assert problem(response) == (404, "message_not_found")


async def test_who_got_and_read_a_message(talk: Talk) -> None:
    sent = await talk.send("read it")
    await talk.world.inbox.acked(sent["id"]["id"], 2)
    info = (await talk.ok("/message/getInfo", messageId=sent["id"]["id"]))["info"]
    ((delivered,), read) = info["delivery"], info["read"]
    assert (delivered["id"], read, info["readRemaining"]) == (talk.chat, [], 1)
    assert delivered["t"] == delivered["timestamp"] > 1_700_000_000
    await talk.phone.mark_read(talk.own.lid)
    await talk.world.inbox.acked(sent["id"]["id"], 3)
    info = (await talk.ok("/message/getInfo", messageId=sent["id"]["_serialized"]))["info"]
    assert [reader["id"] for reader in info["read"]] == [talk.chat]
    assert info["delivery"] == [delivered]
    assert (info["deliveryRemaining"], info["readRemaining"]) == (0, 0)
    assert (info["played"], info["playedRemaining"]) == ([], 1)
    received = await talk.received("not mine")
    info = (await talk.ok("/message/getInfo", messageId=received["id"]["id"]))["info"]
    assert (info["delivery"], info["deliveryRemaining"]) == ([], 0)


async def test_files_are_downloaded_by_id_and_by_data(talk: Talk) -> None:
    jpeg, paper = picture("JPEG"), b"paper" * 100_000
    for file in (
        OutgoingFile(jpeg, "image/jpeg", caption="c"),
        OutgoingFile(paper, "application/pdf", name="paper.pdf"),
    ):
        since = len(talk.world.inbox.events)
        await talk.phone.send_file(talk.own.jid, file)
        message = (await talk.world.inbox.kind("message", since=since))["data"]
        by_id = await talk.ok("/message/downloadMedia", messageId=message["id"]["id"])
        response = await talk.call("/message/downloadMedia", {"messageData": message["_data"]})
        assert response.json() == {"success": True, **by_id}
        assert by_id["media"] == by_id["messageMedia"]
        media = by_id["media"]
        assert base64.b64decode(media["data"], validate=True) == file.data
        assert (media["mimetype"], media["filesize"]) == (file.mimetype, len(file.data))
        assert media.get("filename") == ("paper.pdf" if file.data is paper else None)
    own = await talk.send({"mimetype": "image/jpeg", "data": encoded(jpeg)}, "MessageMedia")
    again = await talk.ok("/message/downloadMedia", messageId=own["id"]["id"])
    assert base64.b64decode(again["media"]["data"]) == jpeg
    text = await talk.send("no file")
    for body in (
        {"chatId": talk.chat, "messageId": text["id"]["id"]},
        {"messageData": text["_data"]},
    ):
        response = await talk.call("/message/downloadMedia", body)
        assert response.status_code == 400
        assert response.json()["error"] == "Message does not contain downloadable media"


async def test_a_file_that_the_hosts_forgot_comes_from_the_phone(talk: Talk) -> None:
    jpeg = picture("JPEG")
    await talk.phone.send_file(talk.own.jid, OutgoingFile(jpeg, "image/jpeg"))
    message = (await talk.world.inbox.kind("message"))["data"]
    assert talk.world.emulator.faults.expire_media() == 1
    media = (await talk.ok("/message/downloadMedia", messageId=message["id"]["id"]))["media"]
    assert base64.b64decode(media["data"]) == jpeg


# --- groups, channels, status --------------------------------------------------------------------


async def test_a_group_is_a_chat(talk: Talk, ann: Linked) -> None:
    people = [talk.own.jid, talk.alice.jid]
    created = await ann.client.groups.create("Friends", people)
    group = str(created.group.jid)
    await talk.world.inbox.kind("group_join")
    sent = await talk.send("hello all", to=group)
    for phone in (talk.phone, talk.own_phone):
        seen = await talk.seen(sent["id"]["id"], phone)
        assert (seen.text, str(seen.chat)) == ("hello all", group)
    assert sent["id"]["remote"] == group
    await ann.wait_text("hello all")
    media = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    await talk.send(media, "MessageMedia", to=group, caption="us")

    theirs = await ann.client.messages.send_text(created.group.jid, "from Ann")
    event = await talk.world.inbox.text("from Ann")
    message_id = event["data"]["id"]["_serialized"]
    after = len(talk.phone.messages())
    await talk.ok("/message/react", chatId=group, messageId=message_id, emoji=THUMBS_UP)
    reaction = await talk.newest(after=after)
    assert reaction.message.reactionMessage.key.id == theirs.key.id
    await talk.ok("/message/pin", chatId=group, messageId=message_id)
    edited = await talk.ok(
        "/message/edit", chatId=group, messageId=sent["id"]["id"], newContent="hello both"
    )
    assert edited == {"message": "Message edited"}
    listed = await talk.listed(sent["id"]["id"], group)
    assert listed["body"] == "hello both"
    await talk.phone.mark_read(created.group.jid)
    await ann.client.chats.send_seen(created.group.jid)
    await talk.world.inbox.acked(sent["id"]["id"], 3)
    answer = await talk.ok("/message/getInfo", chatId=group, messageId=sent["id"]["id"])
    assert {reader["id"] for reader in answer["info"]["read"]} == {talk.chat, c_us(ann.jid)}
    assert answer["info"]["readRemaining"] == 0
    # The chat is but a hint.
    found = await talk.ok("/message/getQuotedMessage", messageId=sent["id"]["id"])
    assert found == {"quotedMessage": None}

    await ann.client.groups.remove(created.group.jid, [talk.own.jid])
    await talk.world.inbox.kind("group_leave")
    body = {"chatId": group, "contentType": "string", "content": "still there?"}
    assert problem(await talk.call("/client/sendMessage", body)) == (404, "group_not_found")
    body = {"chatId": group, "messageId": sent["id"]["id"], "newContent": "x"}
    assert problem(await talk.call("/message/edit", body)) == (404, "group_not_found")


async def test_a_channel_and_the_status_feed_take_messages(talk: Talk) -> None:
    emulator = talk.world.emulator
    channel = emulator.directory.newsletters.create(talk.own.number, "News", "", 1)
    to = str(channel.jid)
    sent = await talk.send("a post", to=to)
    post = channel.find(sent["id"]["id"])
    assert post is not None
    png = picture("PNG")
    media = {"mimetype": "image/png", "data": encoded(png)}
    sent = await talk.send(media, "MessageMedia", to=to, caption="look")
    assert (await talk.listed(sent["id"]["id"], to))["body"] == "look"
    again = await talk.ok("/message/downloadMedia", chatId=to, messageId=sent["id"]["id"])
    assert base64.b64decode(again["media"]["data"]) == png
    response = await talk.call(
        "/message/react", {"chatId": to, "messageId": sent["id"]["id"], "emoji": THUMBS_UP}
    )
    assert (response.status_code, response.json()["error"]) == (400, "Not possible in a channel")
    body = {"chatId": "120363999999999999@newsletter", "contentType": "string", "content": "x"}
    assert problem(await talk.call("/client/sendMessage", body)) == (404, "chat_not_found")

    status = await talk.send("my day", to="status@broadcast")
    assert (status["isStatus"], status["id"]["remote"]) == (True, "status@broadcast")
    assert (await talk.listed(status["id"]["id"], "status@broadcast"))["body"] == "my day"
