"""Verifying the keys at the server, and replacing the signed one."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from support.account import Account, Peer
from support.handlers import handle_message, on_notification
from support.prekeys import KeyDesk, uploaded_ids
from waport.client.prekeys import FIRST_UPLOAD, LOW, ROTATION_AGE_S, ROTATION_CHECK_S
from waport.client.queries import Queries
from waport.crypto import KeyPair
from waport.errors import ConnectionClosed, QueryError, QueryTimeout
from waport.model import Credentials, MessageAdded
from waport.proto import pb
from waport.signal import PreKeyBundle, SignedPreKey
from waport.stanza.prekeys import signed_key_node
from waport.store.statements import Connection
from waport.wire import SERVER, Jid, Node

DAY_S = 24 * 3600


@pytest.fixture
async def desk(account: Account) -> KeyDesk:
    return KeyDesk(account)


async def credentials(desk: KeyDesk) -> Credentials:
    stored: Credentials = await desk.account.read(lambda store: store.devices.get())
    return stored


async def signed_ids(desk: KeyDesk) -> set[int]:
    times: dict[int, int] = await desk.account.read(
        lambda store: store.signal.signed_pre_key_times()
    )
    return set(times)


async def make_due(desk: KeyDesk, age_s: float = ROTATION_AGE_S) -> None:
    """Let the time pass until the current signed pre-key has that age."""
    current = (await credentials(desk)).signed_pre_key.id
    times = await desk.account.read(lambda store: store.signal.signed_pre_key_times())
    desk.clock.advance(times[current] / 1000 + age_s - desk.clock.unix())


def digest(
    own: Credentials,
    *,
    signed: SignedPreKey | None = None,
    identity: bytes | None = None,
    registration_id: int | None = None,
    ids: tuple[int, ...] = (),
    checksum: bytes = b"",
) -> Node:
    registration = registration_id or own.registration_id
    return Node(
        "digest",
        {},
        [
            Node("registration", {}, registration.to_bytes(4, "big")),
            Node("type", {}, b"\x05"),
            Node("identity", {}, identity or own.identity.public),
            signed_key_node(signed or own.signed_pre_key),
            Node("list", {}, [Node("id", {}, key_id.to_bytes(3, "big")) for key_id in ids]),
            Node("hash", {}, checksum),
        ],
    )


async def verify(desk: KeyDesk, answer: Node) -> asyncio.Task[None]:
    task = asyncio.create_task(desk.pre_keys.verify())
    question = await desk.question()
    assert question.find("digest") is not None
    desk.answer(question, answer)
    return task


# --- verifying -----------------------------------------------------------------------------------


async def test_keys_that_agree_change_nothing(
    desk: KeyDesk, caplog: pytest.LogCaptureFixture
) -> None:
    own = await credentials(desk)
    signed = own.signed_pre_key
    keys = [key.pair.public for key in desk.account.pre_keys[:2]]
    joined = own.identity.public + signed.pair.public + signed.signature + keys[0] + keys[1]
    ids = tuple(key.id for key in desk.account.pre_keys[:2])
    await (await verify(desk, digest(own, ids=ids, checksum=hashlib.sha1(joined).digest())))
    assert (desk.link.sent, caplog.text) == ([], "")
    assert await credentials(desk) == own


async def test_hundreds_of_keys_are_looked_at_in_few_questions(
    desk: KeyDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await credentials(desk)
    ids = tuple(range(1, FIRST_UPLOAD + 1))
    asked: list[object] = []
    for name in ("one", "all"):
        ask = getattr(Connection, name)

        def counted(db: Connection, *args: Any, ask: Any = ask, **values: Any) -> Any:
            asked.append(args)
            return ask(db, *args, **values)

        monkeypatch.setattr(Connection, name, counted)
    await (await verify(desk, digest(own, ids=ids)))
    assert 0 < len(asked) < 20


async def test_a_server_without_keys_gets_all_of_them_again(desk: KeyDesk) -> None:
    task = asyncio.create_task(desk.pre_keys.verify())
    desk.refuse(await desk.question(), 404)
    upload = await desk.upload()
    assert len(uploaded_ids(upload)) == FIRST_UPLOAD
    desk.answer(upload)
    await task


async def test_a_server_with_an_old_signed_key_gets_the_present_one(desk: KeyDesk) -> None:
    own = await credentials(desk)
    old = SignedPreKey.create(own.identity, own.signed_pre_key.id)
    task = await verify(desk, digest(own, signed=old))
    upload = await desk.upload()
    assert upload.child("skey") == signed_key_node(own.signed_pre_key)
    assert len(uploaded_ids(upload)) == LOW
    desk.answer(upload)
    await task


async def test_a_server_with_another_registration_id_gets_ours(desk: KeyDesk) -> None:
    own = await credentials(desk)
    task = await verify(desk, digest(own, registration_id=own.registration_id + 1))
    upload = await desk.upload()
    assert upload.child("registration").data == own.registration_id.to_bytes(4, "big")
    desk.answer(upload)
    await task


async def test_another_identity_at_the_server_is_reported_and_not_overwritten(
    desk: KeyDesk, caplog: pytest.LogCaptureFixture
) -> None:
    own = await credentials(desk)
    await (await verify(desk, digest(own, identity=KeyPair.generate().public)))
    assert desk.link.sent == []
    assert "another identity key" in caplog.text


@pytest.mark.parametrize(
    ("ids", "checksum", "words"),
    [((1, 900, 901), b"", "2 one-time keys that are not here"), ((1, 2), bytes(20), "differ")],
)
async def test_one_time_keys_that_differ_are_only_reported(
    desk: KeyDesk,
    caplog: pytest.LogCaptureFixture,
    ids: tuple[int, ...],
    checksum: bytes,
    words: str,
) -> None:
    own = await credentials(desk)
    await (await verify(desk, digest(own, ids=ids, checksum=checksum)))
    assert desk.link.sent == []
    assert words in caplog.text


@pytest.mark.parametrize("code", [406, 503])
async def test_a_refused_check_changes_nothing(desk: KeyDesk, code: int) -> None:
    task = asyncio.create_task(desk.pre_keys.verify())
    desk.refuse(await desk.question(), code)
    with pytest.raises(QueryError):
        await task
    assert desk.link.sent == []


async def test_the_server_may_ask_for_the_check(desk: KeyDesk) -> None:
    attrs: dict[str, Any] = {"from": SERVER, "id": "N1", "type": "encrypt"}
    handler = on_notification(desk.account, desk.pre_keys, Queries(5))
    node = Node("notification", attrs, [Node("digest")])
    work = await desk.account.handle(handler, node)
    assert [reply.tag for reply in work.replies] == ["ack"]
    (follow_up,) = work.follow_ups
    task = asyncio.create_task(follow_up())
    question = await desk.question()
    assert question.find("digest") is not None
    desk.answer(question, digest(await credentials(desk)))
    await task


# --- rotation ------------------------------------------------------------------------------------


async def rotation(desk: KeyDesk) -> tuple[asyncio.Task[None], Node]:
    task = asyncio.create_task(desk.pre_keys.rotate())
    question = await desk.question()
    question.child("rotate")
    return task, question


async def rotate(desk: KeyDesk) -> None:
    task, question = await rotation(desk)
    desk.answer(question)
    await task


def skey(question: Node) -> Node:
    return question.child("rotate").child("skey")


async def test_a_young_key_stays(desk: KeyDesk) -> None:
    await make_due(desk, ROTATION_AGE_S - 1)
    await desk.pre_keys.rotate()
    assert desk.link.sent == []


async def test_after_27_days_the_next_key_takes_its_place_once_the_server_has_it(
    desk: KeyDesk,
) -> None:
    before = await credentials(desk)
    await make_due(desk)
    task, question = await rotation(desk)
    key = await desk.account.read(lambda store: store.signal.signed_pre_key(2))
    # On the disk before it left, but not in use.
    assert skey(question) == signed_key_node(key)
    assert await credentials(desk) == before
    desk.answer(question)
    await task
    assert await credentials(desk) == replace(before, signed_pre_key=key)


async def test_a_message_made_with_the_old_key_is_still_read(
    desk: KeyDesk, account: Account, peer: Peer
) -> None:
    await make_due(desk)
    await rotate(desk)
    ciphertext = peer.encrypt(pb.Message(conversation="late").SerializeToString())
    attrs: dict[str, Any] = {"from": peer.device, "id": "M1", "t": "1700000000", "type": "text"}
    enc = Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body)
    await account.handle(handle_message, Node("message", attrs, [enc]))
    (added,) = [event for event in account.sink.recorded if isinstance(event, MessageAdded)]
    assert added.message.text == "late"


async def test_a_message_made_with_the_new_key_is_read(desk: KeyDesk, account: Account) -> None:
    await make_due(desk)
    await rotate(desk)
    own = await credentials(desk)
    signed = own.signed_pre_key
    peer = Peer(Jid("15550002222", "s.whatsapp.net"))
    peer.open(
        PreKeyBundle(
            own.registration_id, own.identity.public, 2, signed.pair.public, signed.signature
        )
    )
    ciphertext = peer.encrypt(pb.Message(conversation="new").SerializeToString())
    attrs: dict[str, Any] = {"from": peer.device, "id": "M1", "t": "1700000000", "type": "text"}
    enc = Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body)
    await account.handle(handle_message, Node("message", attrs, [enc]))
    assert [type(event) for event in account.sink.recorded] == [MessageAdded]


async def test_two_replaced_keys_are_kept_and_older_ones_go(desk: KeyDesk) -> None:
    for _ in range(4):
        await make_due(desk)
        await rotate(desk)
    assert (await credentials(desk)).signed_pre_key.id == 5
    assert await signed_ids(desk) == {3, 4, 5}


async def test_ids_go_round_at_their_end(desk: KeyDesk) -> None:
    own = await credentials(desk)
    last = SignedPreKey.create(own.identity, 0xFFFFFF)

    def put(store: Any) -> None:
        store.signal.put_signed_pre_key(last)
        store.signal.put_signed_pre_key(SignedPreKey.create(own.identity, 0xFFFFFE))
        store.signal.delete_signed_pre_key(1)
        store.devices.save(replace(own, signed_pre_key=last))

    await desk.account.write(put)
    await make_due(desk)
    await rotate(desk)
    assert (await credentials(desk)).signed_pre_key.id == 1
    assert await signed_ids(desk) == {0xFFFFFE, 0xFFFFFF, 1}


async def test_the_same_key_goes_out_again_when_the_answer_was_lost(account: Account) -> None:
    desk = KeyDesk(account, timeout_s=0.05)
    await make_due(desk)
    task, first = await rotation(desk)
    with pytest.raises(QueryTimeout):
        await task
    task, again = await rotation(desk)
    assert skey(again) == skey(first)
    desk.answer(again)
    await task
    assert (await credentials(desk)).signed_pre_key.id == 2


async def test_the_servers_digest_ends_a_rotation_whose_answer_was_lost(account: Account) -> None:
    desk = KeyDesk(account, timeout_s=0.05)
    await make_due(desk)
    task, _ = await rotation(desk)
    with pytest.raises(QueryTimeout):
        await task
    staged = await account.read(lambda store: store.signal.signed_pre_key(2))
    own = await credentials(desk)
    await (await verify(desk, digest(own, signed=staged)))
    assert (await credentials(desk)).signed_pre_key == staged
    assert desk.link.sent == []


@pytest.mark.parametrize("code", [406, 409])
async def test_a_key_that_the_server_does_not_take_is_dropped(desk: KeyDesk, code: int) -> None:
    before = await credentials(desk)
    await make_due(desk)
    task, first = await rotation(desk)
    desk.refuse(first, code)
    with pytest.raises(QueryError):
        await task
    assert await credentials(desk) == before
    assert await signed_ids(desk) == {1}
    task, second = await rotation(desk)
    assert skey(second) != skey(first)
    desk.answer(second)
    await task


@pytest.mark.parametrize("code", [500, 503])
async def test_a_server_in_trouble_gets_the_same_key_later(desk: KeyDesk, code: int) -> None:
    await make_due(desk)
    task, first = await rotation(desk)
    desk.refuse(first, code)
    with pytest.raises(QueryError):
        await task
    task, again = await rotation(desk)
    assert skey(again) == skey(first)
    desk.answer(again)
    await task


async def test_a_key_whose_age_is_unknown_begins_its_time_now(desk: KeyDesk) -> None:
    await desk.account.write(lambda store: store.signal.delete_signed_pre_key(1))
    await desk.pre_keys.rotate()
    assert await signed_ids(desk) == {1}
    await make_due(desk)
    await rotate(desk)


# --- both, for as long as the connection lasts ---------------------------------------------------


async def test_after_the_check_the_age_is_looked_at_every_day(desk: KeyDesk) -> None:
    await make_due(desk, ROTATION_AGE_S - DAY_S - 1)
    watching = asyncio.create_task(desk.pre_keys.watch())
    question = await desk.question()
    desk.answer(question, digest(await credentials(desk)))
    await desk.clock.pass_by(ROTATION_CHECK_S)
    await desk.clock.sleeping(ROTATION_CHECK_S)
    assert desk.link.sent == []
    desk.clock.advance(ROTATION_CHECK_S)
    question = await desk.question()
    desk.refuse(question, 503)
    await desk.clock.pass_by(ROTATION_CHECK_S)
    desk.answer(await desk.question())
    await desk.clock.sleeping(ROTATION_CHECK_S)
    assert (await credentials(desk)).signed_pre_key.id == 2
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize("answer", [503, Node("nothing")])
async def test_a_check_that_fails_does_not_keep_the_key_from_being_replaced(
    desk: KeyDesk, answer: Any
) -> None:
    await make_due(desk)
    watching = asyncio.create_task(desk.pre_keys.watch())
    question = await desk.question()
    if isinstance(answer, int):
        desk.refuse(question, answer)
    else:
        desk.answer(question, answer)
    (await desk.question()).child("rotate")
    desk.queries.detach("gone")
    with pytest.raises(ConnectionClosed):
        await watching


async def test_a_rotation_and_an_upload_take_turns(desk: KeyDesk) -> None:
    await make_due(desk)
    task, question = await rotation(desk)
    ensuring = asyncio.create_task(desk.pre_keys.ensure())
    await desk.account.write(lambda _: None)
    assert desk.link.sent == []
    desk.answer(question)
    await task
    await desk.count(50)
    await ensuring
