from __future__ import annotations

import asyncio

import pytest

from support.client import ClientWorld
from support.typing_phone import TAG, TypingPhone, named, step
from support.whatsapp import PairingPhone, Wire, pair_success
from waport.client.pairing_codes import READY_TIMEOUT_S
from waport.errors import (
    ConnectionClosed,
    InvalidInput,
    NotFound,
    QueryError,
    RateLimited,
    SessionAlreadyConnected,
    StanzaError,
)
from waport.model import AuthFailure, LinkState, PairingCodeReady, QrReady, SessionState
from waport.pairing import (
    CODE_LIFE_S,
    FIRST_QR_LIFE_S,
    NEXT_QR_LIFE_S,
    PAIR_SUCCESS_TIMEOUT_S,
    parse_qr,
)
from waport.wire import SERVER, Node

PHONE = "+1 555 000 1111"


async def ask(world: ClientWorld, wire: Wire, ref: bytes = b"REF") -> tuple[str, TypingPhone]:
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    hello = await wire.hear("iq", type="set")
    wire.answer(hello, named(ref))
    code = await asking
    return code, await asyncio.to_thread(TypingPhone, code, hello)


async def waits_for_the_link(world: ClientWorld) -> None:
    """The phone's answer is dealt with; the first QR code sleeps as long as this wait."""
    assert PAIR_SUCCESS_TIMEOUT_S == FIRST_QR_LIFE_S
    await world.clock.sleeping(PAIR_SUCCESS_TIMEOUT_S, count=2)


async def secret_of(world: ClientWorld) -> bytes:
    credentials = await world.credentials()
    assert credentials is not None
    return credentials.adv_secret


# --- asking --------------------------------------------------------------------------------------


async def test_a_code_is_shown_once_the_server_has_named_it(world: ClientWorld, wire: Wire) -> None:
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    hello = await wire.hear("iq", type="set")
    reg = hello.child(TAG)
    assert str(reg.jid("jid")) == "15550001111@s.whatsapp.net"
    assert reg.get("stage") == "companion_hello"
    assert reg.child("link_code_pairing_nonce").data == b"\x00"
    assert world.client.linking.code is None
    wire.answer(hello, named(b"REF"))
    code = await asking
    event = await world.sink.until(PairingCodeReady)
    assert (event.code, world.client.linking.code) == (code, code)
    assert world.client.state is SessionState.PAIRING


async def test_a_new_qr_code_does_not_hide_the_pairing_code(world: ClientWorld, wire: Wire) -> None:
    await ask(world, wire)
    await world.pass_by(FIRST_QR_LIFE_S)
    await world.sink.until(QrReady, 2)
    assert world.client.state is SessionState.PAIRING


@pytest.mark.parametrize("phone", ["", "123", "0155500011", "1" * 16])
async def test_an_unusable_number_is_refused_before_anything_is_asked(
    world: ClientWorld, phone: str
) -> None:
    with pytest.raises(InvalidInput):
        await world.client.linking.request_code(phone)
    with pytest.raises(InvalidInput):
        await world.client.linking.request_code(PHONE, "OOOOOOOO")


@pytest.mark.parametrize(
    ("code", "error"), [(400, QueryError), (404, NotFound), (429, RateLimited)]
)
async def test_a_refused_code_is_an_error_and_nothing_is_shown(
    world: ClientWorld, wire: Wire, code: int, error: type[Exception]
) -> None:
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    wire.refuse(await wire.hear("iq", type="set"), code)
    with pytest.raises(error):
        await asking
    assert world.client.linking.code is None
    assert world.client.state is SessionState.QR


async def test_an_answer_without_a_ref_shows_no_code(world: ClientWorld, wire: Wire) -> None:
    for answer in ([], [Node(TAG)], [named(b"")]):
        asking = asyncio.create_task(world.client.linking.request_code(PHONE))
        wire.answer(await wire.hear("iq", type="set"), *answer)
        with pytest.raises(StanzaError):
            await asking
    assert world.client.linking.code is None


async def test_a_code_may_be_asked_for_before_the_server_is_ready(world: ClientWorld) -> None:
    asking = asyncio.create_task(world.client.linking.request_code(PHONE, "abcd-1234"))
    world.start()
    wire = await world.whatsapp.accept()
    wire.offer_refs(b"ref1")
    wire.answer(await wire.hear("iq", type="set"), named(b"REF"))
    assert await asking == "ABCD1234"


async def test_a_server_that_never_gets_ready_is_waited_for_only_so_long(
    world: ClientWorld,
) -> None:
    world.start()
    await world.whatsapp.accept()
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    await world.pass_by(READY_TIMEOUT_S)
    with pytest.raises(ConnectionClosed):
        await asking


