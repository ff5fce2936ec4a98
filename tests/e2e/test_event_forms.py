"""Every event in the older server's form, and in both forms, fired by its real cause.

How the newer form looks in full stands in `test_events`; here messages and chats are compared with
those of the API. Events that look alike in all forms are here, too. The scenes follow one another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from support.event_forms import Forms, in_older_form, older_chat, older_id
from support.shared_state import SharedState
from support.stage import SESSION, Data, Stage, c_us, id_of, message_id, open_stage
from support.talk import encoded
from support.who import without_addresses
from waport.emulator.phone_history import HistoryPlan
from waport.emulator.phone_media import OutgoingFile
from waport.emulator.phone_trouble import Trouble
from waport.proto import pb
from waport.wire import Jid, Node

SECOND = "second"
REFUSED = 'failure 401 <failure reason="401" location="emulator"/>'

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["wwebjs", "both"])
async def forms(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Forms]:
    settings = {"EVENT_PAYLOADS": request.param}
    async with open_stage(tmp_path_factory.mktemp("forms"), settings) as stage:
        yield Forms(stage, request.param)


# --- the session ---------------------------------------------------------------------------------


async def test_a_login_has_data_in_the_newer_form_alone(forms: Forms) -> None:
    stage = forms.stage
    since = await stage.begin()
    await stage.server.get(f"/session/start/{SESSION}")
    qr = await stage.told("qr", since)
    assert list(qr) == ["qr"]
    await stage.own_phone.pair_by_qr(qr["qr"])
    await forms.same("remote_session_saved", since, {})
    await stage.told("ready", since)
    events = [dict(each) for each in stage.inbox.events[since.posted :]]
    by_kind = {event["dataType"]: event for event in events}
    for kind, data in (
        ("authenticated", {}),
        ("ready", {"id": c_us(stage.own.jid), "pushname": None}),
    ):
        wanted = {"sessionId": SESSION, "dataType": kind, "data": data}
        if forms.is_older:
            del wanted["data"]
        event = by_kind[kind]
        if "data" in event:
            event["data"] = without_addresses(event["data"], stage.emulator)
        assert event == wanted
    assert stage.of("change_state", since)[-1] == {"state": "CONNECTED"}
    stage.dave, phone = await stage.person("Dave")
    body = {"phoneNumber": stage.dave.jid.user}
    answer = await stage.server.post(f"/session/requestPairingCode/{SECOND}", body)
    code = await stage.told("code", since, session_id=SECOND)
    assert code == {"code": answer["pairingCode"]}
    await phone.enter_code(code["code"])
    await stage.told("ready", since, session_id=SECOND)
    plan = HistoryPlan(chats=1, messages=10, chunk=5)
    await stage.own_phone.history.send_all([stage.own.jid.with_device(1)], plan)
    screen = await stage.told("loading_screen", since, lambda data: data["percent"] == 100)
    assert screen == {"percent": 100, "message": "WhatsApp"}
    # What the phone writes before all of it was read is no news; ours goes up after that.
    shared = SharedState(stage.own_phone)
    await stage.server.post(f"/chat/pin/{SESSION}", {"chatId": c_us(stage.dave.jid)})
    await shared.until("regular_low", "pin_v1", str(stage.dave.jid))


# --- groups and their messages -------------------------------------------------------------------


def notification(stage: Stage, data: Data, kind: str, *people: Jid, body: str = "") -> Data:
    """What the older server tells of a group; its id and time are those that came."""
    name = data["notification"]["id"]["id"]
    time_s = data["notification"]["timestamp"]
    shape = stage.notification(stage.group, name, kind, time_s, *people, author=stage.ann.jid)
    return {"notification": {**shape, "id": older_id(shape["id"]), "body": body}}


async def test_a_group_is_told_of_as_a_notification(forms: Forms) -> None:
    stage, groups = forms.stage, forms.stage.ann.client.groups
    since = await stage.begin()
    created = await groups.create("Friends", [stage.own.jid, stage.alice.jid])
    stage.group = created.group.jid

    def update(kind: str, subject: str) -> Callable[[Data], Data]:
        return lambda data: {
            "id": id_of(stage.group),
            "subject": subject,
            "author": c_us(stage.ann.jid),
            "chatId": str(stage.group),
            "timestamp": data["timestamp"],
            "type": kind,
        }

    def typed(kind: str) -> Callable[[Data], bool]:
        return lambda data: data.get("type", data["notification"]["type"]) == kind

    for kind, subject in (("create", "Friends"), ("subject", "Good friends")):
        if kind == "subject":
            await groups.set_subject(stage.group, subject)
        await forms.told(
            "group_update",
            since,
            update(kind, subject),
            lambda data, kind=kind, subject=subject: notification(stage, data, kind, body=subject),
            typed(kind),
        )


async def test_a_message_of_a_group_is_wrapped(forms: Forms) -> None:
    stage = forms.stage
    since = await stage.begin()
    sent = await stage.ann.client.messages.send_text(stage.group, "hi")
    for kind in ("message_create", "message"):
        data = await stage.told(kind, since)
        message = await stage.newest(stage.group, sent.key.id)
        older = {"message": in_older_form(message)}
        assert data == (older if forms.is_older else {**message, **older})
    author = f"_{sent.key.id}_{c_us(stage.ann.jid)}"
    assert older["message"]["id"]["_serialized"].endswith(author)
    chat = stage.chat(stage.group, "Good friends", message, unreadCount=1)
    flat = {"id": id_of(stage.group), "unreadCount": 1, "chat": chat}
    await forms.told("unread_count", since, lambda _: flat, lambda _: {"chat": older_chat(chat)})


async def test_what_is_done_to_a_message_is_told(forms: Forms) -> None:
    stage, ann = forms.stage, forms.stage.ann.client.messages
    since = await stage.begin()
    sent = await ann.send_text(stage.group, "first")
    await stage.told("unread_count", since)
    await ann.react(stage.group, sent.key.id, "👍")
    target = message_id(stage.group, sent.key.id, author=stage.ann.jid)

    def flat(data: Data) -> Data:
        return {
            "id": target,
            "reaction": {
                "key": data["reaction"]["key"],
                "text": "👍",
                "senderTimestampMs": data["reaction"]["senderTimestampMs"],
            },
            "senderId": c_us(stage.ann.jid),
        }

    def older(data: Data) -> Data:
        name = data["reaction"]["id"]["id"]
        own = message_id(stage.group, name, author=stage.ann.jid)
        return {
            "reaction": {
                "id": older_id(own),
                "orphan": 0,
                "orphanReason": None,
                "timestamp": data["reaction"]["timestamp"],
                "reaction": "👍",
                "read": True,
                "msgId": older_id(target),
                "senderId": c_us(stage.ann.jid),
            }
        }

    await forms.told("message_reaction", since, flat, older)
    await ann.edit(stage.group, sent.key.id, "second")
    await stage.told("message_edit", since)
    message = await stage.newest(stage.group, sent.key.id)
    assert message["body"] == "second"
    await forms.about_message("message_edit", since, message, newBody="second", prevBody="first")
    await ann.revoke(stage.group, sent.key.id)
    await stage.told("message_revoke_everyone", since)
    gone = await stage.newest(stage.group, sent.key.id)
    original = in_older_form(message) if forms.is_older else message
    await forms.about_message("message_revoke_everyone", since, gone, revokedMsg=original)
    answer = await stage.server.send_text(SESSION, c_us(stage.alice.jid), "mine")
    acked = await stage.told("message_ack", since, lambda data: data["ack"] == 2)
    message = await stage.newest(stage.alice.jid, answer["id"]["id"])
    assert acked == {"message": message, "ack": 2}


async def test_what_cannot_be_read_or_is_not_wanted_is_told(forms: Forms) -> None:
    stage = forms.stage
    since = await stage.begin()
    content = pb.Message(conversation="at last")
    trouble = Trouble(is_damaged=True)
    await stage.phone.send_message(stage.own.jid, content, "AAA4", trouble=trouble)
    await stage.told("unread_count", since)
    message = await stage.newest(stage.alice.jid, "AAA4")
    placeholder = {**message, "body": "", "type": "ciphertext"}
    placeholder["_data"] = {n: v for n, v in message["_data"].items() if n != "message"}
    await forms.about_message("message_ciphertext", since, placeholder)
    action = pb.SyncActionValue(
        timestamp=1, deleteMessageForMeAction={"messageTimestamp": message["timestamp"]}
    )
    index = ("deleteMessageForMe", str(stage.alice.jid), "AAA4", "0", "0")
    await stage.shared("regular_high", index, action, 3)
    await forms.about_message("message_revoke_me", since, message)


async def test_votes_and_files_have_their_older_names(forms: Forms) -> None:
    stage = forms.stage
    since = await stage.begin()
    options = [pb.PollCreationMessage.Option(optionName=name) for name in ("Yes", "No")]
    poll = pb.PollCreationMessage(name="Lunch?", options=options, selectableOptionsCount=1)
    await stage.phone.send_message(stage.own.jid, pb.Message(pollCreationMessageV3=poll), "POLL1")
    await stage.told("message", since)
    message = await stage.newest(stage.alice.jid, "POLL1")
    vote = await stage.phone.vote(stage.own.jid, "POLL1", ["No"])
    await stage.phone.send_message(stage.own.jid, vote, "VOTE1")
    shown = in_older_form(message) if forms.is_older else message
    assert shown["type"] == ("poll_creation" if forms.is_older else "poll")
    told = {
        "voter": c_us(stage.alice.jid),
        "selectedOptions": [{"name": "No", "localId": 1}],
        "interractedAtTs": vote.pollUpdateMessage.senderTimestampMs,
        "parentMessage": shown,
        "parentMsgKey": message_id(stage.alice.jid, "POLL1"),
    }
    await forms.same("vote_update", since, {"vote": told})

    file = OutgoingFile(b"hi", "text/plain", name="a.txt")
    await stage.phone.send_file(stage.own.jid, file, "DOC1")
    data = {"mimetype": "text/plain", "data": encoded(b"hi"), "filename": "a.txt", "filesize": 2}
    media = await stage.told("media", since)
    message = await stage.newest(stage.alice.jid, "DOC1")
    shown = in_older_form(message) if forms.is_older else message
    assert media == {"messageMedia": data, "message": shown}
    body = {
        "chatId": c_us(stage.alice.jid),
        "contentType": "MessageMedia",
        "content": {"mimetype": "text/plain", "data": "aGk=", "filename": "b.txt"},
        "options": {"sendSeen": False},
    }
    answer = await stage.server.post(f"/client/sendMessage/{SESSION}", body)
    uploaded = await stage.told("media_uploaded", since)
    created = await stage.told("message_create", since, lambda data: is_named(data, "b.txt"))
    assert uploaded == created
    wrapped = uploaded["message"]
    assert (wrapped["type"], wrapped["body"], wrapped["fromMe"]) == ("document", "", True)
    assert ("body" in uploaded) is not forms.is_older
    await stage.inbox.acked(answer["message"]["id"]["id"], 2)


def is_named(data: Data, name: str) -> bool:
    content = data["message"]["_data"].get("message", {})
    return bool(content.get("documentMessage", {}).get("fileName") == name)


# --- chats and calls -----------------------------------------------------------------------------


async def test_a_chat_is_wrapped(forms: Forms) -> None:
    stage = forms.stage
    last = await stage.newest(stage.alice.jid)
    since = await stage.begin()
    action = pb.SyncActionValue(timestamp=2, archiveChatAction={"archived": True})
    await stage.shared("regular_low", ("archive", str(stage.alice.jid)), action, 3)
    states = {"currState": True, "prevState": False}

    def chat(data: Data) -> Data:
        count = data["chat"]["unreadCount"]
        return stage.chat(stage.alice.jid, "Alice", last, archived=True, unreadCount=count)

    await forms.told(
        "chat_archived",
        since,
        lambda data: {"chat": chat(data), "archived": True, **states},
        lambda data: {"chat": older_chat(chat(data)), **states},
    )
    covered = {"lastMessageTimestamp": last["timestamp"] + 1}
    action = pb.SyncActionValue(timestamp=3, deleteChatAction={"messageRange": covered})
    await stage.shared("regular_high", ("deleteChat", str(stage.alice.jid), "1"), action, 6)
    told = await stage.told("chat_removed", since)
    assert told["chat"]["id"] == id_of(stage.alice.jid)
    assert "lastMessage" not in told["chat"]
    assert list(told) == (["chat"] if forms.is_older else ["id", "chat"])


async def test_a_call_is_told_when_it_comes(forms: Forms) -> None:
    stage = forms.stage
    since = await stage.begin()
    call_id = await stage.phone.calls.call([stage.own.jid], video=True)

    def shape(data: Data) -> Data:
        call = data["call"]
        return {
            "id": call_id,
            "from": c_us(stage.alice.jid),
            "timestamp": call["timestamp"],
            "isVideo": True,
            "isGroup": False,
            "fromMe": False,
            "participants": {},
        }

    more = {"canHandleLocally": False, "webClientShouldHandle": False}
    await forms.told(
        "call",
        since,
        lambda data: {**shape(data), "status": "offer"},
        lambda data: {"call": {**shape(data), **more}},
    )
    await stage.phone.calls.act(call_id, "cancel")
    await stage.told("unread_count", since)
    statuses = [call.get("status") for call in stage.of("call", since)]
    assert statuses == ([None] if forms.is_older else ["offer", "terminate"])


# --- people --------------------------------------------------------------------------------------


async def test_members_are_told_of_together_or_one_by_one(forms: Forms) -> None:
    stage, groups = forms.stage, forms.stage.ann.client.groups
    bob, _ = await stage.person("Bob")
    since = await stage.begin()
    await groups.promote(stage.group, [stage.own.jid])
    data = await stage.told("group_admin_changed", since)
    wanted = notification(stage, data, "promote", stage.own.jid)["notification"]
    if not forms.is_older:
        wanted["id"] = data["notification"]["id"] | {"participant": c_us(stage.ann.jid)}
        assert not wanted["id"]["_serialized"].endswith(c_us(stage.ann.jid))
    assert data == {"notification": wanted}
    await groups.set_approval(stage.group, True)
    code = await groups.invite_code(stage.group)
    await stage.server.post(f"/groupChat/acceptInvite/{SECOND}", {"inviteCode": code})
    told = (await stage.told("group_membership_request", since))["notification"]
    assert (told["type"], told["recipientIds"]) == (
        "membership_approval_request",
        [c_us(stage.dave.jid)],
    )
    people = [stage.dave.jid, bob.jid]
    for kind, action, change in (
        ("group_join", "add", groups.add),
        ("group_leave", "remove", groups.remove),
    ):
        since = await stage.begin()
        await change(stage.group, people)
        if forms.is_older:
            data = await stage.told(kind, since)
            recipients = set(data["notification"]["recipientIds"])
            assert recipients == {c_us(who) for who in people}
            assert (list(data), data["notification"]["type"]) == (["notification"], action)
            continue
        for who in people:
            await forms.told(
                kind,
                since,
                lambda data, who=who, action=action: {
                    "id": id_of(stage.group),
                    "participant": c_us(who),
                    "action": action,
                    "author": c_us(stage.ann.jid),
                    "chatId": str(stage.group),
                    "timestamp": data["timestamp"],
                    "type": action,
                },
                lambda data, who=who, action=action: notification(stage, data, action, who),
                lambda data, who=who: data["participant"] == c_us(who),
            )


async def test_the_end_has_its_older_words(forms: Forms) -> None:
    stage = forms.stage
    since = await stage.begin()
    new = Jid("15550007777", "s.whatsapp.net")
    names = {"old": stage.ann.jid, "new": new, "old_lid": stage.ann.lid, "new_lid": stage.ann.lid}
    head = {"from": stage.ann.jid, "id": "N-1", "type": "contacts", "t": "1"}
    node = Node("notification", head, [Node("modify", dict(names))])
    device = stage.own.jid.with_device(1)
    stage.emulator.faults.post(device, node)
    numbers = {"oldId": c_us(stage.ann.jid), "newId": c_us(new)}
    moved = {"message": None, **numbers, "isContact": False}
    await forms.same("contact_changed", since, moved, strangers=(c_us(stage.ann.jid),))
    stage.emulator.faults.refuse_next_login(device, 401)
    stage.emulator.faults.cut_off(device)
    await forms.same("auth_failure", since, {"message": REFUSED})
    await forms.same("status", since, {"msg": REFUSED})
    reason = "LOGOUT" if forms.is_older else "logged_out"
    await forms.same("disconnected", since, {"reason": reason})
    assert stage.kinds(since)[-3:] == ["auth_failure", "status", "disconnected"]
