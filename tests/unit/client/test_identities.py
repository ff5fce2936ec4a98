from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from waport.client.identities import DEBOUNCE_S, Identities
from waport.client.queries import Queries
from waport.client.tokens import Tokens
from waport.client.work import Work
from waport.errors import StoreError
from waport.model import DeviceList, IdentityChanged
from waport.stanza.tokens import BUCKET_S
from waport.wire import Jid, Node

GROUP = Jid("120363000000000001", "g.us")
OTHER_GROUP = Jid("120363000000000002", "g.us")
PHONE, COMPANION = (PEER_LID.with_device(n).signal_address for n in (0, 3))
STRANGER = "100000000000009_1.0"


class GivenTokens(Tokens):
    """Keeps who is given a token, and of what time."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.database, SESSION, Queries(5))
        self.given: list[tuple[Jid, int | None]] = []

    async def give(self, user: Jid, timestamp: int | None = None) -> None:
        self.given.append((user, timestamp))


class Watch:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.tokens = GivenTokens(account)
        self.identities = Identities(self.tokens)

    async def changed(self, source: Jid = PEER_PN, *, later_s: int = 0) -> Work:
        def handle(work: Work, node: Node) -> None:
            work.now += later_s
            self.identities.changed(work, source)

        return await self.account.handle(handle, Node("notification"))

    async def told(self, work: Work) -> list[tuple[Jid, int | None]]:
        for follow_up in work.follow_ups:
            await follow_up()
        return self.tokens.given


@pytest.fixture
async def watch(account: Account) -> Watch:
    def job(store: Any) -> None:
        for address in (PHONE, COMPANION, STRANGER):
            store.signal.put_session(address, b"record")
            store.signal.put_identity(address, bytes(32))
        store.addresses.put_devices(DeviceList(PEER_PN, (0, 3, 4), 1, 1, NOW))
        store.addresses.put_devices(DeviceList(OWN_PN.bare, (0, 1), 1, 1, NOW))

    await account.write(job)
    return Watch(account)


async def state(account: Account) -> list[bool]:
    def job(store: Any) -> list[bool]:
        return [
            store.signal.session(PHONE) is not None,
            store.signal.session(COMPANION) is not None,
            store.signal.identity(PHONE) is not None,
            store.addresses.devices(PEER_PN) is not None,
            store.signal.session(STRANGER) is not None,
        ]

    found: list[bool] = await account.read(job)
    return found


@pytest.mark.parametrize("source", [PEER_PN, PEER_LID])
async def test_a_person_who_registered_anew_loses_sessions_identities_and_devices(
    watch: Watch, account: Account, source: Jid
) -> None:
    await watch.changed(source)
    assert await state(account) == [False, False, False, False, True]
    assert account.sink.recorded == [IdentityChanged(PEER_PN)]


@pytest.mark.parametrize("source", [PEER_PN.with_device(3), OWN_PN.bare, OWN_LID.bare])
async def test_companions_and_the_own_account_mean_nothing(
    watch: Watch, account: Account, source: Jid
) -> None:
    address = OWN_LID.with_device(0).signal_address
    await account.write(lambda store: store.signal.put_session(address, b"record"))
    await watch.changed(source)
    assert await state(account) == [True] * 5
    assert await account.read(lambda store: store.signal.session(address)) == b"record"
    assert account.sink.recorded == []


async def test_a_person_with_whom_we_have_no_session_is_no_news(
    watch: Watch, account: Account
) -> None:
    await watch.changed()
    account.sink.recorded.clear()
    work = await watch.changed(later_s=60)
    assert account.sink.recorded == []
    assert await watch.told(work) == []


async def test_a_second_word_within_five_seconds_is_the_same_one(
    watch: Watch, account: Account
) -> None:
    await watch.told(await watch.changed(PEER_PN))
    await account.write(lambda store: store.signal.put_session(PHONE, b"new"))
    await watch.changed(PEER_LID, later_s=DEBOUNCE_S - 1)
    assert await account.read(lambda store: store.signal.session(PHONE)) == b"new"
    await watch.changed(PEER_LID, later_s=DEBOUNCE_S)
    assert await account.read(lambda store: store.signal.session(PHONE)) is None


async def test_a_calendar_that_is_set_back_makes_no_word_a_repetition(
    watch: Watch, account: Account
) -> None:
    await watch.told(await watch.changed(later_s=400 * 24 * 3600))
    await account.write(lambda store: store.signal.put_session(PHONE, b"record"))
    await watch.changed()
    assert await state(account) == [False, False, False, False, True]


async def test_a_word_whose_transaction_was_undone_counts_when_it_comes_again(
    watch: Watch, account: Account
) -> None:
    def fail(work: Work, node: Node) -> None:
        watch.identities.changed(work, PEER_PN)
        raise StoreError("disk full")

    with pytest.raises(StoreError):
        await account.handle(fail, Node("notification"))
    await watch.changed(later_s=1)
    assert await state(account) == [False, False, False, False, True]


async def test_all_devices_need_our_sender_keys_again_but_count_as_having_them(
    watch: Watch, account: Account
) -> None:
    fourth = PEER_LID.with_device(4).signal_address

    def tell(store: Any) -> None:
        store.sender_keys.mark_warm(GROUP, [PHONE, COMPANION, fourth, STRANGER])
        store.sender_keys.mark_warm(OTHER_GROUP, [PHONE])
        store.sender_keys.put(GROUP, PHONE, b"theirs")
        store.sender_keys.put(GROUP, OWN_LID.signal_address, b"ours")

    await account.write(tell)
    await watch.changed()

    def seen(store: Any) -> list[Any]:
        keys = store.sender_keys
        return [
            keys.warm_devices(GROUP),
            keys.told_devices(GROUP),
            keys.warm_devices(OTHER_GROUP),
            keys.told_devices(OTHER_GROUP),
            keys.get(GROUP, PHONE),
            keys.get(GROUP, OWN_LID.signal_address),
        ]

    assert await account.read(seen) == [
        {STRANGER},
        {PHONE, COMPANION, fourth, STRANGER},
        set(),
        {PHONE},
        None,
        b"ours",
    ]


@pytest.mark.parametrize(
    ("given_at", "expected"),
    [
        (NOW - 500, [(PEER_PN, NOW - 500)]),
        (0, []),
        (NOW - 5 * BUCKET_S, []),
    ],
)
async def test_our_token_is_given_again_with_its_old_time_while_it_counts(
    watch: Watch, account: Account, given_at: int, expected: list[tuple[Jid, int]]
) -> None:
    if given_at:
        await account.write(lambda store: store.tokens.mark_given(PEER_LID, given_at))
    assert await watch.told(await watch.changed()) == expected