async def test_a_linked_account_gets_no_code(world: ClientWorld) -> None:
    await world.link()
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    await world.log_in()
    with pytest.raises(SessionAlreadyConnected):
        await asking
    with pytest.raises(SessionAlreadyConnected):
        await world.client.linking.request_code(PHONE)


async def test_a_client_that_ends_tells_whoever_waits_for_a_code(world: ClientWorld) -> None:
    world.start()
    await world.whatsapp.accept()
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    await world.clock.sleeping(READY_TIMEOUT_S)
    await world.stop()
    with pytest.raises(ConnectionClosed) as caught:
        await asking
    assert not caught.value.will_retry


async def test_a_connection_that_ends_under_the_question_is_told(
    world: ClientWorld, wire: Wire
) -> None:
    asking = asyncio.create_task(world.client.linking.request_code(PHONE))
    await wire.hear("iq", type="set")
    wire.hang_up()
    with pytest.raises(ConnectionClosed):
        await asking


async def test_of_two_codes_the_later_one_counts(world: ClientWorld, wire: Wire) -> None:
    first = asyncio.create_task(world.client.linking.request_code(PHONE))
    second = asyncio.create_task(world.client.linking.request_code(PHONE))
    wire.answer(await wire.hear("iq", type="set"), named(b"ONE"))
    await first
    wire.answer(await wire.hear("iq", type="set"), named(b"TWO"))
    assert world.client.linking.code is not None
    assert await second == world.client.linking.code
    # The first one's time must not end the second one's.
    assert world.clock.asked().count(CODE_LIFE_S) == 1


# --- typing it -----------------------------------------------------------------------------------


async def test_the_phones_answer_leads_to_a_link_with_the_agreed_secret(
    world: ClientWorld, wire: Wire
) -> None:
    _, phone = await ask(world, wire)
    before = await secret_of(world)
    wire.say(await asyncio.to_thread(phone.hello))
    assert (await wire.hear()).get("class") == "notification"
    finish = await wire.hear("iq")
    secret = phone.secret(finish)
    assert (await secret_of(world), secret != before) == (secret, True)
    wire.answer(finish)
    await waits_for_the_link(world)
    # The QR code was renewed along with the secret: whoever is first wins.
    assert parse_qr(world.client.linking.qr or "").adv_secret == secret
    credentials = await world.credentials()
    assert credentials is not None
    container = PairingPhone().sign(credentials.identity.public, secret)
    wire.say(pair_success(container))
    assert (await wire.hear("iq", id="901")).get("type") == "result"
    assert world.client.linking.code is None
    assert PAIR_SUCCESS_TIMEOUT_S not in world.clock.asked()


async def ignored(world: ClientWorld, wire: Wire, node: Node, secret: bytes) -> None:
    """A step is acked and nothing else."""
    wire.say(node)
    ack = await wire.hear()
    assert (ack.tag, ack.get("id"), ack.get("type")) == ("ack", "77", TAG)
    wire.say(Node("iq", {"from": SERVER, "id": "p", "type": "get", "xmlns": "urn:xmpp:ping"}))
    assert (await wire.hear()).get("id") == "p"
    assert await secret_of(world) == secret


async def test_answers_for_no_code_or_another_one_are_acked_and_ignored(
    world: ClientWorld, wire: Wire
) -> None:
    secret = await secret_of(world)
    await ignored(world, wire, step("primary_hello"), secret)
    _, phone = await ask(world, wire)
    await ignored(world, wire, await asyncio.to_thread(phone.hello, b"OTHER"), secret)
    await ignored(world, wire, await asyncio.to_thread(phone.hello, size=79), secret)
    short = await asyncio.to_thread(phone.hello, identity=bytes(31))
    await ignored(world, wire, short, secret)
    await ignored(world, wire, step("brand_new"), secret)
    node = await asyncio.to_thread(phone.hello)
    node.attrs["from"] = "15550009999@s.whatsapp.net"
    await ignored(world, wire, node, secret)
    assert world.client.linking.code is not None


async def test_a_code_that_is_too_old_is_dead(world: ClientWorld, wire: Wire) -> None:
    _, phone = await ask(world, wire)
    secret = await secret_of(world)
    hello = await asyncio.to_thread(phone.hello)
    await world.pass_by(CODE_LIFE_S)
    await ignored(world, wire, hello, secret)
    assert world.client.linking.code is None


async def test_a_fourth_try_is_ignored(world: ClientWorld, wire: Wire) -> None:
    _, phone = await ask(world, wire)
    hello = await asyncio.to_thread(phone.hello)
    for _ in range(3):
        wire.say(hello)
        await wire.hear("ack")
        finish = await wire.hear("iq")
        wire.answer(finish)
        await waits_for_the_link(world)
    await ignored(world, wire, hello, phone.secret(finish))


