"""Keys of the app state: shared, missing, asked for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from support.account import NOW, OWN_PN, SESSION, Account
from support.appstate import KEY_ID, KEYS, OTHER_ID
from support.appstate_server import Phone
from support.clock import FakeClock
from waport.appstate import (
    Collection,
    CollectionState,
    SyncKey,
    read_key_share,
    write_key_request,
    write_key_share,
)
from waport.client.app_state_keys import ASK_AGAIN_S, GIVE_UP_S, KeyRequests
from waport.client.handlers.app_state import (
    key_request_handler,
    key_share_handler,
    server_sync_handler,
)
from waport.client.work import Work
from waport.errors import ConnectionClosed, CryptoError
from waport.proto import pb
from waport.store.app_state_values import StoredCollection
from waport.wire import SERVER, Node

LOW, HIGH = Collection.REGULAR_LOW, Collection.REGULAR_HIGH


async def later() -> None:
    """What is to follow."""


@pytest.fixture
def phone(account: Account) -> Phone:
    return Phone(account)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def requests(account: Account, phone: Phone, clock: FakeClock) -> KeyRequests:
    return KeyRequests(account.database, SESSION, phone, clock)  # type: ignore[arg-type]


def key_of(key_id: bytes, at_ms: int = 1) -> SyncKey:
    return SyncKey(key_id, KEYS[key_id], at_ms)


async def test_a_key_is_asked_for_once_a_day_until_it_is_there(
    account: Account, phone: Phone, clock: FakeClock, requests: KeyRequests
) -> None:
    assert await requests.ask([KEY_ID])
    await requests.ask([KEY_ID, OTHER_ID])
    await requests.ask([])
    clock.advance(ASK_AGAIN_S)
    await account.write(lambda store: store.sync_keys.put(key_of(KEY_ID)))
    await requests.ask([KEY_ID, OTHER_ID])
    assert phone.asked == [KEY_ID, OTHER_ID, OTHER_ID]


async def test_a_calendar_that_is_set_back_does_not_put_off_the_next_question(
    phone: Phone, clock: FakeClock, requests: KeyRequests
) -> None:
    clock.set_calendar(400 * 24 * 3600)
    await requests.ask([KEY_ID])
    clock.set_calendar(-400 * 24 * 3600)
    await requests.ask([KEY_ID])
    await requests.ask([KEY_ID])
    assert phone.asked == [KEY_ID, KEY_ID]


async def test_a_key_is_not_waited_for_longer_than_a_week(
    phone: Phone, clock: FakeClock, requests: KeyRequests
) -> None:
    assert await requests.ask([KEY_ID])
    clock.advance(GIVE_UP_S - 1)
    assert await requests.ask([KEY_ID])
    clock.advance(1)
    assert not await requests.ask([KEY_ID])


async def test_a_key_that_the_phone_lacks_is_not_waited_for(
    account: Account, phone: Phone, clock: FakeClock, requests: KeyRequests
) -> None:
    await requests.ask([KEY_ID])
    handler = key_share_handler(later)
    share = write_key_share([], [KEY_ID])
    work = await account.handle(lambda work, _: handler(work, share), Node("message"))
    assert work.follow_ups == [later]
    clock.advance(ASK_AGAIN_S)
    assert not await requests.ask([KEY_ID])
    assert phone.asked == [KEY_ID]


@pytest.mark.parametrize("failure", [CryptoError("no bundle"), ConnectionClosed("gone")])
async def test_a_phone_that_cannot_be_asked_is_asked_at_a_later_occasion(
    phone: Phone, requests: KeyRequests, failure: Exception
) -> None:
    phone.failure = failure
    if isinstance(failure, ConnectionClosed):
        with pytest.raises(ConnectionClosed):
            await requests.ask([KEY_ID])
    else:
        await requests.ask([KEY_ID])
    phone.failure = None
    await requests.ask([KEY_ID])
    assert phone.asked == [KEY_ID]


async def test_an_own_device_is_given_what_we_have_and_told_what_we_lack(
    account: Account, phone: Phone, requests: KeyRequests
) -> None:
    await account.write(lambda store: store.sync_keys.put(key_of(KEY_ID, 7)))
    await requests.answer(3, [OTHER_ID, KEY_ID])
    ((device, message),) = phone.told
    assert device == 3
    assert message.type == pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
    found = read_key_share(message.appStateSyncKeyShare)
    assert (found.keys, found.unknown) == ((key_of(KEY_ID, 7),), (OTHER_ID,))
    await requests.answer(3, [])
    assert len(phone.told) == 1


@pytest.mark.parametrize(("device", "count"), [(0, 1), (2, 1), (OWN_PN.device, 0)])
async def test_only_other_own_devices_are_answered(
    account: Account, device: int, count: int
) -> None:
    asked: list[tuple[int, Sequence[bytes]]] = []

    async def answer(device: int, key_ids: Sequence[bytes]) -> None:
        asked.append((device, key_ids))

    handler = key_request_handler(answer)
    request = write_key_request([KEY_ID])
    incoming = SimpleNamespace(sender=OWN_PN.with_device(device))
    work = await account.handle(
        lambda work, _: handler(work, incoming, request),  # type: ignore[arg-type]
        Node("message"),
    )
    for follow_up in work.follow_ups:
        await follow_up()
    assert asked == [(device, (KEY_ID,))] * count


async def test_what_can_be_used_of_a_share_is_kept(account: Account) -> None:
    share = write_key_share([SyncKey(KEY_ID, KEYS[KEY_ID], 7)], [OTHER_ID])
    share.keys.add().keyId.keyId = b"short"
    share.keys.add().keyId.keyId = b"sixsix"
    share.keys[-1].keyData.keyData = bytes(31)
    handler = key_share_handler(later)
    work = await account.handle(lambda work, _: handler(work, share), Node("message"))
    assert await account.read(lambda store: store.sync_keys.all()) == [key_of(KEY_ID, 7)]
    assert work.follow_ups == [later]


@pytest.mark.parametrize(("version", "news"), [("6", 1), ("5", 0), ("4", 0), (None, 1), ("x", 1)])
async def test_a_notification_is_news_if_its_version_is(
    account: Account, version: str | None, news: int
) -> None:
    stored = StoredCollection(CollectionState(5), is_synced=True)
    await account.write(lambda store: store.app_state.put_collection(LOW, stored))
    collection = Node("collection", {"name": "regular_low"})
    if version is not None:
        collection.attrs["version"] = version
    node = Node(
        "notification",
        {"from": SERVER, "type": "server_sync", "id": "1", "t": str(NOW)},
        [collection, Node("collection", {"name": "brand_new", "version": "9"})],
    )
    work: Work = await account.handle(server_sync_handler(later), node)
    assert len(work.follow_ups) == news
    (ack,) = work.replies
    assert (ack.tag, ack.get("type"), ack.get("id")) == ("ack", "server_sync", "1")
    found = await account.read(lambda store: store.app_state.collection(LOW))
    assert found.news == news
    assert (await account.read(lambda store: store.app_state.collection(HIGH))).news == 0
