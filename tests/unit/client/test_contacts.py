"""People: numbers in pages, what is known of somebody, the block list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.account import (
    NOW,
    OWN_LID,
    OWN_PN,
    PEER_LID,
    PEER_PN,
    SESSION,
    Account,
)
from support.asking import Answer, Asked
from support.groups import group
from waport.client.clock import Clock
from waport.client.devices import Lacking
from waport.client.features.contacts import Contacts
from waport.client.features.settings import Settings
from waport.client.queries import Queries
from waport.errors import (
    ConnectionClosed,
    InvalidInput,
    NotAuthorized,
    NotFound,
    QueryError,
    RateLimited,
    StanzaError,
)
from waport.model import About, BlockedUser, Contact, DeviceList, Group
from waport.proto import pb
from waport.store import UnitOfWork
from waport.wire import Jid, Node

CAROL = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")
GROUP = Jid("120363000000000001", "g.us")


class Moment(Clock):
    def unix(self) -> float:
        return float(NOW)


def _no_address_book() -> Settings:
    raise AssertionError("nobody is put into the address book")


class World:
    """The feature, and a server whose accounts are a table of numbers to hidden ids."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.lids = {PEER_PN.user: PEER_LID, CAROL.user: CAROL_LID}
        self.queries = Queries(5)
        self.server = Asked(self.queries, self.answer)
        self.groups: list[Group] = []
        self.contacts = Contacts(
            account.database,
            SESSION,
            self.queries,
            self._list_groups,
            self._fetch_devices,
            _no_address_book,
            Moment(),
        )

    async def _list_groups(self) -> list[Group]:
        return self.groups

    async def _fetch_devices(self, users: list[Jid]) -> Lacking:
        """What the server says of devices: everybody has a phone and one more."""
        known = [user for user in users if user != CAROL]

        def job(store: UnitOfWork) -> None:
            for user in known:
                store.addresses.put_devices(DeviceList(user, (0, 3), None, 0, NOW))

        await self.account.database.write(SESSION, job)
        return Lacking(frozenset(users) - frozenset(known), frozenset())

    def answer(self, iq: Node) -> Answer:
        users = iq.child("usync").child("list").children("user")
        return [Node("usync", {}, [Node("list", {}, [self.user(user) for user in users])])]

    def user(self, asked: Node) -> Node:
        typed = asked.child("contact").text
        lid = self.lids.get(typed.removeprefix("+"))
        contact = Node("contact", {"type": "out" if lid is None else "in"}, typed.encode())
        if lid is None:
            return Node("user", {}, [contact])
        jid = Jid(typed.removeprefix("+"), "s.whatsapp.net")
        return Node("user", {"jid": jid}, [contact, Node("lid", {"val": lid})])

    async def read(self, job: Callable[[UnitOfWork], Any]) -> Any:
        return await self.account.read(job)


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


# --- numbers -------------------------------------------------------------------------------------


async def test_numbers_are_answered_in_order_however_they_are_written(world: World) -> None:
    found = await world.contacts.exists(
        ["+1 (555) 000-3333", "15550003333", "call me", CAROL, "15550009999", CAROL_LID, GROUP, ""]
    )
    assert [each.state.value for each in found] == [
        "in",
        "in",
        "invalid",
        "in",
        "out",
        "invalid",
        "invalid",
        "invalid",
    ]
    assert [each.query for each in found[:4]] == [
        "+1 (555) 000-3333",
        "15550003333",
        "call me",
        str(CAROL),
    ]
    assert {found[i].jid for i in (0, 1, 3)} == {CAROL}
    (question,) = world.server.questions
    assert len(question.child("usync").child("list").children()) == 2


async def test_hidden_ids_that_come_along_are_learned(world: World) -> None:
    await world.account.write(lambda store: store.contacts.set_push_name(CAROL_LID, "Carol"))
    await world.contacts.exists([CAROL])
    assert await world.read(lambda store: store.addresses.lid_of(CAROL)) == CAROL_LID
    known = Contact(CAROL, push_name="Carol", lid=CAROL_LID)
    assert await world.contacts.get(CAROL) == known