async def test_typing_again_begins_the_wait_anew(world: ClientWorld, wire: Wire) -> None:
    _, phone = await ask(world, wire)
    hello = await asyncio.to_thread(phone.hello)
    wire.say(hello)
    wire.answer(await wire.hear("iq"))
    await waits_for_the_link(world)
    world.clock.advance(PAIR_SUCCESS_TIMEOUT_S - 0.25)
    wire.say(hello)
    finish = await wire.hear("iq")
    wire.answer(finish)
    await waits_for_the_link(world)
    world.clock.advance(0.5)
    await world.settled()
    assert await secret_of(world) == phone.secret(finish)
    assert world.client.linking.code is not None
    assert world.sink.of(AuthFailure) == []


async def test_a_low_order_key_kills_the_code_and_keeps_the_secret(
    world: ClientWorld, wire: Wire
) -> None:
    _, phone = await ask(world, wire)
    secret = await secret_of(world)
    wire.say(await asyncio.to_thread(phone.hello, identity=bytes(32)))
    await world.sink.until(AuthFailure)
    assert world.client.linking.code is None
    assert await secret_of(world) == secret
    assert world.client.state is SessionState.QR


async def test_a_refused_finish_kills_code_and_secret(world: ClientWorld, wire: Wire) -> None:
    _, phone = await ask(world, wire)
    wire.say(await asyncio.to_thread(phone.hello))
    finish = await wire.hear("iq")
    secret = phone.secret(finish)
    await world.settled()
    shown = len(world.sink.of(QrReady))
    wire.refuse(finish, 400)
    await world.sink.until(AuthFailure)
    await world.sink.until(QrReady, shown + 1)
    assert world.client.linking.code is None
    assert await secret_of(world) != secret


async def test_a_phone_that_never_finishes_kills_code_and_secret(
    world: ClientWorld, wire: Wire
) -> None:
    _, phone = await ask(world, wire)
    wire.say(await asyncio.to_thread(phone.hello))
    finish = await wire.hear("iq")
    wire.answer(finish)
    await world.settled()
    shown = len(world.sink.of(QrReady))
    await world.pass_by(PAIR_SUCCESS_TIMEOUT_S, count=2)
    await world.sink.until(AuthFailure)
    # The next QR code, whose time had come, and the same one again with the new secret.
    await world.sink.until(QrReady, shown + 2)
    assert await secret_of(world) != phone.secret(finish)
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.state is LinkState.NEW


async def test_a_refresh_of_the_secret_waits_while_the_phone_finishes(
    world: ClientWorld, wire: Wire
) -> None:
    _, phone = await ask(world, wire)
    wire.say(await asyncio.to_thread(phone.hello))
    finish = await wire.hear("iq")
    children = [Node("companion_reg_refresh")]
    attrs = {"from": SERVER, "id": "78", "type": "companion_reg_refresh"}
    wire.say(Node("notification", dict(attrs), children))  # type: ignore[arg-type]
    await wire.hear("ack", id="78")
    assert await secret_of(world) == phone.secret(finish)


# --- other ends of a code ------------------------------------------------------------------------


async def test_a_code_outlives_the_qr_codes(world: ClientWorld, wire: Wire) -> None:
    await world.pass_by(FIRST_QR_LIFE_S)
    await world.clock.sleeping(NEXT_QR_LIFE_S)
    await ask(world, wire)
    await world.pass_by(NEXT_QR_LIFE_S)
    await world.settled()
    assert (world.client.linking.qr, wire.is_open) == (None, True)
    assert world.client.linking.code is not None
    await world.pass_by(CODE_LIFE_S)
    await wire.closed()


async def test_the_server_may_ask_for_a_new_code(world: ClientWorld, wire: Wire) -> None:
    code, _ = await ask(world, wire)
    other = step("refresh_code", Node("link_code_pairing_ref", {}, b"OTHER"))
    await ignored(world, wire, other, await secret_of(world))
    assert world.client.linking.code == code
    wire.say(step("refresh_code", Node("link_code_pairing_ref", {}, b"REF")))
    wire.answer(await wire.hear("iq"), named(b"NEW"))
    event = await world.sink.until(PairingCodeReady, 2)
    assert event.code == world.client.linking.code != code


async def test_a_code_that_only_the_user_can_renew_is_told(world: ClientWorld, wire: Wire) -> None:
    await ask(world, wire)
    ref = Node("link_code_pairing_ref", {}, b"REF")
    wire.say(step("refresh_code", ref, force_manual_refresh="true"))
    await world.sink.until(AuthFailure)
    assert world.client.linking.code is None
    assert world.client.state is SessionState.QR


async def test_a_code_dies_with_its_connection(world: ClientWorld, wire: Wire) -> None:
    await ask(world, wire)
    wire.hang_up()
    await world.clock.sleeping(2.4, 3.6)
    assert world.client.linking.code is None
    assert CODE_LIFE_S not in world.clock.asked()
