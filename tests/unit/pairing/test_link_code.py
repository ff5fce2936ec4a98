from __future__ import annotations

import pytest

from waport.crypto import KeyPair, aes_gcm_decrypt, agree, hkdf
from waport.errors import CryptoError, InvalidInput, StanzaError
from waport.pairing import (
    CODE_LIFE_S,
    MAX_HELLOS,
    PendingCode,
    PrimaryHello,
    RefreshCode,
    UnknownStage,
    accept_primary_hello,
    answer_primary_hello,
    companion_hello,
    create_code,
    encode_code,
    generate_code,
    normalise_code,
    normalise_phone,
    parse_companion_hello_reply,
    parse_link_code_notification,
    unwrap_ephemeral,
    wrap_ephemeral,
)
from waport.wire import SERVER, Jid, Node

REF = b"3@ref"
CODE = "ABCD1234"


def pending_code(ref: bytes = REF, hellos: int = 0) -> PendingCode:
    return PendingCode("15551234567", CODE, KeyPair.from_private(b"e" * 32), 1000.0, ref, hellos)


def primary_hello(ref: bytes = REF) -> PrimaryHello:
    return PrimaryHello(ref, bytes(80), KeyPair.from_private(b"p" * 32).public)


# --- codes and numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("0000000000", "11111111"),
        ("ffffffffff", "ZZZZZZZZ"),
        ("0123456789", "15JMBSWA"),
        ("deadbeef01", "VTPVXVR2"),
    ],
)
def test_code_is_five_bytes_most_significant_first(data: str, code: str) -> None:
    assert encode_code(bytes.fromhex(data)) == code
    assert generate_code(lambda size: bytes.fromhex(data)[:size]) == code


@pytest.mark.parametrize("length", [0, 4, 6])
def test_code_needs_exactly_five_bytes(length: int) -> None:
    with pytest.raises(InvalidInput):
        encode_code(bytes(length))


@pytest.mark.parametrize("text", ["ABCD1234", "abcd-1234", "-a-b-c-d-1-2-3-4-", " ABCD-1234 "])
def test_custom_code_may_have_dashes_and_lower_case(text: str) -> None:
    assert normalise_code(text) == "ABCD1234"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABCD123",
        "ABCD12345",
        "ABCD123O",
        "ABCD1230",
        "ABCDI234",
        "ABCDU234",
        "ABCDEFß",
        "ABCD 123",
    ],
)
def test_custom_code_outside_the_alphabet_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        normalise_code(text)


@pytest.mark.parametrize("text", ["15551234567", "+1 (555) 123-4567", "15551234567@s.whatsapp.net"])
def test_phone_number_keeps_its_digits(text: str) -> None:
    assert normalise_phone(text) == "15551234567"


@pytest.mark.parametrize(
    "text", ["", "abc", "123456", "0155512345", "+0 1234567", "1" * 16, "١٢٣٤٥٦٧٨"]
)
def test_unfit_phone_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        normalise_phone(text)


def test_new_code_has_its_own_key_pair() -> None:
    first = create_code("+1 555 1234567", 5.0)
    second = create_code("+1 555 1234567", 5.0)
    assert first.phone == "15551234567"
    assert first.created_at == 5.0
    assert first.ephemeral != second.ephemeral
    assert first.code != second.code
    assert create_code("15551234567", 5.0, code="abcd-1234").code == CODE
    assert first.code not in repr(first)


@pytest.mark.parametrize(("phone", "code"), [("123", None), ("15551234567", "SHORT")])
def test_new_code_refuses_unfit_input(phone: str, code: str | None) -> None:
    with pytest.raises(InvalidInput):
        create_code(phone, 0.0, code=code)


# --- wrapping ------------------------------------------------------------------------------------


def test_wrapped_key_opens_with_the_same_code_only() -> None:
    public = KeyPair.generate().public
    wrapped = wrap_ephemeral(public, CODE)
    assert len(wrapped) == 80
    assert unwrap_ephemeral(wrapped, CODE) == public
    assert unwrap_ephemeral(wrapped, "ABCD1235") != public


@pytest.mark.parametrize("length", [0, 79, 81])
def test_wrapped_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(CryptoError):
        unwrap_ephemeral(bytes(length), CODE)


