"""Every event, fired by its real cause, with its exact JSON, on the webhook and on the socket.

The scenes follow one another on one stage: an account of ours, its phone, Alice, who has but a
phone, and Ann, whose device makes groups.
"""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.shared_state import SharedState
from support.stage import SESSION, Data, Stage, c_us, id_of, message_id, open_stage, raw
from support.talk import encoded
from waport.emulator.phone_history import HistoryPlan
from waport.emulator.phone_media import OutgoingFile
from waport.emulator.phone_trouble import Trouble
from waport.proto import pb

SECOND = "second"
MAX_SIZE = 1000
SETTINGS = {"MAX_ATTACHMENT_SIZE": str(MAX_SIZE)}
REFUSED = 'failure 401 <failure reason="401" location="emulator"/>'

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path_factory.mktemp("events"), SETTINGS) as stage:
        yield stage


def assert_is_now(timestamp: int) -> None:
    """It is of the last minute, Unix seconds."""
    assert 0 <= time.time() - timestamp + 5 < 60


# --- the session ---------------------------------------------------------------------------------


async def test_linking_tells_every_step_in_order(stage: Stage) -> None:
    since = await stage.begin()
    await stage.server.get(f"/session/start/{SESSION}")
    qr = await stage.told("qr", since)
    assert list(qr) == ["qr"]
    parts = qr["qr"].split(",")
    assert len(parts) in (4, 5)
    assert [len(base64.b64decode(part)) for part in parts[1:4]] == [32, 32, 32]
    await stage.own_phone.pair_by_qr(qr["qr"])
    assert await stage.told("remote_session_saved", since) == {}
    assert await stage.told("authenticated", since) == {}
    # What the account calls itself comes with what its devices share, and that after it.
    assert await stage.told("ready", since) == {"id": c_us(stage.own.jid), "pushname": None}
    kinds = [kind for kind in stage.kinds(since) if kind != "change_state"]
    assert kinds[:4] == ["qr", "remote_session_saved", "authenticated", "ready"]
    states = stage.of("change_state", since)
    assert states == [{"state": word} for word in ("OPENING", "UNPAIRED", "OPENING", "CONNECTED")]


async def test_a_code_is_told_that_links_another_session(stage: Stage) -> None:
    since = await stage.begin()
    stage.dave, phone = await stage.person("Dave")
    body = {"phoneNumber": stage.dave.jid.user}
    answer = await stage.server.post(f"/session/requestPairingCode/{SECOND}", body)
    code = await stage.told("code", since, session_id=SECOND)
    assert code == {"code": answer["pairingCode"]}
    await phone.enter_code(code["code"])
    await stage.told("ready", since, session_id=SECOND)


async def test_what_the_devices_share_is_read_without_an_event(stage: Stage) -> None:
    since = await stage.begin()
    shared = SharedState(stage.own_phone)
    # What we write goes up once everything is read: the account's name, for those who follow.
    await stage.server.post(f"/chat/pin/{SESSION}", {"chatId": c_us(stage.dave.jid)})
    await shared.until("regular_low", "pin_v1", str(stage.dave.jid))
    assert stage.kinds(since) == []


async def test_a_new_login_is_told_without_a_qr_code(stage: Stage) -> None:
    since = await stage.begin()
    stage.emulator.faults.cut_off(stage.own.jid.with_device(1))
    assert await stage.told("ready", since) == {"id": c_us(stage.own.jid), "pushname": "Bot"}
    assert stage.of("change_state", since) == [
        {"state": word} for word in ("TIMEOUT", "OPENING", "CONNECTED")
    ]
    assert stage.kinds(since) == [*["change_state"] * 3, "authenticated", "ready"]