async def test_ten_thousand_numbers_are_asked_for_in_pages(world: World) -> None:
    numbers = [str(15_551_000_000 + number) for number in range(10_000)]
    world.lids = {numbers[0]: PEER_LID, numbers[-1]: CAROL_LID}
    found = await world.contacts.exists(f"+{number}" for number in numbers)
    assert [each.query for each in found] == [f"+{number}" for number in numbers]
    assert [number for number, each in enumerate(found) if each.exists] == [0, 9_999]
    assert len(world.server.questions) == 40
    sizes = {len(q.child("usync").child("list").children()) for q in world.server.questions}
    assert sizes == {250}
    assert len({q.child("usync").get("sid") for q in world.server.questions}) == 40


async def test_no_numbers_ask_nothing(world: World) -> None:
    assert await world.contacts.exists([]) == []
    assert await world.contacts.exists(["x"]) != []
    assert world.server.questions == []


async def test_a_number_is_registered_or_not_and_a_failure_is_neither(world: World) -> None:
    assert await world.contacts.is_registered("+1 555 000 3333")
    assert await world.contacts.number_id(CAROL) == CAROL
    assert not await world.contacts.is_registered("15550009999")
    assert not await world.contacts.is_registered("call me")
    world.server.answer = lambda _: 429
    with pytest.raises(RateLimited):
        await world.contacts.is_registered(CAROL)
    world.server.answer = lambda _: [Node("usync", {}, [Node("list")])]
    with pytest.raises(StanzaError):
        await world.contacts.number_id(CAROL)
    refused = Node("contact", {}, [Node("error", {"code": "403"})])
    user = Node("user", {"jid": CAROL}, [refused])
    world.server.answer = lambda _: [Node("usync", {}, [Node("list", {}, [user])])]
    with pytest.raises(NotAuthorized):
        await world.contacts.number_id(CAROL)


def business(name: str | None) -> Callable[[Node], Answer]:
    """Answers that the peer is a business, or none."""
    details = pb.VerifiedNameCertificate.Details(verifiedName=name or "").SerializeToString()
    certificate = pb.VerifiedNameCertificate(details=details).SerializeToString()
    cert = Node("verified_name", {"verified_level": "low"}, certificate)
    verified = [] if name is None else [cert]

    def answer(iq: Node) -> Answer:
        typed = iq.child("usync").child("list").child("user").child("contact").text
        parts = [
            Node("contact", {"type": "in"}, typed.encode()),
            Node("business", {}, verified),
        ]
        jid = Jid(typed.removeprefix("+"), "s.whatsapp.net")
        return [Node("usync", {}, [Node("list", {}, [Node("user", {"jid": jid}, parts)])])]

    return answer


async def test_whom_we_know_is_kept_as_a_business_and_a_stranger_is_only_told(
    world: World,
) -> None:
    await world.account.write(lambda store: store.chats.touch(PEER_PN, 1))
    world.server.answer = business("Peer Ltd")
    await world.contacts.exists([PEER_PN])
    assert await world.contacts.all() == [
        Contact(PEER_PN, "", "", "Peer Ltd", "", True, "low", PEER_LID)
    ]
    found = await world.contacts.get(CAROL)
    assert (found.verified_name, found.is_business, found.verified_level) == (
        "Peer Ltd",
        True,
        "low",
    )
    assert len(await world.contacts.all()) == 1
    world.server.answer = business(None)
    await world.contacts.exists([PEER_PN])
    assert await world.contacts.all() == [Contact(PEER_PN, lid=PEER_LID)]


@pytest.mark.parametrize("jid", [PEER_PN, PEER_LID, PEER_PN.with_device(4)])
async def test_a_known_number_is_formatted_under_either_address(world: World, jid: Jid) -> None:
    assert await world.contacts.formatted_number(jid) == "+1 555-000-2222"
    assert await world.contacts.country_code(jid) == "1"


async def test_our_own_hidden_id_has_a_number_too(world: World) -> None:
    assert await world.contacts.country_code(OWN_LID) == "1"


@pytest.mark.parametrize("jid", [CAROL_LID, GROUP, Jid("1", "newsletter")])
async def test_who_has_no_known_number_has_none_to_format(world: World, jid: Jid) -> None:
    with pytest.raises(InvalidInput):
        await world.contacts.formatted_number(jid)


# --- people --------------------------------------------------------------------------------------


