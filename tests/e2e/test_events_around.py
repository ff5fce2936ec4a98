"""Events about groups and calls, and those that end a session: by their real causes, in full.

As in `test_events`, on the webhook and on the socket. The scenes follow one another on one stage.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.stage import SESSION, Stage, c_us, id_of, open_stage
from waport.emulator.phone import Phone
from waport.model.group import GroupOptions
from waport.wire import Jid, Node

SECOND = "second"
REFUSED = 'failure 401 <failure reason="401" location="emulator"/>'

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path_factory.mktemp("events"), {}) as stage:
        stage.dave, phone = await stage.person("Dave")
        await link(stage, SESSION, stage.own_phone)
        await link(stage, SECOND, phone)
        yield stage


async def link(stage: Stage, session_id: str, phone: Phone) -> None:
    since = await stage.begin()
    await stage.server.get(f"/session/start/{session_id}")
    await phone.pair_by_qr((await stage.told("qr", since, session_id=session_id))["qr"])
    await stage.told("ready", since, session_id=session_id)


def assert_is_now(timestamp: int) -> None:
    """It is of the last minute, Unix seconds."""
    assert 0 <= time.time() - timestamp + 5 < 60


async def test_somebody_calls_and_hangs_up(stage: Stage) -> None:
    since = await stage.begin()
    call_id = await stage.phone.calls.call([stage.own.jid], video=True)
    for status in ("offer", "terminate"):
        caller = c_us(stage.alice.jid)  # whose number is the caller's own word
        told = await stage.told(
            "call", since, lambda d, status=status: d["status"] == status, strangers=(caller,)
        )
        assert told == {
            "id": call_id,
            "from": c_us(stage.alice.jid),
            "isVideo": True,
            "isGroup": False,
            "status": status,
            "timestamp": told["timestamp"],
            "fromMe": False,
            "participants": {},
        }
        assert_is_now(told["timestamp"])
        if status == "offer":
            await stage.phone.calls.act(call_id, "cancel")

    await stage.told("unread_count", since, strangers=(caller,))


# --- groups --------------------------------------------------------------------------------------


async def test_a_group_is_made_and_gets_another_name(stage: Stage) -> None:
    since = await stage.begin()
    people = [stage.own.jid, stage.alice.jid]
    created = await stage.ann.client.groups.create("Friends", people, GroupOptions())
    stage.group = created.group.jid
    told = await stage.told("group_update", since)
    update = {
        "id": id_of(stage.group),
        "subject": "Friends",
        "author": c_us(stage.ann.jid),
        "chatId": str(stage.group),
        "timestamp": told["timestamp"],
        "type": "create",
    }
    assert told == update
    await stage.ann.client.groups.set_subject(stage.group, "Good friends")
    told = await stage.told("group_update", since, lambda d: d["type"] == "subject")
    news = {"subject": "Good friends", "timestamp": told["timestamp"], "type": "subject"}
    assert told == {**update, **news}
    assert_is_now(told["timestamp"])


async def test_we_become_admin_of_a_group(stage: Stage) -> None:
    since = await stage.begin()
    await stage.ann.client.groups.promote(stage.group, [stage.own.jid])
    notification = (await stage.told("group_admin_changed", since))["notification"]
    name, time_s = notification["id"]["id"], notification["timestamp"]
    assert notification == stage.notification(
        stage.group, name, "promote", time_s, stage.own.jid, author=stage.ann.jid
    )
    assert_is_now(time_s)


async def test_somebody_asks_to_join_a_group(stage: Stage) -> None:
    since = await stage.begin()
    groups = stage.ann.client.groups
    await groups.set_approval(stage.group, True)
    code = await groups.invite_code(stage.group)
    await stage.server.post(f"/groupChat/acceptInvite/{SECOND}", {"inviteCode": code})
    notification = (await stage.told("group_membership_request", since))["notification"]
    name, time_s = notification["id"]["id"], notification["timestamp"]
    kind = "membership_approval_request"
    assert notification == stage.notification(
        stage.group, name, kind, time_s, stage.dave.jid, author=stage.dave.jid
    )
    assert_is_now(time_s)


async def test_somebody_is_added_to_a_group_and_removed(stage: Stage) -> None:
    groups = stage.ann.client.groups
    for kind, action, change in (
        ("group_join", "add", groups.add),
        ("group_leave", "remove", groups.remove),
    ):
        since = await stage.begin()
        await change(stage.group, [stage.dave.jid])
        told = await stage.told(kind, since)
        assert told == {
            "id": id_of(stage.group),
            "participant": c_us(stage.dave.jid),
            "action": action,
            "author": c_us(stage.ann.jid),
            "chatId": str(stage.group),
            "timestamp": told["timestamp"],
            "type": action,
        }
        assert_is_now(told["timestamp"])


# --- the end -------------------------------------------------------------------------------------


async def test_somebody_has_another_number(stage: Stage) -> None:
    since = await stage.begin()
    await stage.ann.client.messages.send_text(stage.own.jid, "I move")
    await stage.told("message", since)
    new = Jid("15550007777", "s.whatsapp.net")
    names = {"old": stage.ann.jid, "new": new, "old_lid": stage.ann.lid, "new_lid": stage.ann.lid}
    head = {"from": stage.ann.jid, "id": "N-1", "type": "contacts", "t": "1"}
    node = Node("notification", head, [Node("modify", dict(names))])
    stage.emulator.faults.post(stage.own.jid.with_device(1), node)
    assert await stage.told_whole("contact_changed", since) == {
        "message": None,
        "oldId": c_us(stage.ann.jid),
        "newId": c_us(new),
        "isContact": False,
        "addresses": {c_us(new): {"pn": c_us(new), "lid": str(stage.ann.lid)}},
    }


async def test_a_refused_login_is_told_and_ends_the_session(stage: Stage) -> None:
    since = await stage.begin()
    device = stage.own.jid.with_device(1)
    stage.emulator.faults.refuse_next_login(device, 401)
    stage.emulator.faults.cut_off(device)
    assert await stage.told("auth_failure", since) == {"message": REFUSED}
    assert await stage.told("disconnected", since) == {"reason": "logged_out"}
    words = ("TIMEOUT", "OPENING", "TIMEOUT")
    assert stage.of("change_state", since) == [{"state": word} for word in words]
    assert stage.kinds(since) == [*["change_state"] * 3, "auth_failure", "disconnected"]
