"""Calls: our client and Baileys are called by one phone and see the same, and both can decline."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from interop.baileys import Baileys
from interop.conftest import QUIET, Admin, Emulator, launching, linking, open_admin
from support.linked import Linked
from waport.errors import NotFound
from waport.model import Call, CallChanged, CallStatus, MessageAdded
from waport.proto import pb
from waport.wire import Jid

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="module")]

END_S = 20

CALL_MISSED_VIDEO = 41
"""Baileys' number for the notice that it shows."""


@dataclass
class Callees:
    """One account with our client and Baileys as companions, and a friend who calls it."""

    ours: Linked
    baileys: Baileys
    admin: Admin
    friend: Mapping[str, str]

    async def ring(self, to: Any = None, **body: Any) -> str:
        """The friend's phone calls."""
        body["to"] = str(to or self.ours.jid)
        answer = await self.admin.post(f"/accounts/{self.friend['jid']}/call", body)
        return str(answer["call_id"])

    async def act(self, account: Any, call_id: str, action: str) -> None:
        """Somebody's phone hangs up or answers."""
        await self.admin.post(f"/accounts/{account}/calls/{call_id}", {"action": action})

    async def both(self, call_id: str, status: str) -> tuple[Call, Mapping[str, Any]]:
        """What both are told when the call comes so far."""
        ours = await self.ours.events.until(
            CallChanged, lambda event: (event.call.id, event.call.status) == (call_id, status)
        )

        def is_it(event: Any) -> bool:
            return event["event"] == "call" and any(
                (each["id"], each["status"]) == (call_id, status) for each in event["data"]
            )

        event = await self.baileys.wait_event(is_it, what=f"{status} of {call_id}")
        (theirs,) = event["data"]
        return ours.call, theirs

    async def state(self, call_id: str, *states: str) -> str:
        """Wait until the friend's phone sees the call in one of these states."""
        async with asyncio.timeout(END_S):
            while True:
                listed = await self.admin.get(f"/accounts/{self.friend['jid']}/calls")
                (call,) = [each for each in listed["calls"] if each["call_id"] == call_id]
                if call["state"] in states:
                    return str(call["state"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callees(
    node: Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callees]:
    folder, name = tmp_path_factory.mktemp("callees"), f"Test {uuid.uuid4().hex[:8]}"
    async with (
        open_admin(emulator) as admin,
        linking(emulator, admin, folder, f"{name} us") as ours,
        launching(node, emulator, admin, folder) as launch,
    ):
        second = await launch(f"{name} two", account=str(ours.jid), **QUIET)
        friend = await admin.create_account(f"{name} friend")
        yield Callees(ours, second, admin, friend)


@pytest.mark.parametrize("by", ["jid", "lid"])
@pytest.mark.parametrize("video", [False, True])
async def test_both_ring_and_see_the_same_call(callees: Callees, by: str, video: bool) -> None:
    to = callees.ours.lid if by == "lid" else callees.ours.jid
    call_id = await callees.ring(to, video=video)
    ours, theirs = await callees.both(call_id, "offer")
    assert ours.caller == Jid.parse(callees.friend["jid"])
    assert ours.creator == Jid.parse(callees.friend[by])
    assert str(ours.creator) == theirs["from"] == theirs["chatId"]
    assert (
        (ours.is_video, ours.is_group) == (theirs["isVideo"], theirs["isGroup"]) == (video, False)
    )
    if by == "lid":
        assert theirs["callerPn"] == callees.friend["jid"]
    # The phone of the account rings, too, and says so; the caller's phone hears of it.
    await callees.state(call_id, "ringing")
    await callees.act(callees.friend["jid"], call_id, "cancel")
    ours, _ = await callees.both(call_id, "terminate")
    assert ours.is_video is video


async def test_a_call_that_nobody_takes_is_missed_by_both(callees: Callees) -> None:
    call_id = await callees.ring(video=True, ring_ms=300)
    await callees.both(call_id, "offer")
    await callees.both(call_id, "timeout")
    entry = await callees.ours.wait_id(call_id)
    assert entry.key.chat == Jid.parse(callees.friend["jid"])
    logged = entry.proto().callLogMesssage
    assert (logged.isVideo, logged.callOutcome) == (True, pb.CallLogMessage.MISSED)
    theirs = await callees.baileys.wait_event(
        lambda event: (
            event["event"] == "messages.upsert" and event["messages"][0]["key"]["id"] == call_id
        ),
        what="the missed call",
    )
    assert theirs["messages"][0]["stub"] == CALL_MISSED_VIDEO
    assert await callees.state(call_id, "timeout")


async def test_what_the_phone_takes_stops_ringing_elsewhere(callees: Callees) -> None:
    call_id = await callees.ring()
    await callees.both(call_id, "offer")
    await callees.state(call_id, "ringing")
    await callees.act(callees.ours.jid, call_id, "accept")
    await callees.both(call_id, "terminate")
    entry = await callees.ours.wait_id(call_id)
    outcome = entry.proto().callLogMesssage.callOutcome
    assert outcome == pb.CallLogMessage.ACCEPTED_ELSEWHERE
    assert await callees.state(call_id, "accept")


async def test_we_decline_and_baileys_stops_ringing(callees: Callees) -> None:
    call_id = await callees.ring()
    _, theirs = await callees.both(call_id, "offer")
    await callees.ours.client.calls.reject(call_id)
    assert await callees.state(call_id, "reject")
    ended = await callees.baileys.wait_event(
        lambda event: (
            event["event"] == "call"
            and (event["data"][0]["id"], event["data"][0]["status"]) == (call_id, "terminate")
        ),
        what="the end of the call",
    )
    assert ended["data"][0]["from"] == theirs["from"]
    with pytest.raises(NotFound):
        await callees.ours.client.calls.reject("no such call")


async def test_baileys_declines_and_we_stop_ringing(callees: Callees) -> None:
    call_id = await callees.ring()
    _, theirs = await callees.both(call_id, "offer")
    await callees.baileys.call("rejectCall", call_id, theirs["from"])
    assert await callees.state(call_id, "reject")
    ended = await callees.ours.events.until(
        CallChanged, lambda event: event.call.id == call_id and event.call.status.is_over
    )
    assert ended.call.status is CallStatus.TERMINATE
    entry = await callees.ours.wait_id(call_id)
    assert entry.proto().callLogMesssage.callOutcome == pb.CallLogMessage.REJECTED


async def test_a_group_rings_as_a_group(callees: Callees) -> None:
    friend = Jid.parse(callees.friend["jid"])
    group = (await callees.ours.client.groups.create("Ring", [friend])).group
    for notice in (False, True):
        call_id = await callees.ring(group.jid, video=True, notice=notice)
        ours, theirs = await callees.both(call_id, "offer")
        assert (ours.group, ours.is_group, ours.is_video) == (group.jid, True, True)
        assert (theirs["groupJid"], theirs["isGroup"]) == (str(group.jid), True)
        assert ours.participants == (() if notice else (callees.ours.jid,))
        await callees.act(callees.friend["jid"], call_id, "cancel")
        ours, _ = await callees.both(call_id, "terminate")
        assert ours.group == group.jid
        assert (await callees.ours.wait_id(call_id)).key.chat == group.jid


async def test_calls_of_the_time_that_we_were_away_are_missed(
    callees: Callees,
) -> None:
    device = (await callees.admin.account_of(str(callees.ours.jid)))["devices"]
    since = callees.ours.events.mark
    order = {"account": str(callees.ours.jid), "device": min(each for each in device if each)}
    await callees.admin.post("/faults/cut-off", order)
    call_id = await callees.ring(ring_ms=1)
    assert await callees.state(call_id, "timeout")
    last = await callees.ours.events.until(
        CallChanged, lambda event: event.call.status is CallStatus.TIMEOUT, since=since
    )
    assert last.call.id == call_id
    assert len(callees.ours.events.of(MessageAdded, since)) == 1


async def test_both_make_links_and_ask_about_them(callees: Callees) -> None:
    calls = callees.ours.client.calls
    ours = await calls.create_link(video=True, start_at=1_900_000_000)
    assert ours.url.startswith("https://call.whatsapp.com/video/")
    found = await calls.query_link(ours.token, video=True)
    assert (found.creator, found.is_video) == (callees.ours.lid, True)
    theirs = await callees.baileys.call("createCallLink", "audio")
    found = await calls.query_link(str(theirs))
    assert (found.creator, found.is_video) == (callees.ours.lid, False)
    with pytest.raises(NotFound):
        await calls.query_link("nothing")