async def test_what_is_stored_needs_no_question(world: World) -> None:
    def job(store: UnitOfWork) -> None:
        store.contacts.set_name(PEER_PN, "Bob Peer", "Bob")
        store.chats.touch(GROUP, 1, name="Friends")
        store.chats.touch(CAROL, 1)

    await world.account.write(job)
    bob = Contact(PEER_PN, "Bob Peer", first_name="Bob", lid=PEER_LID)
    assert await world.contacts.get(PEER_PN) == bob
    assert await world.contacts.get(PEER_LID.with_device(2)) == bob
    assert await world.contacts.get(GROUP) == Contact(GROUP, "Friends")
    assert await world.contacts.get(CAROL) == Contact(CAROL)
    assert await world.contacts.get(CAROL_LID) == Contact(CAROL_LID, lid=CAROL_LID)
    stranger = Jid("15550009999", "s.whatsapp.net")
    assert await world.contacts.known([stranger, PEER_LID]) == [Contact(stranger), bob]
    assert world.server.questions == []


@pytest.mark.parametrize("jid", [OWN_PN, OWN_LID])
async def test_we_are_a_contact_of_our_own(world: World, jid: Jid) -> None:
    me = await world.contacts.get(jid)
    assert me == Contact(
        OWN_PN.bare, push_name=world.account.credentials.push_name, lid=OWN_LID.bare
    )


async def test_an_unknown_number_is_asked_about_once_it_is_wanted(world: World) -> None:
    assert await world.contacts.get(CAROL) == Contact(CAROL, lid=CAROL_LID)
    assert await world.contacts.get(PEER_LID) == Contact(PEER_PN, lid=PEER_LID)
    with pytest.raises(NotFound):
        await world.contacts.get(Jid("15550009999", "s.whatsapp.net"))
    for jid in (GROUP, Jid("1", "newsletter")):
        with pytest.raises(NotFound):
            await world.contacts.get(jid)
    world.server.hang_up()
    with pytest.raises(ConnectionClosed):
        await world.contacts.number_id(CAROL)


async def test_a_number_in_its_old_form_leads_to_whom_we_know(world: World) -> None:
    await world.account.write(lambda store: store.contacts.set_name(PEER_PN, "Bob"))
    contact = Node("contact", {"type": "in"}, b"+15559992222")
    user = Node("user", {"jid": PEER_PN}, [contact])
    world.server.answer = lambda _: [Node("usync", {}, [Node("list", {}, [user])])]
    found = await world.contacts.get(Jid("15559992222", "s.whatsapp.net"))
    assert found == Contact(PEER_PN, "Bob", lid=PEER_LID)


@pytest.mark.parametrize("jid", [PEER_PN, PEER_LID])
async def test_common_groups_are_those_in_which_both_still_are(world: World, jid: Jid) -> None:
    shared = group(fetched_at=NOW)
    left = group(fetched_at=NOW, is_left=True)
    world.groups = [shared, left, Group(Jid("120363000000000009", "g.us"))]
    assert await world.contacts.common_groups(jid) == [shared]
    with pytest.raises(InvalidInput):
        await world.contacts.common_groups(GROUP)


# --- what they show ------------------------------------------------------------------------------


async def give_token(account: Account) -> Node:
    await account.write(lambda store: store.tokens.put(PEER_LID, b"token", NOW - 5))
    return Node("tctoken", {}, b"token")


async def test_an_about_text_is_asked_for_by_hidden_id_and_with_the_token(world: World) -> None:
    token = await give_token(world.account)
    status = Node("status", {"t": "7"}, b"busy")
    user = Node("user", {"jid": PEER_LID}, [status])
    world.server.answer = lambda _: [Node("usync", {}, [Node("list", {}, [user])])]
    assert await world.contacts.about(PEER_PN) == About("busy", 7)
    (asked,) = world.server.questions
    assert asked.child("usync").child("list").children() == [
        Node("user", {"jid": PEER_LID}, [token])
    ]
    with pytest.raises(InvalidInput):
        await world.contacts.about(GROUP)