def test_only_a_whole_key_is_wrapped() -> None:
    with pytest.raises(CryptoError):
        wrap_ephemeral(bytes(33), CODE)


# --- stanzas -------------------------------------------------------------------------------------


def test_companion_hello_names_phone_platform_and_a_zero_nonce() -> None:
    node = companion_hello(pending_code(), bytes(80), b"n" * 32, "1", "Chrome (Linux)", "9")
    assert node.attrs == {"to": SERVER, "type": "set", "id": "9", "xmlns": "md"}
    body = node.child("link_code_companion_reg")
    assert body.jid("jid") == Jid("15551234567", "s.whatsapp.net")
    assert body.attr("stage") == "companion_hello"
    assert body.attr("should_show_push_notification") == "true"
    assert [(child.tag, child.content) for child in body.children()] == [
        ("link_code_pairing_wrapped_companion_ephemeral_pub", bytes(80)),
        ("companion_server_auth_key_pub", b"n" * 32),
        ("companion_platform_id", b"1"),
        ("companion_platform_display", b"Chrome (Linux)"),
        ("link_code_pairing_nonce", b"\x00"),
    ]


@pytest.mark.parametrize("display_name", ["", "x" * 101])
def test_companion_hello_refuses_an_unfit_display_name(display_name: str) -> None:
    with pytest.raises(InvalidInput):
        companion_hello(pending_code(), bytes(80), bytes(32), "1", display_name)


def test_request_id_is_left_to_the_sender_if_not_given() -> None:
    assert "id" not in companion_hello(pending_code(), bytes(80), bytes(32), "1", "Chrome").attrs


def reply(*children: Node) -> Node:
    return Node("iq", {"type": "result"}, [Node("link_code_companion_reg", {}, list(children))])


def test_reply_brings_the_ref() -> None:
    assert parse_companion_hello_reply(reply(Node("link_code_pairing_ref", {}, REF))) == REF
    assert pending_code(b"").with_ref(REF).ref == REF


@pytest.mark.parametrize(
    "node",
    [
        Node("iq"),
        reply(),
        reply(Node("link_code_pairing_ref")),
        reply(Node("link_code_pairing_ref", {}, b"")),
        reply(Node("link_code_pairing_ref", {}, bytes(1025))),
    ],
)
def test_reply_without_a_ref_is_refused(node: Node) -> None:
    with pytest.raises(StanzaError):
        parse_companion_hello_reply(node)


def notification(stage: str | None = "primary_hello", **children: bytes | None) -> Node:
    contents: dict[str, bytes | None] = {
        "link_code_pairing_ref": REF,
        "link_code_pairing_wrapped_primary_ephemeral_pub": b"w" * 80,
        "primary_identity_pub": b"i" * 32,
        **children,
    }
    body = Node(
        "link_code_companion_reg",
        {} if stage is None else {"stage": stage},
        [Node(tag, {}, content) for tag, content in contents.items() if content is not None],
    )
    return Node("notification", {"type": "link_code_companion_reg"}, [body])


def test_primary_hello_is_read() -> None:
    hello = parse_link_code_notification(notification())
    assert hello == PrimaryHello(REF, b"w" * 80, b"i" * 32)


@pytest.mark.parametrize("flag", [None, "false", "true"])
def test_refresh_code_says_who_makes_the_next_one(flag: str | None) -> None:
    node = notification("refresh_code")
    if flag is not None:
        node.child("link_code_companion_reg").attrs["force_manual_refresh"] = flag
    assert parse_link_code_notification(node) == RefreshCode(REF, flag == "true")


def test_unknown_stage_is_told_and_nothing_else_read() -> None:
    node = notification("coffee_break", link_code_pairing_ref=None)
    assert parse_link_code_notification(node) == UnknownStage("coffee_break")


@pytest.mark.parametrize(
    "node",
    [
        Node("notification"),
        notification(None),
        notification(link_code_pairing_ref=None),
        notification(link_code_pairing_ref=b""),
        notification(link_code_pairing_wrapped_primary_ephemeral_pub=None),
        notification(link_code_pairing_wrapped_primary_ephemeral_pub=bytes(79)),
        notification(link_code_pairing_wrapped_primary_ephemeral_pub=bytes(81)),
        notification(primary_identity_pub=None),
        notification(primary_identity_pub=bytes(31)),
        notification(primary_identity_pub=bytes(33)),
        notification("refresh_code", link_code_pairing_ref=None),
    ],
)
def test_notification_that_lacks_something_is_refused(node: Node) -> None:
    with pytest.raises(StanzaError):
        parse_link_code_notification(node)


