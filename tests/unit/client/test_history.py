"""History of the phone on its way into the store."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, Account, Peer, stanza
from support.handlers import handle_message
from support.history import (
    BOB,
    CAROL,
    CAROL_LID,
    GROUP,
    HistoryScene,
    chat,
    inline,
    noted,
    piece,
    said,
)
from waport.client import history_intake
from waport.client.history_sync import AGAIN_S, ANSWER_S, MAX_ATTEMPTS, MAX_PAUSE_S
from waport.client.media_hosts import MediaGone, TransferFailed
from waport.errors import ConnectionClosed, CorruptRecord, MediaError
from waport.model import Ack, AddOnKind, HistoryProgress, Message, MessageKey, MessageKind
from waport.proto import pb
from waport.stanza import history_blob
from waport.store.history import NoticeState
from waport.wire import STATUS, Jid, Node

PHONE = OWN_PN.with_device(0)


@pytest.fixture
async def scene(account: Account, tmp_path: Path) -> AsyncIterator[HistoryScene]:
    scene = HistoryScene(account, tmp_path)
    yield scene
    await scene.end()


def key(message_id: str, where: Jid = BOB, *, from_me: bool = False, by: Jid = BOB) -> MessageKey:
    return MessageKey(where, message_id, from_me, OWN_PN.bare if from_me else by)


async def stored(scene: HistoryScene, wanted: MessageKey) -> Message:
    found = await scene.read(lambda store: store.messages.get_exact(wanted))
    assert isinstance(found, Message)
    return found


# --- the notice ----------------------------------------------------------------------------------


def notice_message(notice: pb.HistorySyncNotification) -> bytes:
    message = pb.Message()
    message.protocolMessage.type = pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION
    message.protocolMessage.historySyncNotification.CopyFrom(notice)
    return message.SerializeToString()


async def test_a_notice_is_stored_before_it_is_answered(account: Account) -> None:
    phone = Peer(PHONE)
    phone.open(account.bundle())
    node = stanza(phone.encrypt(notice_message(inline(piece()))), "H1", PHONE, category="peer")
    work = await account.handle(handle_message, node)
    # The receipt of the message; that of the history comes when it is stored.
    assert [reply.get("type") for reply in work.replies] == ["peer_msg"]
    (notice,) = await account.read(lambda store: store.history.notices())
    assert (notice.message_id, notice.done) == ("H1", 0)


async def test_a_notice_from_somebody_else_is_dropped(account: Account, peer: Peer) -> None:
    names = piece("PUSH_NAME", pushnames=[pb.Pushname(id=str(OWN_PN.bare), pushname="Evil")])
    node = stanza(peer.encrypt(notice_message(inline(names, "PUSH_NAME"))), "H1", PEER_LID)
    work = await account.handle(handle_message, node)
    assert [reply.get("type") for reply in work.replies] == [None]
    assert await account.read(lambda store: store.history.notices()) == []


async def test_the_receipt_goes_out_when_everything_is_stored(scene: HistoryScene) -> None:
    work = await scene.announce(scene.upload(piece(conversations=[chat(BOB, [said("M1")])])), "H7")
    assert len(work.follow_ups) == 1
    assert scene.handled == []
    await scene.work_off()
    assert scene.handled == ["H7"]
    receipt = next(node for node in scene.server.sent if node.get("type") == "hist_sync")
    assert receipt.jid("to") == OWN_PN.bare
    assert await scene.texts() == ["hello"]
    assert await scene.notices() == []


async def test_without_a_connection_the_receipt_waits(scene: HistoryScene) -> None:
    await scene.announce(inline(piece(conversations=[chat(BOB, [said("M1")])])))
    scene.server.is_open = False
    await scene.work_off()
    assert scene.handled == []
    assert await scene.texts() == ["hello"]
    scene.server.is_open = True
    await scene.work_off()
    assert scene.handled == ["H1"]


async def test_a_restart_goes_on_where_it_stopped(
    scene: HistoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"M{number:04}" for number in range(10 * history_blob.PART, 0, -1)]
    messages = [said(name, name, at=NOW - 5000 + int(name[1:])) for name in ids]
    await scene.announce(scene.upload(piece(conversations=[chat(BOB, messages, unreadCount=2)])))
    put_parts, calls = history_intake.jobs.put_parts, []

    def cut_short(store: Any, parts: Any, place: Any, now: int) -> int:
        calls.append(place.number)
        if place.number == 4 and len(calls) == 5:
            raise ConnectionClosed("cut short")
        return put_parts(store, parts, place, now)

    monkeypatch.setattr(history_intake.jobs, "put_parts", cut_short)
    await scene.work_off()
    assert len(await scene.texts()) == 4 * history_blob.PART
    (notice,) = await scene.notices()
    assert notice.done == 4
    scene.new_sync()
    await scene.work_off()
    # What was stored is not stored again.
    assert calls == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]
    assert await scene.texts() == sorted(ids)
    assert scene.handled == ["H1"]
    unread = await scene.read(lambda store: store.messages.unread(BOB, 100))
    assert [each.id for each in unread] == ids[:2]


# --- what comes out ------------------------------------------------------------------------------


async def test_chats_keep_what_the_phone_says_of_them(scene: HistoryScene) -> None:
    bob = chat(
        BOB,
        [said("M2", at=NOW - 50), said("M1", at=NOW - 90)],
        name="Bob Book",
        unreadCount=1,
        archived=True,
        pinned=NOW,
        muteEndTime=NOW + 9,
        ephemeralExpiration=86400,
        ephemeralSettingTimestamp=NOW - 99,
        conversationTimestamp=NOW - 50,
    )
    group = chat(GROUP, [], name="Friends", markedAsUnread=True, conversationTimestamp=NOW - 60)
    await scene.take(inline(piece(conversations=[bob, group])))
    first, second = await scene.read(lambda store: store.chats.all())
    assert (first.jid, first.unread, first.timestamp) == (BOB, 1, NOW - 50)
    assert (first.archived, first.pinned, first.muted_until) == (True, True, NOW + 9)
    assert (second.jid, second.name, second.unread_count) == (GROUP, "Friends", -1)
    timer = await scene.read(lambda store: store.chats.timer(BOB))
    assert (timer.expiration_s, timer.set_at) == (86400, NOW - 99)
    contact = await scene.read(lambda store: store.contacts.get(BOB))
    assert contact.name == "Bob Book"
    # Only the newest message is unread.
    assert (await stored(scene, key("M1"))).ack is Ack.READ
    assert (await stored(scene, key("M2"))).ack < Ack.READ


async def test_messages_of_every_kind_are_kept(scene: HistoryScene) -> None:
    unknown = pb.Message.FromString(b"\xfa\xff\x01\x02hi")  # a field that no schema has
    reaction = pb.Message()
    reaction.reactionMessage.text = "👍"
    reaction.reactionMessage.key.id = "M1"  # Bob's words: not his own
    image = pb.Message(imageMessage=pb.ImageMessage(caption="look"))
    secret = bytes(range(32))
    messages = [
        said("M7", message=unknown, at=NOW - 30),
        said("M6", message=reaction, at=NOW - 40),
        noted("M5", "E2E_ENCRYPTED", at=NOW - 50),
        noted("M4", "REVOKE", at=NOW - 60),
        said("M3", message=image, at=NOW - 70, starred=True, messageSecret=secret),
        noted("M2", "CIPHERTEXT", at=NOW - 80),
        said("M1", "mine", at=NOW - 90, from_me=True, status="READ"),
    ]
    await scene.take(inline(piece(conversations=[chat(BOB, messages)])))
    page = await scene.read(lambda store: store.messages.page(BOB, 100))
    kinds = {message.key.id: message.kind for message in page}
    assert kinds == {
        "M7": MessageKind.OTHER,
        "M4": MessageKind.REVOKED,
        "M3": MessageKind.OTHER,
        "M2": MessageKind.CIPHERTEXT,
        "M1": MessageKind.TEXT,
    }
    assert (await stored(scene, key("M5"))).kind is MessageKind.STUB
    assert (await stored(scene, key("M7"))).content == unknown.SerializeToString()
    own = await stored(scene, key("M1", from_me=True))
    assert own.ack is Ack.READ
    picture = await stored(scene, key("M3"))
    assert picture.starred
    assert picture.proto().messageContextInfo.messageSecret == secret
    (found,) = await scene.read(lambda store: store.add_ons.of(own.key, AddOnKind.REACTION))
    assert (found.data.decode(), found.sender) == ("👍", BOB)
    # Nothing of it is news.
    assert scene.account.sink.recorded == []


async def test_two_members_may_use_one_id(scene: HistoryScene) -> None:
    messages = [
        said("M1", "Carol's", participant=CAROL, at=NOW - 10),
        said("M1", "Bob's", participant=BOB, at=NOW - 20),
    ]
    await scene.take(inline(piece(conversations=[chat(GROUP, messages)])))
    for author, text in ((BOB, "Bob's"), (CAROL, "Carol's")):
        found = await stored(scene, key("M1", GROUP, by=author))
        assert found.proto().conversation == text


async def test_what_was_added_to_a_message_comes_along(scene: HistoryScene) -> None:
    message = said(
        "M1",
        from_me=True,
        reactions=[pb.Reaction(key=pb.MessageKey(id="R1"), text="❤", senderTimestampMs=5)],
        userReceipt=[
            pb.UserReceipt(userJid=str(BOB), receiptTimestamp=NOW - 5, readTimestamp=NOW - 4)
        ],
        pollUpdates=[
            pb.PollUpdate(
                pollUpdateMessageKey=pb.MessageKey(id="V1"),
                vote=pb.PollVoteMessage(selectedOptions=[bytes(32), b"short"]),
                senderTimestampMs=6,
            )
        ],
    )
    await scene.take(inline(piece(conversations=[chat(BOB, [message])])))
    target = key("M1", from_me=True)
    for kind, data in ((AddOnKind.REACTION, "❤".encode()), (AddOnKind.VOTE, bytes(32))):
        (found,) = await scene.read(lambda store, kind=kind: store.add_ons.of(target, kind))
        assert (found.sender, found.data) == (BOB, data)
    receipt = await scene.read(lambda store: store.add_ons.get(target, AddOnKind.RECEIPT, BOB))
    assert receipt.data[0] == Ack.READ


async def test_an_add_on_waits_for_an_older_piece(scene: HistoryScene) -> None:
    reaction = pb.Message()
    reaction.reactionMessage.text = "👍"
    reaction.reactionMessage.key.id = "M1"
    edit = pb.Message()
    edit.protocolMessage.type = pb.ProtocolMessage.MESSAGE_EDIT
    edit.protocolMessage.key.id = "M1"
    edit.protocolMessage.key.fromMe = True
    edit.protocolMessage.editedMessage.conversation = "better"
    newer = chat(BOB, [said("M2", message=edit, at=NOW - 5)])
    older = chat(BOB, [said("M1", "worse", at=NOW - 500)])
    await scene.take(inline(piece(conversations=[newer])))
    assert await scene.texts() == []
    await scene.take(inline(piece(conversations=[older]), chunkOrder=2))
    assert await scene.texts() == ["better"]


async def test_names_numbers_and_hidden_ids_are_learnt(scene: HistoryScene) -> None:
    names = [
        pb.Pushname(id=str(CAROL_LID), pushname="Carol"),
        pb.Pushname(id=str(OWN_PN.bare), pushname="Bot"),
        pb.Pushname(id=str(BOB), pushname="-"),
        pb.Pushname(id="?", pushname="x"),
    ]
    pairs = [pb.PhoneNumberToLIDMapping(pnJid=str(CAROL), lidJid=str(CAROL_LID))]
    await scene.take(
        inline(piece("PUSH_NAME", pushnames=names, phoneNumberToLidMappings=pairs), "PUSH_NAME")
    )
    contact = await scene.read(lambda store: store.contacts.get(CAROL))
    assert (contact.push_name, contact.lid) == ("Carol", CAROL_LID)
    assert await scene.read(lambda store: store.contacts.get(BOB)) is None
    credentials = await scene.read(lambda store: store.devices.get())
    assert credentials.push_name == "Bot"
    assert scene.announced == 1


async def test_a_pair_takes_the_place_of_an_older_one(scene: HistoryScene) -> None:
    other = Jid("100000000000099", "lid")
    for lid in (CAROL_LID, other):
        pair = pb.PhoneNumberToLIDMapping(pnJid=str(CAROL), lidJid=str(lid))
        await scene.take(inline(piece("PUSH_NAME", phoneNumberToLidMappings=[pair]), "PUSH_NAME"))
    assert await scene.read(lambda store: store.addresses.lid_of(CAROL)) == other
    assert await scene.read(lambda store: store.addresses.pn_of(CAROL_LID)) is None


async def test_chats_under_hidden_ids_stand_under_the_number(scene: HistoryScene) -> None:
    by_lid = chat(CAROL_LID, [said("M1")], pnJid=str(CAROL), unreadCount=1)
    in_group = chat(GROUP, [said("G1", participant=CAROL_LID), said("G2", participant=OWN_LID)])
    await scene.take(inline(piece(conversations=[by_lid, in_group])))
    assert {each.jid for each in await scene.read(lambda s: s.chats.all())} == {CAROL, GROUP}
    assert (await stored(scene, key("M1", CAROL, by=CAROL))).text == "hello"
    assert (await stored(scene, key("G1", GROUP, by=CAROL))).text == "hello"


async def test_a_receipt_tells_the_number_of_a_hidden_id(scene: HistoryScene) -> None:
    receipt = pb.UserReceipt(userJid=str(CAROL), receiptTimestamp=NOW)
    message = said("M1", from_me=True, userReceipt=[receipt])
    await scene.take(inline(piece(conversations=[chat(CAROL_LID, [message])])))
    assert await scene.read(lambda store: store.addresses.pn_of(CAROL_LID)) == CAROL
    assert await scene.texts(CAROL) == ["hello"]


async def test_the_rest_is_kept_as_it_came(scene: HistoryScene) -> None:
    past = pb.PastParticipants(
        groupJid=str(GROUP), pastParticipants=[pb.PastParticipant(userJid=str(BOB), leaveTs=5)]
    )
    settings = pb.GlobalSettings(disappearingModeDuration=7, chatDbLidMigrationTimestamp=NOW)
    contact = pb.InlineContact(pnJid=str(CAROL), lidJid=str(CAROL_LID), fullName="Carol Book")
    token = chat(CAROL_LID, tcToken=b"token", tcTokenTimestamp=NOW, pnJid=str(CAROL))
    data = piece(
        "NON_BLOCKING_DATA",
        pastParticipants=[past],
        globalSettings=settings,
        inlineContacts=[contact],
        callLogRecords=[pb.CallLogRecord(callId="C1")],
        nctSalt=bytes(32),
        conversations=[token],
        accounts=[pb.Account(username="ann")],
    )
    await scene.take(inline(data, "NON_BLOCKING_DATA"))
    kept = await scene.read(lambda store: store.history.kept("past_participants"))
    assert kept == {str(GROUP): past.SerializeToString()}
    account = await scene.read(lambda store: store.history.kept("account"))
    assert account["settings"] == settings.SerializeToString()
    assert account["salt"] == bytes(32)
    assert account["lid_migrated_at"] == str(NOW).encode()
    assert len(await scene.read(lambda store: store.history.kept("call"))) == 1
    # A field that means nothing to us.
    (other,) = (await scene.read(lambda store: store.history.kept("field 18"))).values()
    assert pb.Account.FromString(other).username == "ann"
    assert (await scene.read(lambda store: store.contacts.get(CAROL))).name == "Carol Book"
    assert (await scene.read(lambda store: store.tokens.get(CAROL_LID))).token == b"token"
    # A token alone is no chat to be listed.
    assert await scene.read(lambda store: store.chats.all()) == []


async def test_status_posts_stand_in_the_feed(scene: HistoryScene) -> None:
    post = said("S1", "at sea", participant=BOB)
    post.key.remoteJid = str(STATUS)
    await scene.take(
        inline(piece("INITIAL_STATUS_V3", statusV3Messages=[post]), "INITIAL_STATUS_V3")
    )
    assert (await stored(scene, key("S1", STATUS))).text == "at sea"


# --- what is newer stays -------------------------------------------------------------------------


def live(name: str, text: str = "live", at: int = NOW, ack: Ack = Ack.SERVER) -> Message:
    content = pb.Message(conversation=text).SerializeToString()
    return Message(key(name), at, content, MessageKind.TEXT, "Bob now", ack)


async def test_a_message_that_is_known_stays_as_it_is(scene: HistoryScene) -> None:
    own = Message(key("M2", from_me=True), NOW, b"", MessageKind.TEXT, ack=Ack.PLAYED)

    def job(store: Any) -> None:
        store.messages.add(live("M1"))
        store.messages.add(own)

    await scene.account.write(job)
    old = chat(
        BOB,
        [said("M1", "old", status="READ"), said("M2", "old", from_me=True, status="SERVER_ACK")],
    )
    await scene.take(inline(piece(conversations=[old])))
    assert (await stored(scene, key("M1"))).text == "live"
    assert (await stored(scene, key("M2", from_me=True))).ack is Ack.PLAYED


async def test_a_placeholder_is_filled(scene: HistoryScene) -> None:
    waiting = Message(key("M1"), NOW - 7, b"", MessageKind.CIPHERTEXT, ack=Ack.SERVER)
    await scene.account.write(lambda store: store.messages.add(waiting))
    await scene.take(inline(piece(conversations=[chat(BOB, [said("M1", "readable")])])))
    assert await scene.texts() == ["readable"]


async def test_live_messages_add_to_the_count_of_the_history(scene: HistoryScene) -> None:
    def job(store: Any) -> None:
        store.messages.add(live("L1", at=NOW))
        store.chats.touch(BOB, NOW, unread_delta=1)

    await scene.account.write(job)
    old = chat(
        BOB,
        [said("M2", at=NOW - 50), said("M1", at=NOW - 60)],
        unreadCount=2,
        conversationTimestamp=NOW - 50,
    )
    await scene.take(inline(piece(conversations=[old])))
    found = await scene.read(lambda store: store.chats.get(BOB))
    assert (found.unread, found.timestamp) == (3, NOW)


async def test_what_was_read_meanwhile_stays_read(scene: HistoryScene) -> None:
    await scene.account.write(lambda store: store.history.note_read(BOB, NOW - 10))
    old = chat(
        BOB,
        [said("M2", at=NOW - 50), said("M1", at=NOW - 60)],
        unreadCount=2,
        markedAsUnread=True,
        conversationTimestamp=NOW - 50,
    )
    await scene.take(inline(piece(conversations=[old])))
    assert (await scene.read(lambda store: store.chats.get(BOB))).unread_count == 0
    assert await scene.read(lambda store: store.messages.unread(BOB, 10)) == []


async def test_settings_of_the_app_state_stay(scene: HistoryScene) -> None:
    def job(store: Any) -> None:
        store.chats.set_flags(BOB, pinned=False)
        store.contacts.set_name(BOB, "Bob Live")
        store.contacts.set_push_name(CAROL, "Carol now")
        store.chats.set_timer(BOB, 7, NOW)

    await scene.account.write(job)
    old = chat(
        BOB,
        [said("M1")],
        name="Bob Old",
        archived=True,
        pinned=5,
        ephemeralExpiration=99,
        ephemeralSettingTimestamp=NOW - 5,
    )
    names = [pb.Pushname(id=str(CAROL), pushname="Carol then")]
    await scene.take(inline(piece(conversations=[old], pushnames=names)))
    found = await scene.read(lambda store: store.chats.get(BOB))
    assert (found.archived, found.pinned) == (False, False)
    assert (await scene.read(lambda store: store.contacts.get(BOB))).name == "Bob Live"
    assert (await scene.read(lambda store: store.contacts.get(CAROL))).push_name == "Carol now"
    assert (await scene.read(lambda store: store.chats.timer(BOB))).expiration_s == 7


async def test_a_piece_that_comes_twice_changes_nothing(scene: HistoryScene) -> None:
    reaction = pb.Reaction(key=pb.MessageKey(id="R1"), text="❤", senderTimestampMs=5)
    old = chat(
        BOB,
        [said("M2", at=NOW - 50, reactions=[reaction]), said("M1", at=NOW - 60)],
        unreadCount=1,
        conversationTimestamp=NOW - 50,
    )
    data = piece(conversations=[old])

    def everything(store: Any) -> Any:
        return store.chats.all(), store.messages.page(BOB, 10), store.contacts.all()

    await scene.take(inline(data))
    before = await scene.read(everything)
    await scene.take(inline(data), inline(data, chunkOrder=1))
    assert await scene.read(everything) == before
    assert scene.handled == ["H1", "H2", "H3"]
    # Read meanwhile: the same piece once more does not bring it back.
    await scene.account.write(lambda store: store.chats.mark_read(BOB))
    await scene.take(inline(data))
    assert (await scene.read(lambda store: store.chats.get(BOB))).unread == 0


# --- bad input -----------------------------------------------------------------------------------


async def test_one_bad_message_does_not_cost_the_others(scene: HistoryScene) -> None:
    good = [said("M3", "c", at=NOW - 10), said("M1", "a", at=NOW - 30)]
    messages = [pb.HistorySyncMsg(message=message).SerializeToString() for message in good]
    bad = b"\x0a\x04\xff\xff\xff\xff"
    no_id = pb.HistorySyncMsg(message=said("")).SerializeToString()
    messages[1:1] = [bad, no_id]
    raw = pb.Conversation(id=str(BOB)).SerializeToString()
    for message in messages:
        raw += b"\x12" + bytes([len(message)]) + message
    size = len(raw)
    sync = b"\x08\x03\x12" + bytes([size & 0x7F | 0x80, size >> 7]) + raw
    await scene.take(inline(zlib.compress(sync)))
    assert await scene.texts() == ["a", "c"]
    assert scene.handled == ["H1"]
    kept = await scene.read(lambda store: store.history.kept("message"))
    assert sorted(kept.values()) == sorted([bad, no_id])


async def test_an_unknown_kind_is_kept_as_it_came(scene: HistoryScene) -> None:
    notice = pb.HistorySyncNotification.FromString(b"\x30\x63\x38\x01")  # kind 99
    await scene.take(notice)
    kept = await scene.read(lambda store: store.history.kept("notice"))
    assert kept == {"H1": notice.SerializeToString()}
    assert scene.handled == ["H1"]


UNUSABLE = {
    "no zlib": b"not zlib",
    "cut short": piece(conversations=[chat(BOB, [said("M1")])])[:-6],
    "no protobuf": zlib.compress(b"\xff\xff\xff"),
    "empty": b"\x00",
}


@pytest.mark.parametrize("data", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_unusable_piece_is_not_called_handled(scene: HistoryScene, data: bytes) -> None:
    await scene.announce(scene.upload(data))
    scene.begin()
    await scene.clock.sleeping(AGAIN_S)
    assert scene.handled == []
    (notice,) = await scene.notices()
    assert (notice.attempts, notice.state) == (1, NoticeState.WAITING)
    assert await scene.read(lambda store: store.chats.all()) == []


async def test_a_piece_that_inflates_without_end_is_refused(scene: HistoryScene) -> None:
    inflater = zlib.compressobj(9)
    # One field that claims 70 MiB, and has them.
    head = b"\x12" + bytes([0x80, 0x80, 0x80, 0xA3, 0x02])
    bomb = inflater.compress(head)
    bomb += b"".join(inflater.compress(bytes(1 << 20)) for _ in range(70)) + inflater.flush()
    assert len(bomb) < 1 << 17
    await scene.announce(scene.upload(bomb))
    scene.begin()
    await scene.clock.sleeping(AGAIN_S)
    assert scene.handled == []


def test_many_small_fields_have_a_limit_together() -> None:
    sync = pb.HistorySync(pushnames=[pb.Pushname(id="?", pushname="x" * 1000)] * 5000)
    data = [zlib.compress(sync.SerializeToString())]
    with pytest.raises(history_blob.DecodeError):
        history_blob.overview(lambda _: data.pop() if data else b"", max_inflated=1 << 20)


async def test_a_broken_piece_is_fetched_again_and_then_asked_for(scene: HistoryScene) -> None:
    notice = scene.upload(MediaError("fileEncSha256 does not match"), chunkOrder=3)
    await scene.announce(notice, "H1")
    scene.begin()
    await scene.clock.pass_by(AGAIN_S)
    await scene.clock.sleeping(ANSWER_S)
    (asked,) = scene.asked()
    request = asked.historySyncChunkRetryRequest
    assert asked.peerDataOperationRequestType == pb.HISTORY_SYNC_CHUNK_RETRY
    assert (request.syncType, request.chunkOrder) == (pb.RECENT, 3)
    assert request.chunkNotificationId == "H1"
    # The phone sends it again, under another name.
    again = scene.upload(piece(conversations=[chat(BOB, [said("M1")])]), chunkOrder=3)
    work = await scene.announce(again, "H2")
    (follow_up,) = work.follow_ups
    await follow_up()
    async with asyncio.timeout(5):
        while await scene.notices():
            await scene.account.write(lambda _: None)
    assert await scene.texts() == ["hello"]
    assert scene.handled == ["H2"]


async def test_a_piece_that_stays_broken_is_given_up_and_kept(scene: HistoryScene) -> None:
    await scene.announce(scene.upload(MediaGone(410)), "H1")
    task = scene.begin()
    await scene.clock.pass_by(AGAIN_S)
    for _ in range(MAX_ATTEMPTS - 2):
        await scene.clock.pass_by(ANSWER_S)
    await task
    assert len(scene.fetched) == MAX_ATTEMPTS
    (notice,) = await scene.notices()
    assert notice.state is NoticeState.GIVEN_UP
    assert scene.handled == []


async def test_the_phone_may_say_that_it_has_a_piece_no_more(scene: HistoryScene) -> None:
    await scene.announce(scene.upload(MediaGone(404)), "H1")
    scene.begin()
    await scene.clock.pass_by(AGAIN_S)
    await scene.clock.sleeping(ANSWER_S)
    request_id = scene.server.messages[-1].attr("id")
    answer = pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
    )
    response = answer.peerDataOperationRequestResponseMessage
    response.peerDataOperationRequestType = pb.HISTORY_SYNC_CHUNK_RETRY
    response.stanzaId = "of another request"
    told = response.peerDataOperationResult.add().historySyncChunkRetryResponse
    told.responseCode = 2  # type: ignore[assignment]
    for stanza_id, state in (
        ("of another request", NoticeState.BROKEN),
        (request_id, NoticeState.GIVEN_UP),
    ):
        response.stanzaId = stanza_id
        await scene.account.handle(
            lambda work, _: scene.sync.take_answer(work, answer) or None,
            Node("message"),
        )
        (notice,) = await scene.notices()
        assert notice.state is state


async def test_a_piece_that_the_store_refuses_holds_up_no_other(
    scene: HistoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_parts, is_damaged = history_intake.jobs.put_parts, True

    def put(store: Any, parts: Any, place: Any, now: int) -> int:
        if is_damaged and place.message_id == "H1":
            raise CorruptRecord("a damaged row")
        return put_parts(store, parts, place, now)

    monkeypatch.setattr(history_intake.jobs, "put_parts", put)
    for name in ("M1", "M2"):
        await scene.announce(inline(piece(conversations=[chat(BOB, [said(name, name)])])))
    task = scene.begin()
    await scene.clock.sleeping(AGAIN_S)
    assert (await scene.texts(), scene.handled) == (["M2"], ["H2"])
    # However long it lasts, the pauses are bounded.
    pause = AGAIN_S
    for _ in range(10):
        await scene.clock.pass_by(pause)
        pause = min(2 * pause, MAX_PAUSE_S)
    is_damaged = False
    await task
    assert scene.handled == ["H2", "H1"]


async def test_what_two_pieces_bring_for_later_is_kept_of_both(scene: HistoryScene) -> None:
    calls = [[pb.CallLogRecord(callId=name)] for name in ("A", "B")]
    for order, records in enumerate(calls, 1):
        data = piece("NON_BLOCKING_DATA", callLogRecords=records)
        await scene.take(inline(data, "NON_BLOCKING_DATA", chunkOrder=order))
    kept = await scene.read(lambda store: store.history.kept("call"))
    assert [pb.CallLogRecord.FromString(data).callId for data in kept.values()] == ["A", "B"]


async def test_hosts_that_can_not_be_reached_cost_no_attempt(scene: HistoryScene) -> None:
    await scene.announce(scene.upload(TransferFailed("no media host gave the file")), "H1")
    task = scene.begin()
    await scene.clock.pass_by(AGAIN_S)
    await scene.clock.sleeping(2 * AGAIN_S)
    (notice,) = await scene.notices()
    assert notice.attempts == 0
    scene.blobs["/piece/0"] = piece(conversations=[chat(BOB, [said("M1")])])
    scene.clock.advance(2 * AGAIN_S)
    await task
    assert scene.handled == ["H1"]


async def test_a_large_table_of_hidden_ids_is_taken_in_step_by_step(scene: HistoryScene) -> None:
    payload = pb.LIDMigrationMappingSyncPayload(
        pnToLidMappings=[
            pb.LIDMigrationMapping(pn=15550010000 + number, assignedLid=10**14 + number)
            for number in range(500)
        ]
    ).SerializeToString()
    await scene.account.handle(
        lambda work, _: scene.sync.take_addresses(work, "L1", payload), Node("message")
    )
    await scene.work_off()
    last = Jid("15550010499", "s.whatsapp.net")
    assert (await scene.read(lambda store: store.addresses.lid_of(last))).user == str(10**14 + 499)
    assert scene.handled == []  # no history
    assert await scene.notices() == []


# --- progress ------------------------------------------------------------------------------------


async def test_progress_only_rises(scene: HistoryScene) -> None:
    pieces = [
        inline(piece("INITIAL_BOOTSTRAP"), "INITIAL_BOOTSTRAP", chunkOrder=1, progress=100),
        inline(piece(), chunkOrder=1, progress=30),
        inline(piece(), chunkOrder=3, progress=100),
        inline(piece(), chunkOrder=2, progress=60),
    ]
    await scene.take(*pieces)
    told = [event for event in scene.account.sink.published if isinstance(event, HistoryProgress)]
    assert [(event.percent, event.chunk) for event in told] == [(30, 1), (100, 3)]
    assert {event.sync_type for event in told} == {"RECENT"}


async def test_a_first_piece_that_comes_anew_begins_no_other_round(scene: HistoryScene) -> None:
    await scene.announce(scene.upload(b"broken", chunkOrder=1, progress=50))
    await scene.announce(inline(piece(), chunkOrder=2, progress=100))
    await scene.account.write(
        lambda store: store.history.set_state(
            store.history.notices()[0].position, NoticeState.GIVEN_UP, MAX_ATTEMPTS
        )
    )
    await scene.work_off()
    await scene.take(inline(piece(), chunkOrder=1, progress=50))
    assert [event.percent for event in scene.account.sink.of(HistoryProgress)] == [100]
    assert await scene.notices() == []


async def test_an_account_without_history_is_complete(scene: HistoryScene) -> None:
    await scene.take(pb.HistorySyncNotification(syncType="NO_HISTORY"))
    assert scene.handled == ["H1"]
    (told,) = scene.account.sink.of(HistoryProgress)
    assert told.percent == 100


async def test_the_first_history_goes_ahead(scene: HistoryScene) -> None:
    await scene.announce(inline(piece()), "recent")
    await scene.announce(inline(piece("PUSH_NAME"), "PUSH_NAME"), "names")
    await scene.announce(inline(piece("INITIAL_BOOTSTRAP"), "INITIAL_BOOTSTRAP"), "first")
    await scene.work_off()
    assert scene.handled == ["first", "names", "recent"]
