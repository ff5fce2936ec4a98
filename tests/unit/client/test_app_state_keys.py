"""Keys of the app state: shared, missing, asked for."""

from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, Account
from support.appstate import KEY_ID, KEYS, OTHER_ID
from support.clock import FakeClock
from waport.appstate import Collection, CollectionState, SyncKey, read_key_request, write_key_share
from waport.client.app_state_keys import ASK_AGAIN_S, KeyRequests
from waport.client.handlers.app_state import key_share_handler, server_sync_handler
from waport.client.work import Work
from waport.errors import ConnectionClosed, CryptoError
from waport.proto import pb
from waport.store.app_state import StoredCollection
from waport.wire import SERVER, Node

LOW, HIGH = Collection.REGULAR_LOW, Collection.REGULAR_HIGH


async def later() -> None:
    """What is to follow."""


class Phone:
    """Keeps what it is asked for."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.asked: list[tuple[bytes, ...]] = []
        self.failure: Exception | None = None

    async def send_made(self, make: Any) -> None:
        if self.failure is not None:
            raise self.failure
        message = await self.account.write(make)
        if message is not None:
            protocol = message.protocolMessage
            assert protocol.type == pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST
            self.asked.append(read_key_request(protocol.appStateSyncKeyRequest))


async def test_a_key_is_asked_for_once_a_day_until_it_is_there(account: Account) -> None:
    phone, clock = Phone(account), FakeClock()
    requests = KeyRequests(phone, clock)  # type: ignore[arg-type]
    await requests.ask([KEY_ID])
    await requests.ask([KEY_ID, OTHER_ID])
    await requests.ask([])
    clock.advance(ASK_AGAIN_S)
    await account.write(lambda store: store.app_state.put_key(KEY_ID, KEYS[KEY_ID], 1))
    await requests.ask([KEY_ID, OTHER_ID])
    assert phone.asked == [(KEY_ID,), (OTHER_ID,), (OTHER_ID,)]


async def test_a_phone_that_cannot_be_asked_is_asked_at_a_later_occasion(account: Account) -> None:
    phone = Phone(account)
    requests = KeyRequests(phone, FakeClock())  # type: ignore[arg-type]
    phone.failure = CryptoError("no bundle")
    await requests.ask([KEY_ID])
    phone.failure = ConnectionClosed("gone")
    with pytest.raises(ConnectionClosed):
        await requests.ask([KEY_ID])
    phone.failure = None
    await requests.ask([KEY_ID])
    assert phone.asked == [(KEY_ID,)]


async def test_what_can_be_used_of_a_share_is_kept(account: Account) -> None:
    share = write_key_share([SyncKey(KEY_ID, KEYS[KEY_ID], 7)], [OTHER_ID])
    share.keys.add().keyId.keyId = b"short"
    handler = key_share_handler(later)
    work = await account.handle(lambda work, _: handler(work, share), Node("message"))
    assert await account.read(lambda store: store.app_state.keys()) == {KEY_ID: KEYS[KEY_ID]}
    assert work.follow_ups == [later]


async def test_a_share_without_keys_goes_on_with_nothing(account: Account) -> None:
    handler = key_share_handler(later)
    share = write_key_share([], [OTHER_ID])
    work = await account.handle(lambda work, _: handler(work, share), Node("message"))
    assert work.follow_ups == []


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