@pytest.mark.parametrize(
    ("jid", "target", "has_token"),
    [
        (PEER_PN, PEER_LID, True),
        (PEER_LID, PEER_LID, True),
        (CAROL, CAROL, False),
        (GROUP, GROUP, False),
        (OWN_PN, OWN_PN.bare, False),
        (OWN_LID, OWN_PN.bare, False),
    ],
)
async def test_a_picture_is_asked_for_with_a_token_only_of_others(
    world: World, jid: Jid, target: Jid, has_token: bool
) -> None:
    token = await give_token(world.account)
    await world.account.write(lambda store: store.tokens.put(OWN_LID, b"never", NOW - 5))
    world.server.answer = lambda _: [Node("picture", {"id": "1", "url": "https://x"})]
    assert await world.contacts.picture_url(jid, preview=True) == "https://x"
    (asked,) = world.server.questions
    assert asked.jid("target") == target
    assert asked.child("picture").children() == ([token] if has_token else [])
    assert asked.child("picture").get("type") == "preview"


@pytest.mark.parametrize(("code", "error"), [(401, None), (404, None), (403, NotAuthorized)])
async def test_a_picture_that_is_hidden_or_not_there_is_none(
    world: World, code: int, error: type[Exception] | None
) -> None:
    world.server.answer = lambda _: code
    if error is None:
        assert await world.contacts.picture_url(PEER_PN) is None
    else:
        with pytest.raises(error):
            await world.contacts.picture_url(PEER_PN)


async def test_other_trouble_with_a_picture_is_told(world: World) -> None:
    world.server.answer = lambda _: 500
    with pytest.raises(QueryError):
        await world.contacts.picture_url(PEER_PN)
    world.server.answer = lambda _: [Node("picture", {"url": "ftp://x"})]
    with pytest.raises(StanzaError):
        await world.contacts.picture_url(PEER_PN)
    with pytest.raises(InvalidInput):
        await world.contacts.picture_url(Jid("status", "broadcast"))


# --- the block list ------------------------------------------------------------------------------