async def test_the_history_of_the_phone_is_loaded(stage: Stage) -> None:
    since = await stage.begin()
    plan = HistoryPlan(chats=3, messages=30, chunk=10)
    await stage.own_phone.history.send_all([stage.own.jid.with_device(1)], plan)
    await stage.told("loading_screen", since, lambda data: data["percent"] == 100)
    screens = stage.of("loading_screen", since)
    percents = [screen["percent"] for screen in screens]
    assert screens == [{"percent": percent, "message": "WhatsApp"} for percent in percents]
    assert percents == sorted(set(percents))
    assert percents[0] < percents[-1] == 100
    assert set(stage.kinds(since)) == {"loading_screen"}


# --- messages ------------------------------------------------------------------------------------


async def test_a_message_is_created_then_told_then_counted(stage: Stage) -> None:
    since = await stage.begin()
    sent = await stage.phone.send_text(stage.own.jid, "hi", "AAA1")
    message = await stage.told("message", since)
    assert message == stage.message("AAA1", stage.sent("AAA1"), sent.timestamp)
    assert await stage.told("message_create", since) == message
    assert await stage.told("unread_count", since) == {
        "id": id_of(stage.alice.jid),
        "unreadCount": 1,
        "chat": stage.chat(stage.alice.jid, "Alice", message, unreadCount=1),
    }
    assert stage.kinds(since) == ["message_create", "message", "unread_count"]


async def test_an_own_message_is_created_and_its_acks_are_told(stage: Stage) -> None:
    since = await stage.begin()
    body = {"chatId": c_us(stage.alice.jid), "contentType": "string", "content": "hello"}
    body["options"] = {"sendSeen": False}
    answer = (await stage.server.post(f"/client/sendMessage/{SESSION}", body))["message"]
    name = answer["id"]["id"]
    created = await stage.told("message_create", since)
    content = (await stage.heard(name)).message
    assert content.extendedTextMessage.text == "hello"

    def message(ack: int) -> Data:
        time_s = answer["timestamp"]
        return stage.message(name, content, time_s, from_me=True, ack=ack, body="hello")

    assert created == message(0)
    await stage.phone.mark_read(stage.own.jid, [name])
    for ack in (1, 2, 3):
        told = await stage.told("message_ack", since, lambda d, ack=ack: d["ack"] == ack)
        assert told == {"message": message(ack), "ack": ack}
    assert stage.kinds(since) == ["message_create", *["message_ack"] * 3]


async def test_a_message_is_edited(stage: Stage) -> None:
    since = await stage.begin()
    key = pb.MessageKey(remoteJid=str(stage.own.jid), fromMe=True, id="AAA1")
    edit = pb.ProtocolMessage(
        type=pb.ProtocolMessage.MESSAGE_EDIT,
        key=key,
        editedMessage=pb.Message(conversation="hi there"),
        timestampMs=1_700_000_000_500,
    )
    since_s = (await stage.newest(stage.alice.jid, "AAA1"))["timestamp"]
    await stage.phone.send_message(stage.own.jid, pb.Message(protocolMessage=edit), "EDIT1")
    content = stage.sent("AAA1")
    content.conversation = "hi there"
    message = stage.message(
        "AAA1",
        content,
        since_s,
        latestEditSenderTimestampMs=1_700_000_000_500,
        latestEditMsgKey=message_id(stage.alice.jid, "EDIT1"),
    )
    assert await stage.told("message_edit", since) == {
        "message": message,
        "newBody": "hi there",
        "prevBody": "hi",
    }
    assert stage.kinds(since) == ["message_edit"]


async def test_a_message_is_reacted_to(stage: Stage) -> None:
    since = await stage.begin()
    key = pb.MessageKey(remoteJid=str(stage.own.jid), fromMe=True, id="AAA1")
    reaction = pb.ReactionMessage(key=key, text="👍", senderTimestampMs=1_700_000_000_500)
    await stage.phone.send_message(stage.own.jid, pb.Message(reactionMessage=reaction), "R1")
    assert await stage.told("message_reaction", since) == {
        "id": message_id(stage.alice.jid, "AAA1"),
        "reaction": {
            "key": {"remoteJid": str(stage.alice.jid), "fromMe": False, "id": "R1"},
            "text": "👍",
            "senderTimestampMs": 1_700_000_000_500,
        },
        "senderId": c_us(stage.alice.jid),
    }
    assert stage.kinds(since) == ["message_reaction"]


