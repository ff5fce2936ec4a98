from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.account import PEER_PN, Account
from support.handlers import on_notification
from support.prekeys import KeyDesk, uploaded_ids
from waport.client.prekeys import ATTEMPTS, FIRST_UPLOAD
from waport.client.queries import Queries
from waport.errors import ConnectionClosed, QueryTimeout, StoreError
from waport.signal import generate_pre_keys
from waport.wire import SERVER, Node


@pytest.fixture
def desk(account: Account) -> KeyDesk:
    return KeyDesk(account)


async def test_enough_keys_at_the_server_need_no_upload(desk: KeyDesk) -> None:
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(5)
    await ensuring
    assert desk.link.sent == []


@pytest.mark.parametrize(("have", "expected"), [(0, FIRST_UPLOAD), (1, 50), (4, 50)])
async def test_few_keys_lead_to_an_upload_of_keys_that_are_on_disk(
    desk: KeyDesk, have: int, expected: int
) -> None:
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(have)
    upload = await desk.upload()
    assert len(uploaded_ids(upload)) == expected
    assert upload.child("registration").data == desk.account.credentials.registration_id.to_bytes(
        4, "big"
    )
    assert await desk.unuploaded() == uploaded_ids(upload)
    desk.answer(upload)
    await ensuring
    assert await desk.unuploaded() == []
    stored = await desk.account.read(lambda store: store.devices.get())
    assert stored.pre_keys_uploaded


async def test_the_same_keys_go_out_again_when_the_answer_was_lost(account: Account) -> None:
    desk = KeyDesk(account, timeout_s=0.05)
    with pytest.raises(QueryTimeout):
        await asyncio.gather(desk.pre_keys.ensure(), desk.count(3))
    first = uploaded_ids(desk.link.sent.pop())
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(3)
    again = await desk.upload()
    assert uploaded_ids(again) == first
    desk.answer(again)
    await ensuring
    # What the server has is never uploaded again.
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(3)
    fresh = await desk.upload()
    assert not set(uploaded_ids(fresh)) & set(first)
    desk.answer(fresh)
    await ensuring


async def test_a_server_that_wants_more_gets_more_but_not_for_ever(desk: KeyDesk) -> None:
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(0)
    sizes = []
    for _ in range(3):
        upload = await desk.upload()
        sizes.append(len(uploaded_ids(upload)))
        desk.answer(upload, Node("list", {"count_low": "true"}))
    await ensuring
    assert sizes == [FIRST_UPLOAD, 50, 50]


async def test_one_upload_at_a_time(desk: KeyDesk) -> None:
    both = [asyncio.create_task(desk.pre_keys.ensure()) for _ in range(2)]
    await desk.count(1)
    upload = await desk.upload()
    await desk.account.write(lambda _: None)
    assert desk.link.sent == []
    desk.answer(upload)
    await desk.count(51)
    await asyncio.gather(*both)


async def test_ids_go_round_at_their_end(desk: KeyDesk) -> None:
    def near_the_end(store: Any) -> None:
        store.devices.save(replace(store.devices.get(), next_pre_key_id=0xFFFFFF - 9))
        for key_id in range(1, 41):
            store.signal.delete_pre_key(key_id)

    await desk.account.write(near_the_end)
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(1)
    upload = await desk.upload()
    assert sorted(uploaded_ids(upload)) == [*range(1, 41), *range(0xFFFFFF - 9, 0xFFFFFF + 1)]
    desk.answer(upload)
    await ensuring


async def test_an_id_that_is_in_use_is_never_given_out_twice(desk: KeyDesk) -> None:
    (key,) = generate_pre_keys(60, 1)
    await desk.account.write(lambda store: store.signal.add_pre_keys([key], uploaded=True))
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.count(1)
    with pytest.raises(StoreError):
        await ensuring
    assert await desk.account.read(lambda store: store.signal.pre_key(60)) == key.pair


# --- in the background ---------------------------------------------------------------------------


async def test_a_refused_upload_is_tried_again_with_growing_delays(desk: KeyDesk) -> None:
    refilling = asyncio.create_task(desk.pre_keys.refill())
    sizes = []
    for attempt in range(ATTEMPTS):
        await desk.count(2)
        upload = await desk.upload()
        sizes.append(uploaded_ids(upload))
        desk.refuse(upload, 503)
        if attempt < ATTEMPTS - 1:
            delay = 2.0**attempt
            await desk.clock.pass_by(delay * 0.8, delay * 1.2)
    await refilling
    assert desk.clock.asked() == []
    assert all(size == sizes[0] for size in sizes)


async def test_a_connection_that_goes_ends_the_refill(desk: KeyDesk) -> None:
    refilling = asyncio.create_task(desk.pre_keys.refill())
    await desk.question()
    desk.queries.detach("gone")
    with pytest.raises(ConnectionClosed):
        await refilling


@pytest.mark.parametrize("value", ["4", "0", "999999999", "x"])
async def test_a_low_keys_notification_is_acked_and_the_server_asked_how_many_there_are(
    desk: KeyDesk, value: str
) -> None:
    count = Node("count", {"value": value})
    attrs: dict[str, Any] = {"from": SERVER, "id": "N1", "type": "encrypt"}
    handler = on_notification(desk.account, desk.pre_keys, Queries(5))
    work = await desk.account.handle(handler, Node("notification", attrs, [count]))
    assert [reply.tag for reply in work.replies] == ["ack"]
    (follow_up,) = work.follow_ups
    following = asyncio.create_task(follow_up())
    await desk.count(40)
    await following
    assert desk.link.sent == []


@pytest.mark.parametrize("tag", ["pq_count", "brand-new"])
async def test_other_words_about_keys_are_only_acked(desk: KeyDesk, tag: str) -> None:
    attrs: dict[str, Any] = {"from": SERVER, "id": "N1", "type": "encrypt"}
    handler = on_notification(desk.account, desk.pre_keys, Queries(5))
    work = await desk.account.handle(handler, Node("notification", attrs, [Node(tag)]))
    assert ([reply.tag for reply in work.replies], work.follow_ups) == (["ack"], [])


@pytest.mark.parametrize("device", [PEER_PN.with_device(3), None])
async def test_a_new_registration_of_a_companion_or_of_ourselves_is_only_acked(
    desk: KeyDesk, device: Any
) -> None:
    source = device or desk.account.credentials.pn.bare  # type: ignore[union-attr]
    address = source.with_device(0).signal_address
    await desk.account.write(lambda store: store.signal.put_session(address, b"record"))
    attrs: dict[str, Any] = {"from": source, "id": "N1", "type": "encrypt"}
    handler = on_notification(desk.account, desk.pre_keys, Queries(5))
    await desk.account.handle(handler, Node("notification", attrs, [Node("identity")]))
    assert await desk.account.read(lambda store: store.signal.session(address)) == b"record"


async def test_a_second_word_of_a_new_registration_leaves_the_new_session_alone(
    desk: KeyDesk,
) -> None:
    attrs: dict[str, Any] = {"from": PEER_PN, "id": "N1", "type": "encrypt"}
    node = Node("notification", attrs, [Node("identity")])
    handler = on_notification(desk.account, desk.pre_keys, Queries(5))
    work = await desk.account.handle(handler, node)
    for follow_up in work.follow_ups:
        await follow_up()
    address = PEER_PN.signal_address
    await desk.account.write(lambda store: store.signal.put_session(address, b"new"))
    await desk.account.handle(handler, node)
    assert await desk.account.read(lambda store: store.signal.session(address)) == b"new"
