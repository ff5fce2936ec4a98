from __future__ import annotations

import time
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account, Peer
from support.handlers import Desk
from support.server import FakeServer
from waport.client.config import ClientConfig
from waport.client.devices import Devices, Lacking, forget_session
from waport.client.fanout import DEVICE_LIST_AGE_S, Fanout, NeedDevices, device_hashes, plan
from waport.client.queries import Queries
from waport.client.work import own_addresses
from waport.model import DeviceList
from waport.proto import pb
from waport.stanza.ids import participant_hash
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node, encode_stanza


class Server(FakeServer):
    """Answers questions for device lists with what a test says."""

    def __init__(self, queries: Queries, users: list[Node]) -> None:
        super().__init__(queries, [], {})
        self.users = users

    def _answer(self, node: Node) -> list[Node]:
        return [Node("usync", {}, [Node("list", {}, self.users)])]


def entry(
    *numbers: int,
    user: Jid = PEER_PN,
    raw_id: int = 5,
    timestamp: int = NOW,
    is_signed: bool = True,
) -> Node:
    devices = [
        Node("device", {"id": str(n), **({"key-index": str(n)} if n else {})}) for n in numbers
    ]
    children = [Node("device-list", {}, devices)]
    if is_signed:
        details = pb.ADVKeyIndexList(
            rawId=raw_id, timestamp=timestamp, currentIndex=50, validIndexes=range(50)
        ).SerializeToString()
        signed = pb.ADVSignedKeyIndexList(details=details).SerializeToString()
        children.append(Node("key-index-list", {}, signed))
    return Node("user", {"jid": user}, [Node("devices", {}, children)])


def refused(code: int) -> Node:
    error = Node("error", {"code": str(code)})
    return Node("user", {"jid": PEER_PN}, [Node("devices", {}, [error])])


async def ask(account: Account, *users: Node) -> Lacking:
    queries = Queries(5)
    Server(queries, list(users))
    return await Devices(account.database, SESSION, queries).fetch([PEER_PN])


async def fetch(account: Account, *users: Node) -> DeviceList | None:
    await ask(account, *users)
    known: DeviceList | None = await account.read(lambda store: store.addresses.devices(PEER_PN))
    return known


async def put(account: Account, *numbers: int, raw_id: int = 5, fetched_at: int = NOW) -> None:
    known = DeviceList(PEER_PN, numbers, raw_id, NOW, fetched_at)
    await account.write(lambda store: store.addresses.put_devices(known))


async def test_a_list_is_stored_with_the_time_it_was_told(account: Account) -> None:
    known = await fetch(account, entry(0, 3))
    assert known is not None
    assert (known.devices, known.raw_id, known.timestamp) == ((0, 3), 5, NOW)
    assert known.fetched_at == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("answer", [refused(500), entry(0, 4, is_signed=False)])
async def test_an_unusable_answer_keeps_the_list_before_and_that_goes_on(
    account: Account, answer: Node
) -> None:
    await put(account, 0, 3)
    known = await fetch(account, answer)
    assert known is not None
    assert known.devices == (0, 3)
    # Else the next send would find it too old, ask, and fail, again and again.
    assert known.fetched_at > NOW


@pytest.mark.parametrize("answer", [refused(500), entry(0, 4, is_signed=False)])
async def test_an_unusable_answer_without_a_list_before_is_an_error(
    account: Account, answer: Node
) -> None:
    assert (await ask(account, answer)).list == {PEER_PN}


async def test_a_list_older_than_ours_is_not_believed(account: Account) -> None:
    await put(account, 0, 3)
    known = await fetch(account, entry(0, 9, timestamp=NOW - 1))
    assert known is not None
    assert (known.devices, known.timestamp) == ((0, 3), NOW)


async def test_an_account_that_was_registered_anew_loses_its_companions_sessions(
    account: Account,
) -> None:
    await put(account, 0, 3, raw_id=4)
    phone, companion = PEER_LID.signal_address, PEER_LID.with_device(3).signal_address

    def sessions(store: Any) -> None:
        for address in (phone, companion):
            store.signal.put_session(address, b"record")

    await account.write(sessions)
    await fetch(account, entry(0, 3, raw_id=5))
    assert await account.read(lambda store: store.signal.session(companion)) is None
    assert await account.read(lambda store: store.signal.session(phone)) == b"record"


@pytest.mark.parametrize("answer", [refused(404), Node("user", {"jid": PEER_PN}, [])])
async def test_a_person_without_an_account_is_not_found(account: Account, answer: Node) -> None:
    await put(account, 0)
    assert (await ask(account, answer)).account == {PEER_PN}
    assert (await ask(account)).account == {PEER_PN}


async def test_a_device_list_is_asked_for_again_when_it_is_old(account: Account) -> None:
    own = own_addresses(account.credentials)

    def planned(store: Any) -> Fanout | NeedDevices:
        return plan(store, own, PEER_PN, NOW + DEVICE_LIST_AGE_S + 1)

    await put(account, 0)
    assert await account.read(planned) == NeedDevices((PEER_PN, OWN_PN.bare))