async def test_a_poll_is_voted_in(stage: Stage) -> None:
    since = await stage.begin()
    options = [pb.PollCreationMessage.Option(optionName=name) for name in ("Yes", "No")]
    poll = pb.PollCreationMessage(name="Lunch?", options=options, selectableOptionsCount=1)
    content = pb.Message(pollCreationMessageV3=poll)
    sent = await stage.phone.send_message(stage.own.jid, content, "POLL1")
    message = stage.message(
        "POLL1",
        content,
        sent.timestamp,
        body="Lunch?",
        type="poll",
        wwebjsType="poll_creation",
        pollName="Lunch?",
        pollOptions=[{"name": "Yes", "localId": 0}, {"name": "No", "localId": 1}],
        allowMultipleAnswers=False,
        pollInvalidated=False,
        isSentCagPollCreation=False,
        messageSecret=list(content.messageContextInfo.messageSecret),
    )
    assert await stage.told("message", since) == message
    vote = await stage.phone.vote(stage.own.jid, "POLL1", ["No"])
    await stage.phone.send_message(stage.own.jid, vote, "VOTE1")
    assert await stage.told("vote_update", since) == {
        "vote": {
            "voter": c_us(stage.alice.jid),
            "selectedOptions": [{"name": "No", "localId": 1}],
            "interractedAtTs": vote.pollUpdateMessage.senderTimestampMs,
            "parentMessage": message,
            "parentMsgKey": message_id(stage.alice.jid, "POLL1"),
        }
    }


async def test_a_message_is_taken_back(stage: Stage) -> None:
    since = await stage.begin()
    sent = await stage.phone.send_text(stage.own.jid, "oops", "AAA2")
    original = await stage.told("message", since)
    key = pb.MessageKey(remoteJid=str(stage.own.jid), fromMe=True, id="AAA2")
    revoke = pb.ProtocolMessage(type=pb.ProtocolMessage.REVOKE, key=key)
    await stage.phone.send_message(stage.own.jid, pb.Message(protocolMessage=revoke), "REV1")
    left = pb.ProtocolMessage(
        type=pb.ProtocolMessage.REVOKE,
        key=pb.MessageKey(remoteJid=str(stage.alice.jid), fromMe=False, id="AAA2"),
    )
    assert await stage.told("message_revoke_everyone", since) == {
        "message": stage.message(
            "AAA2",
            pb.Message(protocolMessage=left),
            sent.timestamp,
            type="revoked",
            protocolMessageKey=raw(left)["key"],
        ),
        "revokedMsg": original,
    }


async def test_a_message_is_deleted_on_the_phone_for_this_account_alone(stage: Stage) -> None:
    since = await stage.begin()
    await stage.phone.send_text(stage.own.jid, "not for me", "AAA3")
    message = await stage.told("message", since)
    action = pb.SyncActionValue(
        timestamp=1, deleteMessageForMeAction={"messageTimestamp": message["timestamp"]}
    )
    index = ("deleteMessageForMe", str(stage.alice.jid), "AAA3", "0", "0")
    await stage.shared("regular_high", index, action, 3)
    assert await stage.told("message_revoke_me", since) == {"message": message}


async def test_a_message_that_cannot_be_read_is_told_again_once_it_can(stage: Stage) -> None:
    since = await stage.begin()
    content = pb.Message(conversation="at last")
    sent = await stage.phone.send_message(
        stage.own.jid, content, "AAA4", trouble=Trouble(is_damaged=True)
    )
    message = stage.message("AAA4", content, sent.timestamp)
    placeholder = {**message, "body": "", "type": "ciphertext"}
    placeholder["_data"] = {n: v for n, v in message["_data"].items() if n != "message"}
    assert await stage.told("message_ciphertext", since) == {"message": placeholder}
    assert await stage.told("message", since) == message
    kinds = ["message_ciphertext", "message_create", "message", "unread_count"]
    await stage.told("unread_count", since)
    assert stage.kinds(since) == kinds


