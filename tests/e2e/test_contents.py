"""Every kind of content over the public API: what the other phone sees, what our chat shows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import Response

from support.files import film, picture, sound
from support.linked import Linked
from support.talk import SESSION, Talk, c_us, encoded, innermost, problem
from support.web_host import Asked, web_host
from waport.model import Ack, AckChanged, Message

pytestmark = pytest.mark.e2e


@pytest.fixture
def server_settings() -> dict[str, str]:
    """URLs may lead to this machine, where the tests have their web servers."""
    return {"OUTBOUND_ALLOW": "127.0.0.1"}


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
    assert mentions["mentions"] == ["15551110000@c.us"]
    assert [contact["number"] for contact in mentions["contacts"]] == ["15551110000"]


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
        (
            "audio/mpeg",
            mp3,
            {"sendAudioAsVoice": True},
            "audioMessage",
            {"ptt": True, "seconds": 3, "mimetype": "audio/ogg; codecs=opus"},
            {"type": "ptt"},
        ),
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
        is_made_anew = branch == "stickerMessage" or (data is mp3 and options != {})
        assert (file.data == data) is not is_made_anew
        listed = await talk.listed(sent["id"]["id"])
        assert listed["hasMedia"] is True
        assert {name: listed[name] for name in shown} == shown
        event = await talk.world.inbox.until(
            lambda e, id_=sent["id"]["id"]: (
                e["dataType"] == "media_uploaded" and e["data"]["id"]["id"] == id_
            )
        )
        assert event["data"]["fromMe"] is True


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


async def test_every_kind_of_send_tells_of_its_refusal(talk: Talk) -> None:
    own = (await talk.send("mine"))["id"]["id"]
    poll = {"pollName": "Tea?", "pollOptions": ["yes", "no"]}
    poll_id = (await talk.send(poll, "Poll"))["id"]["id"]
    group = (await talk.ok("/client/createGroup", name="Us", participants=[talk.chat]))["group"]
    channel = (await talk.ok("/client/createChannel", title="News"))["result"]["nid"]
    text = {"contentType": "string", "content": "x"}
    image = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    sends: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/client/sendMessage", text),
        ("/client/sendMessage", {"contentType": "MessageMedia", "content": image}),
        ("/client/sendMessage", {**text, "chatId": group["id"]["_serialized"]}),
        ("/client/sendMessage", {**text, "chatId": "status@broadcast"}),
        ("/client/sendMessage", {**text, "chatId": channel["_serialized"]}),
        ("/channel/sendMessage", {**text, "chatId": channel["_serialized"]}),
        ("/message/forward", {"messageId": own, "targetChatId": talk.chat}),
        ("/message/react", {"messageId": own, "emoji": "x"}),
        ("/message/edit", {"messageId": own, "newContent": "y"}),
        ("/message/pin", {"messageId": own}),
        ("/message/vote", {"messageId": poll_id, "selectedOptions": ["yes"]}),
        ("/message/delete", {"messageId": own, "forEveryone": True}),
    )
    for path, body in sends:
        talk.world.emulator.faults.nack(talk.world.device(talk.own), 429)
        response = await talk.call(path, {"chatId": talk.chat, **body})
        assert response.status_code == 500, (path, body, response.text)
        assert response.json()["error"].endswith("(error 429)"), (path, body)
        answer = await talk.ok(path, **body)
        ack = answer["message"]["ack"] if "forward" in path or "send" in path else answer["ack"]
        assert ack >= 1, (path, body)


async def test_how_far_a_message_has_come_is_told(talk: Talk, ann: Linked) -> None:
    server = talk.world.server

    async def status(message_id: str) -> Any:
        return (await server.get(f"/client/messageStatus/{SESSION}/{message_id}"))["status"]

    sent = await talk.send("to both")
    await talk.world.inbox.acked(sent["id"]["id"], 2)
    found = await status(sent["id"]["_serialized"])
    assert (found["id"], found["ack"], found["error"]) == (sent["id"], 2, None)
    (alice,) = found["recipients"]
    assert (found["state"], alice["state"], alice["id"]) == ("delivered", "delivered", talk.chat)
    assert alice["deliveredAt"] >= sent["timestamp"]
    assert (alice["readAt"], alice["playedAt"]) == (None, None)

    people = [talk.chat, c_us(ann.jid)]
    group = (await talk.ok("/client/createGroup", name="Us", participants=people))["group"]
    to = group["id"]["_serialized"]
    in_group = await talk.send("to all", to=to)
    await ann.wait_text("to all")
    await talk.world.inbox.acked(in_group["id"]["id"], 2)
    found = await status(in_group["id"]["id"])
    assert sorted((each["id"], each["state"]) for each in found["recipients"]) == sorted(
        (person, "delivered") for person in people
    )
    answer = await talk.ok("/message/react", messageId=sent["id"]["id"], emoji="x")
    assert (await status(answer["sentId"]))["ack"] >= 1

    talk.world.emulator.faults.nack(talk.world.device(talk.own), 463)
    body = {"chatId": talk.chat, "contentType": "string", "content": "no"}
    assert (await talk.call("/client/sendMessage", body)).status_code == 500
    (newest, *_) = await server.messages(SESSION, talk.chat)
    found = await status(newest["id"]["id"])
    assert (found["state"], found["ack"], found["error"]["code"]) == ("failed", -1, 463)
    assert found["recipients"] == []
    received = await talk.received("not ours")
    response = await server.api.get(f"/client/messageStatus/{SESSION}/{received['id']['id']}")
    assert problem(response) == (404, "message_not_found")


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