async def test_of_many_people_those_without_devices_are_named_and_the_others_stored(
    account: Account,
) -> None:
    carol, dave = (Jid(f"1555000{n}", "s.whatsapp.net") for n in (3333, 4444))
    queries = Queries(5)
    Server(queries, [entry(0, 3), entry(0, 4, user=carol, is_signed=False)])
    lacking = await Devices(account.database, SESSION, queries).fetch([PEER_PN, carol, dave])
    assert (lacking.account, lacking.list) == ({dave}, {carol})
    known = await account.read(lambda store: store.addresses.devices(PEER_PN))
    assert known.devices == (0, 3)


# --- devices that are gone -----------------------------------------------------------------------

GROUP = Jid("120363000000000001", "g.us")
OTHER_GROUP = Jid("120363000000000002", "g.us")
GONE, STAYS = (PEER_LID.with_device(number).signal_address for number in (4, 5))


@pytest.fixture
async def groups(account: Account) -> Account:
    """Two groups: a device that goes was told our key of the first one alone."""

    def job(store: Any) -> None:
        for group in (GROUP, OTHER_GROUP):
            store.sender_keys.put(group, OWN_LID.signal_address, b"ours")
            store.sender_keys.put(group, GONE, b"theirs")
            store.sender_keys.mark_warm(group, [STAYS])
        store.sender_keys.mark_cold(GROUP, GONE)
        store.signal.put_session(GONE, b"record")
        store.signal.put_identity(GONE, bytes(32))

    await account.write(job)
    return account


async def sender_keys(account: Account, group: Jid) -> list[Any]:
    def job(store: Any) -> list[Any]:
        keys = store.sender_keys
        return [
            keys.get(group, OWN_LID.signal_address),
            keys.get(group, GONE),
            keys.told_devices(group),
        ]

    found: list[Any] = await account.read(job)
    return found


@pytest.mark.parametrize("address", [PEER_LID.with_device(4), PEER_PN.with_device(4)])
async def test_the_key_that_a_device_took_along_is_replaced_and_others_are_not(
    groups: Account, address: Jid
) -> None:
    await groups.write(lambda store: forget_session(store, address))
    assert await sender_keys(groups, GROUP) == [None, None, set()]
    assert await sender_keys(groups, OTHER_GROUP) == [b"ours", None, {STAYS}]
    assert await groups.read(lambda store: store.signal.session(GONE)) is None
    assert await groups.read(lambda store: store.signal.identity(GONE)) is None


async def test_a_new_registration_takes_the_old_companions_keys_along(groups: Account) -> None:
    await put(groups, 0, 4, raw_id=4)
    await fetch(groups, entry(0, raw_id=5))
    assert await sender_keys(groups, GROUP) == [None, None, set()]


# --- the server's hash of the devices ------------------------------------------------------------


@pytest.fixture
async def lists(account: Account) -> Account:
    def job(store: Any) -> None:
        store.addresses.put_devices(DeviceList(PEER_PN, (0, 3), 5, NOW, NOW))
        store.addresses.put_devices(DeviceList(OWN_PN.bare, (0, 1), 5, NOW, NOW))
        store.send_queue.add("M1", PEER_PN, encode_stanza(Node("message", {"id": "M1"})), 0)

    await account.write(job)
    return account


DEVICES = (PEER_LID, PEER_LID.with_device(3), OWN_LID.with_device(0))


@pytest.mark.parametrize("devices", [DEVICES, (*DEVICES, OWN_LID)])
async def test_a_hash_that_agrees_changes_nothing(lists: Account, devices: tuple[Jid, ...]) -> None:
    answer = MessageAck("M1", NOW, 0, participant_hash(devices))
    await Desk(lists, Queries(5), ClientConfig()).acknowledge(answer, Node("ack"))
    assert await lists.read(lambda store: store.addresses.devices(PEER_PN)) is not None


async def test_a_hash_that_differs_makes_the_next_send_ask_anew(lists: Account) -> None:
    answer = MessageAck("M1", NOW, 0, participant_hash(DEVICES[:2]))
    await Desk(lists, Queries(5), ClientConfig()).acknowledge(answer, Node("ack"))
    for user in (PEER_PN, OWN_PN.bare):
        assert await lists.read(lambda store, u=user: store.addresses.devices(u)) is None


async def test_without_lists_no_hash_agrees(account: Account) -> None:
    own = own_addresses(account.credentials)
    hashes = await account.read(lambda store: device_hashes(store, own, PEER_PN, NOW))
    assert hashes == frozenset()


async def test_a_question_for_bundles_is_cut_into_pages(account: Account) -> None:
    queries = Queries(5)
    server = FakeServer(queries, [Peer(PEER_PN)], {})
    devices = [PEER_PN.with_device(number) for number in range(250)]
    answers = await Devices(account.database, SESSION, queries).bundles(devices)
    assert server.asked == ["encrypt"] * 3
    assert len(answers) == 250
    assert [jid for jid, answer in answers.items() if answer.bundle] == [PEER_PN]