async def test_a_file_of_ours_is_told_once_it_is_uploaded(stage: Stage) -> None:
    since = await stage.begin()
    body = {
        "chatId": c_us(stage.alice.jid),
        "contentType": "MessageMedia",
        "content": {"mimetype": "text/plain", "data": "aGk=", "filename": "a.txt"},
        "options": {"sendSeen": False},
    }
    answer = (await stage.server.post(f"/client/sendMessage/{SESSION}", body))["message"]
    name = answer["id"]["id"]
    content = (await stage.heard(name)).message
    message = stage.message(
        name,
        content,
        answer["timestamp"],
        from_me=True,
        ack=0,
        body="a.txt",
        type="document",
        hasMedia=True,
        mediaKey=encoded(content.documentMessage.mediaKey),
    )
    assert await stage.told("media_uploaded", since) == message
    assert await stage.told("message_create", since) == message
    await stage.told("message_ack", since, lambda data: data["ack"] == 2)


async def test_a_file_that_comes_in_is_told_with_its_bytes(stage: Stage) -> None:
    for name, size, data in (("DOC1", 2, b"hi"), ("DOC2", MAX_SIZE + 1, None)):
        since = await stage.begin()
        file = OutgoingFile(data or b"x" * size, "text/plain", name="a.txt")
        await stage.phone.send_file(stage.own.jid, file, name)
        message = await stage.told("message", since)
        assert (message["hasMedia"], message["body"]) == (True, "a.txt")
        assert await stage.told("media", since) == {
            "messageMedia": {
                "mimetype": "text/plain",
                "data": None if data is None else encoded(data),
                "filename": "a.txt",
                "filesize": size,
            },
            "message": message,
        }
        kinds = ["message_create", "message", "unread_count", "media"]
        assert stage.kinds(since) == kinds


# --- chats and people ----------------------------------------------------------------------------


async def test_a_chat_is_read_on_the_phone(stage: Stage) -> None:
    since = await stage.begin()
    # Read there, the chat's newest message is told as it was; its own event follows.
    last = await stage.newest(stage.alice.jid)
    await stage.own_phone.mark_read(stage.alice.jid)
    assert await stage.told("unread_count", since) == {
        "id": id_of(stage.alice.jid),
        "unreadCount": 0,
        "chat": stage.chat(stage.alice.jid, "Alice", last),
    }
    acked = await stage.told("message_ack", since)
    assert (acked["ack"], acked["message"]["fromMe"]) == (3, False)


async def test_a_chat_is_put_away_and_brought_back(stage: Stage) -> None:
    last = await stage.newest(stage.alice.jid)
    for archived in (True, False):
        since = await stage.begin()
        action = pb.SyncActionValue(timestamp=2, archiveChatAction={"archived": archived})
        await stage.shared("regular_low", ("archive", str(stage.alice.jid)), action, 3)
        assert await stage.told("chat_archived", since) == {
            "chat": stage.chat(stage.alice.jid, "Alice", last, archived=archived),
            "archived": archived,
            "currState": archived,
            "prevState": not archived,
        }


async def test_a_chat_is_removed(stage: Stage) -> None:
    since = await stage.begin()
    last = await stage.newest(stage.alice.jid)
    covered = {"lastMessageTimestamp": last["timestamp"] + 1}
    action = pb.SyncActionValue(timestamp=3, deleteChatAction={"messageRange": covered})
    await stage.shared("regular_high", ("deleteChat", str(stage.alice.jid), "1"), action, 6)
    chat = stage.chat(stage.alice.jid, stage.alice.jid.user, None, timestamp=last["timestamp"])
    assert await stage.told("chat_removed", since) == {"id": chat["id"], "chat": chat}
