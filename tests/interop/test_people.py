"""People, read and written by our client and by Baileys on one account: both see the same."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from interop.baileys import Baileys
from interop.conftest import QUIET, Admin, Emulator, launching, linking, open_admin
from support.linked import Linked
from waport.errors import Conflict, InvalidInput
from waport.model import About, Contact, NumberChanged, NumberState
from waport.model.server import Bot
from waport.stanza.privacy import ChangeExclusions
from waport.wire import Jid

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="module")]

WAIT_S = 30


@dataclass
class Account:
    """One account with our client and Baileys as companions, and a friend of it."""

    ours: Linked
    baileys: Baileys
    admin: Admin
    friend: Mapping[str, str]

    @property
    def jid(self) -> Jid:
        return Jid.parse(self.friend["jid"])

    @property
    def lid(self) -> Jid:
        return Jid.parse(self.friend["lid"])

    async def usync(self, method: str, jid: Any) -> Mapping[str, Any]:
        """What Baileys is told of one person."""
        (found,) = await self.baileys.call(method, str(jid))
        result: Mapping[str, Any] = found
        return result

    async def until(self, fits: Callable[[Any], bool]) -> None:
        """Wait until our store has what another device wrote."""
        sync = self.ours.client.app_state
        async with asyncio.timeout(WAIT_S):
            exchanged = sync.next_exchange
            while not await self.ours.read(fits):
                await exchanged.wait()
                exchanged = sync.next_exchange


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(
    node: Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Account]:
    folder, name = tmp_path_factory.mktemp("people"), f"Test {uuid.uuid4().hex[:8]}"
    async with (
        open_admin(emulator) as admin,
        linking(emulator, admin, folder, f"{name} us") as ours,
        launching(node, emulator, admin, folder) as launch,
    ):
        second = await launch(f"{name} two", account=str(ours.jid), **QUIET)
        friend = await admin.create_account(f"{name} friend")
        # So that both know each other, by both addresses.
        await admin.send(friend["jid"], str(ours.jid), "hello")
        await ours.wait_text("hello")
        await second.wait_text("hello")
        yield Account(ours, second, admin, friend)


def jpeg(path: Path, colour: str) -> Path:
    Image.new("RGB", (800, 600), colour).save(path, "JPEG")
    return path


# --- numbers and addresses -----------------------------------------------------------------------


async def test_both_find_the_same_accounts(account: Account) -> None:
    numbers = [account.jid.user, "15559990000"]
    ours = await account.ours.client.contacts.exists(numbers)
    theirs = await account.baileys.call("onWhatsApp", *numbers)
    assert [each.state for each in ours] == [NumberState.IN, NumberState.OUT]
    found = {each["jid"]: bool(each["exists"]) for each in theirs}
    assert found[str(ours[0].jid)] is True
    assert not any(exists for jid, exists in found.items() if jid != str(account.jid))


async def test_a_person_is_one_under_both_addresses(account: Account) -> None:
    contacts = account.ours.client.contacts
    by_number, by_lid = await contacts.get(account.jid), await contacts.get(account.lid)
    assert by_number == by_lid
    assert (by_number.jid, by_number.lid) == (account.jid, account.lid)
    assert by_number.push_name == account.friend["name"]
    stored = await account.ours.read(
        lambda store: (store.addresses.lid_of(account.jid), store.addresses.pn_of(account.lid))
    )
    assert stored == (account.lid, account.jid)


async def test_numbers_are_written_as_their_country_does(account: Account) -> None:
    contacts = account.ours.client.contacts
    assert await contacts.country_code(account.jid) == "1"
    assert await contacts.country_code(account.lid) == "1"
    written = await contacts.formatted_number(account.jid)
    assert written.startswith("+1 ")
    assert "".join(c for c in written if c.isdigit()) == account.jid.user
    with pytest.raises(InvalidInput):
        await contacts.formatted_number(Jid("123", "g.us"))


async def test_devices_are_counted_and_names_asked_for(account: Account) -> None:
    contacts = account.ours.client.contacts
    assert await contacts.device_count(account.jid) == 1
    assert await contacts.device_count(account.ours.jid) == 3
    assert await contacts.username(account.jid) == ""
    await account.admin.post(f"/accounts/{account.jid}/username", {"username": "amara.s"})
    assert await contacts.username(account.jid) == "amara.s"
    assert await contacts.username(account.lid) == "amara.s"


# --- about, pictures, timer ----------------------------------------------------------------------


async def test_the_about_text_of_either_is_read_by_both(account: Account) -> None:
    ours, own = account.ours.client, str(account.ours.jid)
    await ours.profile.set_about("at sea ⛵")
    theirs = (await account.usync("fetchStatus", own))["status"]
    assert theirs["status"] == "at sea ⛵"
    await account.baileys.call("updateProfileStatus", "ashore")
    about = await ours.contacts.about(account.ours.jid)
    assert isinstance(about, About)
    assert about.text == "ashore"
    await ours.profile.set_about("")
    assert await ours.contacts.about(account.ours.jid) is None
    assert await ours.contacts.about(account.jid) is None


async def test_the_picture_of_either_is_seen_by_both(account: Account, tmp_path: Path) -> None:
    ours, own = account.ours.client, str(account.ours.jid)
    assert await ours.contacts.picture_url(account.ours.jid) is None
    await ours.profile.set_picture(jpeg(tmp_path / "red.jpg", "red"))
    urls = [
        await ours.contacts.picture_url(account.ours.jid),
        await account.baileys.call("profilePictureUrl", own, "image"),
        await ours.contacts.picture_url(account.ours.lid, preview=True),
    ]
    assert urls[0] == urls[1]
    shown = [await fetch(account, url) for url in urls if url]
    assert len(shown) == 3
    picture = Image.open(io.BytesIO(shown[0]))
    assert picture.size == (640, 640)
    red, green, _ = picture.getpixel((320, 320))
    assert red > 200 > 50 > green
    await account.baileys.call("removeProfilePicture", own)
    assert await ours.contacts.picture_url(account.ours.jid) is None
    await ours.profile.remove_picture()


async def fetch(account: Account, url: str) -> bytes:
    response: httpx.Response = await account.admin.http.get(url)
    assert response.status_code == 200
    return response.content


async def test_the_timer_of_new_chats_is_one(account: Account) -> None:
    ours, own = account.ours.client, str(account.ours.jid)
    await ours.profile.set_default_timer(604800)
    theirs = await account.usync("fetchDisappearingDuration", own)
    assert theirs["disappearing_mode"]["duration"] == 604800
    await account.baileys.call("updateDefaultDisappearingMode", 86400)
    timer = await ours.profile.default_timer()
    assert timer.expiration_s == 86400
    await ours.profile.set_default_timer(0)
    theirs = await account.usync("fetchDisappearingDuration", own)
    assert theirs["disappearing_mode"]["duration"] == 0


# --- who is blocked ------------------------------------------------------------------------------


async def test_whom_either_blocks_both_see_blocked(account: Account) -> None:
    contacts, theirs = account.ours.client.contacts, account.baileys
    await contacts.block(account.jid)
    listed = await theirs.call("fetchBlocklist")
    assert set(listed) <= {str(account.jid), str(account.lid)}
    assert listed
    assert await contacts.is_blocked(account.lid)
    await theirs.call("updateBlockStatus", str(account.jid), "unblock")
    assert not await contacts.is_blocked(account.jid)
    assert await contacts.blocked() == ()
    await theirs.call("updateBlockStatus", str(account.jid), "block")
    assert await contacts.is_blocked(account.jid)
    # Ours names the list that it has; it is told the whole one where that is old.
    await contacts.unblock(account.lid)
    assert await theirs.call("fetchBlocklist") == []
    assert await contacts.blocked() == ()


# --- privacy -------------------------------------------------------------------------------------

SETTINGS = [
    ("last", "contacts", "updateLastSeenPrivacy", "none"),
    ("online", "match_last_seen", "updateOnlinePrivacy", "all"),
    ("profile", "contacts", "updateProfilePicturePrivacy", "none"),
    ("status", "contacts", "updateStatusPrivacy", "all"),
    ("readreceipts", "none", "updateReadReceiptsPrivacy", "all"),
    ("groupadd", "contacts", "updateGroupsAddPrivacy", "all"),
    ("calladd", "known", "updateCallPrivacy", "all"),
    ("messages", "contacts", "updateMessagesPrivacy", "all"),
]


@pytest.mark.parametrize(("name", "ours", "method", "theirs"), SETTINGS)
async def test_a_privacy_setting_of_either_is_seen_by_both(
    account: Account, name: str, ours: str, method: str, theirs: str
) -> None:
    privacy = account.ours.client.privacy
    assert await privacy.set(name, ours) == ours
    seen = await account.baileys.call("fetchPrivacySettings", True)
    assert seen[name] == ours
    await account.baileys.call(method, theirs)
    settings = await privacy.settings(fresh=True)
    assert settings.values[name] == theirs
    seen = await account.baileys.call("fetchPrivacySettings", True)
    assert dict(settings.values) == seen
    await privacy.set(name, "all")


async def test_who_is_excluded_sees_nothing_and_nobody_else_is(account: Account) -> None:
    privacy, own = account.ours.client.privacy, account.ours.jid
    assert await privacy.set_exclusions("status", [account.jid]) == "contact_blacklist"
    excluded = await privacy.exclusions("status")
    assert excluded.people == ((account.jid, account.lid),)
    seen = await account.baileys.call("fetchPrivacySettings", True)
    assert seen["status"] == "contact_blacklist"
    # A change of the list that somebody else has changed meanwhile is refused.
    with pytest.raises(Conflict):
        await account.ours.client._queries.run(ChangeExclusions("status", "old", [], []))
    assert await privacy.set_exclusions("status", []) == "contact_blacklist"
    assert (await privacy.exclusions("status")).people == ()
    assert await privacy.set("status", "all") == "all"
    assert await account.ours.client.contacts.about(own) is None


# --- the address book ----------------------------------------------------------------------------


async def test_names_in_the_address_book_are_shared(account: Account) -> None:
    contacts, theirs = account.ours.client.contacts, account.baileys
    since = theirs.mark
    await contacts.save(account.jid, "Amara Silva", "Amara")
    await account.ours.client.settings.settle()
    await theirs.wait_event(
        lambda event: (
            event["event"] == "contacts.upsert"
            and any(
                (each["id"], each.get("name")) == (str(account.jid), "Amara Silva")
                for each in event["data"]
            )
        ),
        what="the new name",
        since=since,
    )
    known = await contacts.get(account.lid)
    assert (known.name, known.first_name) == ("Amara Silva", "Amara")
    contact = {"fullName": "Amara S.", "firstName": "A."}
    await theirs.call("addOrEditContact", str(account.jid), contact)
    await account.until(
        lambda store: (store.contacts.get(account.jid) or Contact(account.jid)).name == "Amara S."
    )
    await theirs.call("removeContact", str(account.jid))
    await account.until(lambda store: not store.contacts.get(account.jid).name)
    await contacts.save(account.jid, "Once more")
    await contacts.remove(account.jid)
    assert (await contacts.get(account.jid)).name == ""


async def test_a_new_number_takes_name_and_chat_along(account: Account) -> None:
    old = await account.admin.create_account(f"Old {uuid.uuid4().hex[:6]}")
    new = await account.admin.create_account(f"New {uuid.uuid4().hex[:6]}")
    await account.admin.send(old["jid"], str(account.ours.jid), f"from {old['phone']}")
    await account.ours.wait_text(f"from {old['phone']}")
    before, after = Jid.parse(old["jid"]), Jid.parse(new["jid"])
    devices = [n for n in (await account.admin.account_of(str(account.ours.jid)))["devices"] if n]
    child = {"tag": "modify", "attrs": {"old": str(before), "new": str(after)}}
    attrs = {"id": "moved", "type": "contacts", "from": str(before), "t": "1700000000"}
    node = {"tag": "notification", "attrs": attrs, "content": [child]}
    for device in devices:
        body = {"account": str(account.ours.jid), "device": device, "node": node}
        await account.admin.post("/faults/send", body)
    moved = await account.ours.events.until(NumberChanged, lambda event: event.old == before)
    assert moved.new == after
    chat = await account.ours.read(lambda store: store.messages.last(after))
    assert chat.text == f"from {old['phone']}"


# --- small questions -----------------------------------------------------------------------------


async def test_both_see_the_same_bots(account: Account) -> None:
    ours = await account.ours.client.server.bots()
    theirs = await account.baileys.call("getBotListV2")
    listed = [{"jid": str(each.jid), "personaId": each.persona_id} for each in ours.bots]
    assert listed[: len(theirs)] == theirs
    assert ours.default == Bot(ours.bots[0].jid, ours.bots[0].persona_id)
    assert [each.section for each in ours.bots] == ["All", "All", "Featured"]


async def test_small_questions_are_answered(account: Account) -> None:
    server = account.ours.client.server
    properties = await server.properties()
    assert properties.values["90002"] == "a text"
    # Nothing has changed since: what is known stays.
    assert await server.properties(fresh=True) == properties
    assert await server.announcements_blocked() is False
    assert await server.block_announcements() is True
    await server.accept_terms("20601218")
    assert await server.report(account.jid) == "1"