# --- the phone's answer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pending", [None, pending_code(b""), pending_code(b"3@other"), pending_code(hellos=MAX_HELLOS)]
)
def test_answer_that_fits_no_waiting_code_is_refused(pending: PendingCode | None) -> None:
    with pytest.raises(StanzaError):
        accept_primary_hello(pending, primary_hello(), 1000.0)


def test_code_lives_for_180_seconds() -> None:
    pending = pending_code()
    assert accept_primary_hello(pending, primary_hello(), 1000.0 + CODE_LIFE_S - 0.1).hellos == 1
    with pytest.raises(StanzaError):
        accept_primary_hello(pending, primary_hello(), 1000.0 + CODE_LIFE_S)
    assert pending.is_expired(1000.0 + CODE_LIFE_S)


def test_phone_may_answer_three_times_and_each_answer_is_new() -> None:
    phone_ephemeral = KeyPair.generate()
    identity = KeyPair.generate()
    hello = PrimaryHello(
        REF, wrap_ephemeral(phone_ephemeral.public, CODE), KeyPair.generate().public
    )
    pending = pending_code()
    answers = []
    for count in range(1, MAX_HELLOS + 1):
        pending = accept_primary_hello(pending, hello, 1000.0)
        assert pending.hellos == count
        answers.append(answer_primary_hello(pending, hello, identity))
    with pytest.raises(StanzaError):
        accept_primary_hello(pending, hello, 1000.0)
    assert len({answer.adv_secret for answer in answers}) == MAX_HELLOS
    assert len({answer.bundle for answer in answers}) == MAX_HELLOS


def test_phone_opens_the_bundle_and_has_the_same_secret() -> None:
    ephemeral, phone_identity, identity = (KeyPair.generate() for _ in range(3))
    hello = PrimaryHello(REF, wrap_ephemeral(ephemeral.public, CODE), phone_identity.public)
    pending = pending_code()
    answer = answer_primary_hello(pending, hello, identity)
    assert len(answer.bundle) == 156

    shared = agree(ephemeral.private, pending.ephemeral.public)
    salt, iv, sealed = answer.bundle[:32], answer.bundle[32:44], answer.bundle[44:]
    key = hkdf(shared, salt, b"link_code_pairing_key_bundle_encryption_key", 32)
    content = aes_gcm_decrypt(key, iv, sealed)
    assert content[:32] == identity.public
    assert content[32:64] == phone_identity.public
    material = shared + agree(phone_identity.private, identity.public) + content[64:]
    assert hkdf(material, b"", b"adv_secret", 32) == answer.adv_secret
    assert repr(answer.adv_secret) not in repr(answer)


def test_wrong_code_on_the_phone_gives_a_bundle_that_it_can_not_open() -> None:
    ephemeral, phone_identity = KeyPair.generate(), KeyPair.generate()
    hello = PrimaryHello(REF, wrap_ephemeral(ephemeral.public, "WRXNGCDE"), phone_identity.public)
    pending = pending_code()
    answer = answer_primary_hello(pending, hello, KeyPair.generate())
    shared = agree(ephemeral.private, pending.ephemeral.public)
    key = hkdf(shared, answer.bundle[:32], b"link_code_pairing_key_bundle_encryption_key", 32)
    with pytest.raises(CryptoError):
        aes_gcm_decrypt(key, answer.bundle[32:44], answer.bundle[44:])


@pytest.mark.parametrize("which", ["ephemeral", "identity"])
def test_low_order_key_of_the_phone_aborts_the_code(which: str) -> None:
    good = KeyPair.generate().public
    hello = PrimaryHello(
        REF,
        wrap_ephemeral(bytes(32) if which == "ephemeral" else good, CODE),
        bytes(32) if which == "identity" else good,
    )
    with pytest.raises(CryptoError):
        answer_primary_hello(pending_code(), hello, KeyPair.generate())