class Blocking:
    """The server's block list, with as many surprises as a test wants."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.blocked = [PEER_LID]
        self.version = 1
        self.conflicts = 0
        self.tells_hash = True
        world.server.answer = self.answer

    @property
    def dhash(self) -> str:
        return f"h{self.version}"

    def whole(self, **attrs: str) -> Answer:
        items = [Node("item", {"jid": lid}) for lid in self.blocked]
        return [Node("list", {"dhash": self.dhash, **attrs}, items)]

    def answer(self, iq: Node) -> Answer:
        if iq.get("xmlns") == "usync":
            return self.world.answer(iq)
        item = iq.find("item")
        if iq.get("type") == "get":
            held = None if item is None else item.get("dhash")
            return [] if held == self.dhash else self.whole()
        assert item is not None
        if self.conflicts:
            self.conflicts -= 1
            return 409
        matched = item.get("dhash") in (None, self.dhash)
        (self.blocked.append if item.get("action") == "block" else self.blocked.remove)(
            item.jid("jid")
        )
        self.version += 1
        if not matched:
            return self.whole(matched="false")
        return [Node("list", {"dhash": self.dhash, "matched": "true"})] if self.tells_hash else []

    @property
    def changes(self) -> list[dict[str, Any]]:
        sets = [iq for iq in self.world.server.questions if iq.get("type") == "set"]
        return [dict(iq.child("item").attrs) for iq in sets]

    def fetches(self) -> int:
        gets = [iq for iq in self.world.server.questions if iq.get("type") == "get"]
        return len([iq for iq in gets if iq.get("xmlns") == "blocklist"])


@pytest.fixture
def blocking(world: World) -> Blocking:
    return Blocking(world)


async def test_the_block_list_shows_people_by_both_addresses(
    world: World, blocking: Blocking
) -> None:
    blocking.blocked.append(CAROL_LID)
    peer, carol = BlockedUser(PEER_PN, PEER_LID), BlockedUser(None, CAROL_LID)
    assert await world.contacts.blocked() == (peer, carol)
    assert (peer.jid, carol.jid) == (PEER_PN, CAROL_LID)
    await world.contacts.exists([CAROL])
    assert await world.contacts.blocked() == (peer, BlockedUser(CAROL, CAROL_LID))
    asked = [iq for iq in world.server.questions if iq.get("xmlns") == "blocklist"]
    assert [iq.content for iq in asked] == [None, [Node("item", {"dhash": "h1"})]]
    for jid in (PEER_PN, PEER_LID, PEER_PN.with_device(3)):
        assert await world.contacts.is_blocked(jid)
    assert not await world.contacts.is_blocked(Jid("15550009999", "s.whatsapp.net"))


async def test_numbers_that_the_block_list_shows_are_learned(
    world: World, blocking: Blocking
) -> None:
    item = Node("item", {"jid": CAROL_LID, "pn_jid": CAROL})
    world.server.answer = lambda _: [Node("list", {"dhash": "h"}, [item])]
    assert await world.contacts.blocked() == (BlockedUser(CAROL, CAROL_LID),)
    assert await world.read(lambda store: store.addresses.pn_of(CAROL_LID)) == CAROL


async def test_a_change_on_the_list_that_we_hold_is_applied_to_it(
    world: World, blocking: Blocking
) -> None:
    await world.contacts.blocked()
    await world.contacts.unblock(PEER_PN)
    await world.contacts.block(PEER_PN)
    assert blocking.changes == [
        {"action": "unblock", "jid": PEER_LID, "dhash": "h1"},
        {"action": "block", "jid": PEER_LID, "pn_jid": PEER_PN, "dhash": "h2"},
    ]
    assert await world.contacts.blocked() == (BlockedUser(PEER_PN, PEER_LID),)
    # The last question named the present hash: nothing was told again.
    assert world.server.questions[-1].child("item").get("dhash") == "h3"


async def test_a_hidden_id_that_is_not_known_is_asked_for_before_blocking(
    world: World, blocking: Blocking
) -> None:
    await world.contacts.block(CAROL)
    assert blocking.changes == [{"action": "block", "jid": CAROL_LID, "pn_jid": CAROL}]
    assert await world.contacts.is_blocked(CAROL)
    with pytest.raises(NotFound):
        await world.contacts.block(Jid("15550009999", "s.whatsapp.net"))


async def test_a_list_that_has_changed_elsewhere_is_taken_over_whole(
    world: World, blocking: Blocking
) -> None:
    await world.contacts.blocked()
    blocking.version, blocking.blocked = 7, [CAROL_LID]
    await world.contacts.block(PEER_PN)
    assert await world.contacts.blocked() == (
        BlockedUser(None, CAROL_LID),
        BlockedUser(PEER_PN, PEER_LID),
    )
    assert blocking.fetches() == 2


async def test_a_conflict_is_mended_once_with_the_present_list(
    world: World, blocking: Blocking
) -> None:
    await world.contacts.blocked()
    blocking.conflicts, blocking.version = 1, 4
    await world.contacts.unblock(PEER_PN)
    assert [change.get("dhash") for change in blocking.changes] == ["h1", "h4"]
    assert await world.contacts.blocked() == ()
    blocking.conflicts = 2
    with pytest.raises(QueryError):
        await world.contacts.block(PEER_PN)


@pytest.mark.parametrize("is_held", [True, False])
async def test_an_answer_that_names_no_new_state_has_the_list_asked_for_anew(
    world: World, blocking: Blocking, is_held: bool
) -> None:
    if is_held:
        await world.contacts.blocked()
    blocking.tells_hash = False
    await world.contacts.unblock(PEER_PN)
    assert await world.contacts.blocked() == ()
    assert world.server.questions[-1].content is None


@pytest.mark.parametrize("jid", [GROUP, Jid("1", "newsletter"), Jid("status", "broadcast")])
async def test_only_people_are_blocked(world: World, blocking: Blocking, jid: Jid) -> None:
    for act in (world.contacts.block, world.contacts.unblock, world.contacts.is_blocked):
        with pytest.raises(InvalidInput):
            await act(jid)


async def test_devices_are_asked_for_and_counted(world: World) -> None:
    assert await world.contacts.device_count(PEER_PN) == 2
    with pytest.raises(NotFound):
        await world.contacts.device_count(CAROL)


async def test_hidden_ids_of_strangers_are_asked_for(world: World) -> None:
    found = await world.contacts.addresses([CAROL, CAROL_LID, OWN_PN])
    assert found == [(CAROL, CAROL_LID), (CAROL, CAROL_LID), (OWN_PN.bare, OWN_LID.bare)]
    # What was told once is known.
    asked = len(world.server.questions)
    assert await world.contacts.addresses([CAROL_LID]) == [(CAROL, CAROL_LID)]
    assert len(world.server.questions) == asked


async def test_a_hidden_id_stands_for_its_number(world: World) -> None:
    assert await world.contacts.number_id(Jid("100000000000099", "lid")) is None
    await world.contacts.addresses([CAROL])
    assert await world.contacts.is_registered(CAROL_LID)
