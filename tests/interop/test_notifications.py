"""Every type of notification to our client and to Baileys: both acknowledge all and carry on."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from interop.baileys import Baileys
from interop.conftest import QUIET, Admin, Launch
from support.linked import Linked
from waport.model import (
    AboutChanged,
    AccountChanged,
    ContactRefreshed,
    DefaultTimerChanged,
    NoticeReceived,
    NumberChanged,
    PictureChanged,
)
from waport.wire import Jid

pytestmark = pytest.mark.interop

ACK_S = 30

Json = dict[str, Any]


def tag(name: str, content: list[Json] | bytes | None = None, /, **attrs: str) -> Json:
    node: Json = {"tag": name, "attrs": attrs}
    if isinstance(content, bytes):
        node["content"] = {"base64": base64.b64encode(content).decode()}
    elif content is not None:
        node["content"] = content
    return node


def of_the_account(own: str) -> list[tuple[str, str, Json]]:
    """What the server tells of the account itself."""
    server = "s.whatsapp.net"
    children = [
        tag("devices", [tag("device", jid=own)], dhash="2:abc"),
        tag("picture"),
        tag("privacy", [tag("category", name="last", value="none")]),
        tag("blocklist", dhash="a", prev_dhash="b"),
        tag("status"),
        tag("username", action="none"),
        tag("disappearing_mode", duration="86400", t="1700000000"),
        tag("notice", id="1"),
    ]
    others = [
        ("encrypt", tag("count", value="50")),
        ("encrypt", tag("digest")),
        ("server", tag("abprops")),
        ("server", tag("log")),
        ("psa", tag("psa")),
        ("pay", tag("transaction")),
        ("waffle", tag("state")),
        ("w:growth", tag("invite")),
        ("hosted", tag("device")),
        ("fbid:devices", tag("update")),
        ("fb:update", tag("update")),
        ("digital_commerce_subscription", tag("subscription")),
        (
            "registration",
            tag("wa_old_registration", code="1", expiry_t="1700000000", device_id="x"),
        ),
        ("something_of_next_year", tag("child")),
    ]
    return [
        *(("account_sync", own, child) for child in children),
        *((kind, server, child) for kind, child in others),
    ]


def of_somebody(jid: str, new: str) -> list[tuple[str, str, Json]]:
    """What the server tells of another person."""
    return [
        ("picture", jid, tag("set", jid=jid, id="1700000001", author=jid)),
        ("picture", jid, tag("delete", jid=jid, author=jid)),
        ("picture", jid, tag("request")),
        ("status", jid, tag("set", b"at sea")),
        ("status", jid, tag("set", hash="abc")),
        ("contacts", jid, tag("update", jid=jid)),
        ("contacts", jid, tag("add")),
        ("contacts", jid, tag("sync", after="1700000000")),
        ("disappearing_mode", jid, tag("disappearing_mode", duration="604800", t="1700000000")),
        ("devices", jid, tag("update", device_hash="2:xyz")),
        ("business", jid, tag("profile", jid=jid)),
        ("contacts", jid, tag("modify", old=jid, new=new)),
    ]


async def post(admin: Admin, own: str, device: int, stanzas: list[tuple[str, str, Json]]) -> None:
    for number, (kind, source, child) in enumerate(stanzas):
        attrs = {"id": f"{device}-{number}", "type": kind, "from": source, "t": "1700000000"}
        node = {"tag": "notification", "attrs": attrs, "content": [child]}
        body = {"account": own, "device": device, "node": node, "queue": True}
        await admin.post("/faults/send", body)


async def all_acknowledged(admin: Admin, own: str) -> None:
    """Wait until the server has nothing left for any device of the account."""
    async with asyncio.timeout(ACK_S):
        waiting = await admin.get(f"/accounts/{own}/waiting")
        while any(waiting["waiting"].values()):
            waiting = await admin.get(f"/accounts/{own}/waiting")


async def test_all_types_are_acknowledged_and_both_carry_on(
    ours: Linked, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    second: Baileys = await baileys(f"{unique_name} two", account=str(ours.jid), **QUIET)
    friend = await admin.create_account(f"{unique_name} friend")
    new = await admin.create_account(f"{unique_name} new number")
    own, jid = str(ours.jid), Jid.parse(friend["jid"])
    await ours.client.settings.set_contact(jid, "Amara Silva")
    await ours.client.settings.settle()
    stanzas = of_the_account(own) + of_somebody(friend["jid"], new["jid"])
    devices = [n for n in (await admin.account_of(own))["devices"] if n]
    since = ours.events.mark
    for device in devices:
        await post(admin, own, device, stanzas)
    await all_acknowledged(admin, own)

    # What ours made of them.
    await ours.events.until(NumberChanged, since=since)
    told = ours.events
    assert [event.what for event in told.of(AccountChanged, since)] == [
        "devices",
        "picture",
        "privacy",
        "blocklist",
        "status",
        "username",
        "disappearing_mode",
    ]
    timers = told.of(DefaultTimerChanged, since)
    assert [(event.user, event.timer.expiration_s) for event in timers] == [
        (ours.jid, 86400),
        (jid, 604800),
    ]
    assert [event.id for event in told.of(PictureChanged, since)] == ["1700000001", ""]
    assert [event.text for event in told.of(AboutChanged, since)] == ["at sea", None]
    assert [event.user for event in told.of(ContactRefreshed, since)] == [jid]
    moved = told.of(NumberChanged, since)[0]
    assert (moved.old, str(moved.new), moved.is_contact) == (jid, new["jid"], True)
    kept = {event.kind for event in told.of(NoticeReceived, since)}
    assert kept == {
        "account_sync",
        "psa",
        "pay",
        "waffle",
        "w:growth",
        "hosted",
        "fbid:devices",
        "fb:update",
        "digital_commerce_subscription",
        "registration",
        "something_of_next_year",
    }
    # Baileys saw the picture as we did.
    await second.wait_event(
        lambda event: (
            event["event"] == "contacts.update"
            and any(each["imgUrl"] == "changed" for each in event["data"] if "imgUrl" in each)
        ),
        what="the changed picture",
    )
    # And both still hear what people write.
    await admin.send(new["jid"], own, "still there?")
    await ours.wait_text("still there?")
    await second.wait_text("still there?")
    await all_acknowledged(admin, own)
