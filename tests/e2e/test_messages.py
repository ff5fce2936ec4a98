"""What is done to messages over the public API: what the other phone sees, what our chat shows."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from support.files import picture
from support.linked import Linked
from support.talk import SESSION, Talk, c_us, encoded, innermost, problem
from waport.emulator.phone_media import OutgoingFile
from waport.proto import pb

pytestmark = pytest.mark.e2e

THUMBS_UP = "\N{THUMBS UP SIGN}"
MB = 1024 * 1024


async def test_a_message_is_reacted_to_and_that_is_taken_back(talk: Talk) -> None:
    received = await talk.received("nice?")
    own = await talk.send("mine")
    for message in (received, own):
        message_id = message["id"]["_serialized"]
        after = len(talk.phone.messages())
        answer = await talk.ok("/message/react", messageId=message_id, emoji=THUMBS_UP)
        assert (answer["message"], answer["ack"] >= 1) == ("Reaction sent", True)
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
    assert answer["message"] == "Message edited"
    assert answer["editedMessage"]["body"] == "better words"
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
    assert (answer["message"], answer["ack"] >= 1) == ("Message deleted", True)
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
        assert (answer["message"], answer["ack"] >= 1) == ("Message pinned", True)
        pin = await talk.newest(after=after)
        assert pin.edit == "2"
        assert pin.message.pinInChatMessage.key.id == sent["id"]["id"]
        assert pin.message.pinInChatMessage.type == pb.PinInChatMessage.PIN_FOR_ALL
        assert pin.message.messageContextInfo.messageAddOnDurationInSecs == held
    after = len(talk.phone.messages())
    answer = await talk.ok("/message/unpin", messageId=sent["id"]["id"])
    assert (answer["message"], answer["ack"] >= 1) == ("Message unpinned", True)
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
    assert edited["message"] == "Message edited"
    assert edited["editedMessage"]["body"] == "hello both"
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


# --- large files ---------------------------------------------------------------------------------


def peak_mb(pid: int) -> float:
    """The most memory that a process had since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def forget_peak(pid: int) -> float:
    """Begin to count the most memory anew; what it is now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_mb(pid)


async def test_a_large_file_fills_no_memory_on_its_way_in_or_out(
    talk: Talk, tmp_path: Path
) -> None:
    server = talk.world.server
    await talk.send("hello")
    small = {"mimetype": "application/x-small", "data": encoded(b"small")}
    await talk.send(small, "MessageMedia")
    path, size = tmp_path / "large", 200 * MB
    with path.open("wb") as file:
        file.truncate(size)
    before = forget_peak(server.pid)
    with path.open("rb") as file:
        response = await server.api.post(
            f"/client/sendMessage/{SESSION}",
            data={"chatId": talk.chat},
            files={"file": ("large.bin", file)},
            timeout=120,
        )
    assert response.status_code == 200, response.text
    assert peak_mb(server.pid) - before < 30
    body = {"chatId": talk.chat, "messageId": response.json()["message"]["id"]["id"]}
    before = forget_peak(server.pid)
    received = 0
    path_of_route = f"/message/downloadMedia/{SESSION}"
    async with server.api.stream("POST", path_of_route, json=body, timeout=120) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_raw():
            received += len(piece)
    assert received == int(answer.headers["content-length"]) > size * 4 // 3
    assert peak_mb(server.pid) - before < 30
