"""Linking: round trips, and nothing but our own errors on any input."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from waport.crypto import KeyPair, hmac_sha256
from waport.errors import (
    CryptoError,
    DecodeError,
    InvalidInput,
    PairingError,
    StanzaError,
)
from waport.pairing import (
    ClientVersion,
    encode_code,
    find_client_revision,
    normalise_code,
    normalise_phone,
    parse_key_index_list,
    parse_link_code_notification,
    parse_pair_success,
    parse_qr,
    qr_text,
    verify_device_identity,
    verify_key_index_list,
    verify_pair_success,
)
from waport.pairing.code_text import ALPHABET
from waport.proto import pb
from waport.wire import Jid, Node

KEY = st.binary(min_size=32, max_size=32)
IDENTITY = KeyPair.from_private(b"identity" * 4)
SECRET = b"secret!!" * 4
ACCOUNT = KeyPair.from_private(b"account!" * 4)


@given(st.text(min_size=1, max_size=200), KEY, KEY, KEY, st.sampled_from("123456789c"))
def test_qr_round_trip(ref: str, noise: bytes, identity: bytes, secret: bytes, kind: str) -> None:
    parts = parse_qr(qr_text(ref, noise, identity, secret, kind))
    assert (parts.ref, parts.noise_public, parts.identity_public) == (ref, noise, identity)
    assert (parts.adv_secret, parts.client_type) == (secret, kind)


@given(st.text(max_size=300))
def test_qr_reader_refuses_or_reads(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        parse_qr(text)


@given(st.binary(min_size=5, max_size=5))
def test_code_is_canonical_and_keeps_all_forty_bits(data: bytes) -> None:
    code = encode_code(data)
    assert normalise_code(code.lower()) == code
    number = 0
    for character in code:
        number = number * 32 + ALPHABET.index(character)
    assert number.to_bytes(5, "big") == data


@given(st.text(max_size=20))
def test_custom_code_is_refused_or_canonical(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        code = normalise_code(text)
        assert len(code) == 8
        assert set(code) <= set(ALPHABET)


@given(st.text(max_size=30))
def test_phone_number_is_refused_or_digits(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        digits = normalise_phone(text)
        assert digits.isascii()
        assert digits.isdigit()


@given(st.binary(max_size=600))
def test_pair_success_check_raises_only_pairing_errors(container: bytes) -> None:
    with contextlib.suppress(PairingError):
        verify_pair_success(container, SECRET, IDENTITY)


@given(st.binary(max_size=300))
def test_pair_success_check_survives_anything_under_a_valid_hmac(signed: bytes) -> None:
    container = pb.ADVSignedDeviceIdentityHMAC(details=signed, hmac=hmac_sha256(SECRET, signed))
    with contextlib.suppress(PairingError):
        verify_pair_success(container.SerializeToString(), SECRET, IDENTITY)


@given(st.binary(max_size=60), st.binary(max_size=70), st.binary(max_size=40))
def test_pair_success_check_survives_any_fields(
    details: bytes, signature: bytes, account_key: bytes
) -> None:
    signed = pb.ADVSignedDeviceIdentity(
        details=details, accountSignature=signature, accountSignatureKey=account_key
    ).SerializeToString()
    container = pb.ADVSignedDeviceIdentityHMAC(details=signed, hmac=hmac_sha256(SECRET, signed))
    with contextlib.suppress(PairingError):
        verify_pair_success(container.SerializeToString(), SECRET, IDENTITY)


@given(st.binary(max_size=400), st.one_of(st.none(), st.binary(max_size=40)))
def test_device_identity_check_raises_only_our_errors(
    data: bytes, account_key: bytes | None
) -> None:
    with contextlib.suppress(DecodeError, CryptoError):
        verify_device_identity(data, IDENTITY.public, account_key)


@given(st.binary(max_size=200))
def test_key_index_list_reader_raises_only_decode_errors(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        parse_key_index_list(data)
        verify_key_index_list(data, ACCOUNT.public)


@given(st.sets(st.integers(0, 2**32 - 1), max_size=30), st.integers(0, 2**32 - 1))
def test_listed_and_newer_indexes_pass(indexes: set[int], current: int) -> None:
    details = pb.ADVKeyIndexList(
        rawId=1, timestamp=2, currentIndex=current, validIndexes=sorted(indexes)
    )
    parsed = parse_key_index_list(
        pb.ADVSignedKeyIndexList(details=details.SerializeToString()).SerializeToString()
    )
    assert parsed.valid_indexes == indexes
    assert all(parsed.is_valid_index(index) for index in indexes)
    assert parsed.is_valid_index(current) == (current in indexes)
    assert parsed.is_valid_index(current + 1)


CONTENT = st.one_of(st.none(), st.binary(max_size=90))
ATTRS = st.dictionaries(
    st.sampled_from(["jid", "lid", "name", "stage", "id", "t"]),
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(["primary_hello", "refresh_code", "15551234567:2@s.whatsapp.net"]),
        st.builds(Jid, st.text(max_size=12), st.sampled_from(["s.whatsapp.net", "lid", "g.us"])),
    ),
    max_size=4,
)
CHILDREN = st.lists(
    st.builds(
        Node,
        st.sampled_from(
            [
                "device-identity",
                "device",
                "platform",
                "biz",
                "link_code_pairing_ref",
                "link_code_pairing_wrapped_primary_ephemeral_pub",
                "primary_identity_pub",
            ]
        ),
        ATTRS,
        CONTENT,
    ),
    max_size=5,
)
STANZA = st.builds(
    lambda attrs, inner: Node("iq", attrs, [inner]),
    ATTRS,
    st.builds(
        Node,
        st.sampled_from(["pair-success", "link_code_companion_reg"]),
        ATTRS,
        st.one_of(CONTENT, CHILDREN),
    ),
)


@settings(max_examples=200)
@given(STANZA)
def test_stanza_readers_raise_only_our_errors(stanza: Node) -> None:
    with contextlib.suppress(StanzaError, PairingError):
        parse_pair_success(stanza)
    with contextlib.suppress(StanzaError):
        parse_link_code_notification(stanza)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_revision_finder_never_fails(page: str | bytes) -> None:
    assert find_client_revision(page) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_version_round_trip(primary: int, secondary: int, tertiary: int) -> None:
    version = ClientVersion(primary, secondary, tertiary)
    assert ClientVersion.parse(str(version)) == version


@given(st.text(max_size=30))
def test_version_reader_refuses_or_reads(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        ClientVersion.parse(text)
