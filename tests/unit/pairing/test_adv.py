from __future__ import annotations

from typing import Any

import pytest

from waport.crypto import KeyPair, verify
from waport.errors import CryptoError, DecodeError, PairingError
from waport.pairing import (
    PairedIdentity,
    parse_key_index_list,
    verify_device_identity,
    verify_key_index_list,
    verify_pair_success,
    without_account_key,
)
from waport.proto import pb

HOSTED = pb.ADVEncryptionType.HOSTED
NOT_PROTOBUF = b"\xff\xff\xff"

# docs/protocol/pairing.md, "Vector (QR path)".
IDENTITY = KeyPair.from_private(
    bytes.fromhex("688da101651017967aff1d887eae39b8d403f739830f35dd8423bb470683095b")
)
SECRET = bytes.fromhex("0a526a90a85596dcb3669fd86963422969edbbf7c4752492d780b78e6355d4ee")
ACCOUNT_KEY = "76c38ec20d962a6f51a3ee88c6459bfaec6851fb42515b23fe043948566b627e"
PLAIN = bytes.fromhex(
    "0a740a0e08f8acd191011080e2cfaa061801122076c38ec20d962a6f51a3ee88c6459bfaec6851fb42515b23fe0439"
    "48566b627e1a40e496faa97943ae9ea195993922ee08c682ad3e4b7e3ec68758552015da8ba7742c7db4a7c8b7fc72"
    "6578b39625271f8b429b92ec9fe90c0defb0dd7c6c9785051220d84b0b6c7b54ccc136f6a1cfa392d02a1e795afeb1"
    "ad1461c34edbc7cc9fd718"
)
HOSTED_ACCOUNT = bytes.fromhex(
    "0a780a1208f8acd191011080e2cfaa06180120012801122076c38ec20d962a6f51a3ee88c6459bfaec6851fb42515b"
    "23fe043948566b627e1a409a2770994d31b6f69b48fd0f4305103eaf7da2e2293e28caaa970835009aa1d0f19aa6eb"
    "906f72598b884efc96be18934a8f07c9b6160bea5ee765c61aa9420c122098e726ebaf761291c7c2a56ef3b4bf00cb"
    "16d1a6a434ae83daec2c4c877da1581801"
)


def refusal(phone: Any, container: bytes) -> PairingError:
    with pytest.raises(PairingError) as caught:
        verify_pair_success(container, phone.adv_secret, phone.companion)
    return caught.value


def paired(phone: Any, container: bytes) -> PairedIdentity:
    return verify_pair_success(container, phone.adv_secret, phone.companion)


# --- our own pairing -----------------------------------------------------------------------------


@pytest.mark.parametrize("container", [PLAIN, HOSTED_ACCOUNT], ids=["plain", "hosted"])
def test_published_container_is_accepted_and_signed_with_the_ordinary_prefix(
    container: bytes,
) -> None:
    result = verify_pair_success(container, SECRET, IDENTITY)
    assert result.key_index == 1
    assert result.account_key.hex() == ACCOUNT_KEY
    reply = pb.ADVSignedDeviceIdentity.FromString(result.reply)
    assert not reply.HasField("accountSignatureKey")
    covered = b"\x06\x01" + reply.details + IDENTITY.public + result.account_key
    assert verify(IDENTITY.public, covered, reply.deviceSignature)


def test_account_keeps_the_key_that_the_reply_leaves_out(phone: Any) -> None:
    details = phone.details()
    result = paired(phone, phone.container(phone.signed(details).SerializeToString()))
    account = pb.ADVSignedDeviceIdentity.FromString(result.account)
    assert account.details == details
    assert account.accountSignatureKey == phone.account.public
    assert without_account_key(result.account) == result.reply


@pytest.mark.parametrize("length", [0, 501])
def test_container_of_unfit_length_is_an_internal_error(phone: Any, length: int) -> None:
    error = refusal(phone, bytes(length))
    assert (error.code, error.text) == (500, "internal-error")


def test_container_of_500_bytes_is_still_read(phone: Any) -> None:
    signed = phone.signed(phone.details()).SerializeToString()
    bare = phone.container(signed)
    padding = 500 - len(bare) - 3  # an unknown field: tag and a length of two bytes
    assert padding > 127
    container = bare + b"\x7a" + bytes((padding & 0x7F | 0x80, padding >> 7)) + bytes(padding)
    assert len(container) == 500
    assert paired(phone, container).key_index == 1


def test_bytes_that_are_not_protobuf_are_an_internal_error_at_each_layer(phone: Any) -> None:
    for container in (
        NOT_PROTOBUF,
        phone.container(NOT_PROTOBUF),
        phone.container(phone.signed(NOT_PROTOBUF).SerializeToString()),
    ):
        error = refusal(phone, container)
        assert (error.code, error.text) == (500, "internal-error")


@pytest.mark.parametrize("mac", [b"", bytes(31), bytes(33), bytes(32)])
def test_missing_or_wrong_hmac_is_not_authorized(phone: Any, mac: bytes) -> None:
    signed = phone.signed(phone.details()).SerializeToString()
    error = refusal(phone, phone.container(signed, mac=mac))
    assert (error.code, error.text, error.detail) == (401, "not-authorized", "hmac mismatch")


def test_hmac_is_checked_before_what_it_covers(phone: Any) -> None:
    assert refusal(phone, phone.container(NOT_PROTOBUF, mac=bytes(32))).code == 401


def test_secret_that_was_replaced_since_is_not_authorized(phone: Any) -> None:
    container = phone.container(phone.signed(phone.details()).SerializeToString())
    with pytest.raises(PairingError, match="hmac mismatch"):
        verify_pair_success(container, bytes(32), phone.companion)


@pytest.mark.parametrize("prefixed", [True, False])
def test_hosted_account_needs_the_prefix_in_its_hmac(phone: Any, prefixed: bool) -> None:
    signed = phone.signed(phone.details()).SerializeToString()
    container = pb.ADVSignedDeviceIdentityHMAC.FromString(
        phone.container(signed, is_hosted=prefixed)
    )
    container.accountType = HOSTED
    if prefixed:
        assert paired(phone, container.SerializeToString()).key_index == 1
    else:
        assert refusal(phone, container.SerializeToString()).code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"accountSignatureKey": b""},
        {"accountSignatureKey": bytes(31)},
        {"accountSignatureKey": bytes(33)},
        {"accountSignatureKey": bytes(32)},
        {"accountSignature": b""},
        {"accountSignature": bytes(63)},
        {"accountSignature": bytes(65)},
        {"accountSignature": bytes(64)},
    ],
)
def test_bad_account_key_or_signature_is_not_authorized(
    phone: Any, changes: dict[str, bytes]
) -> None:
    signed = phone.signed(phone.details(), **changes)
    error = refusal(phone, phone.container(signed.SerializeToString()))
    assert (error.code, error.text) == (401, "not-authorized")
    assert error.detail.startswith("account ")


def test_identity_signed_for_another_companion_is_not_authorized(phone: Any) -> None:
    container = phone.container(phone.signed(phone.details()).SerializeToString())
    with pytest.raises(PairingError) as caught:
        verify_pair_success(container, phone.adv_secret, KeyPair.generate())
    assert caught.value.code == 401


@pytest.mark.parametrize(
    ("device_type", "prefix", "is_accepted"),
    [
        (None, b"\x06\x00", True),
        (None, b"\x06\x05", False),
        (HOSTED, b"\x06\x05", True),
        (HOSTED, b"\x06\x00", False),
    ],
)
def test_prefix_of_the_account_signature_follows_the_device_type(
    phone: Any, device_type: int | None, prefix: bytes, is_accepted: bool
) -> None:
    details = phone.details(**({} if device_type is None else {"deviceType": device_type}))
    container = phone.container(phone.signed(details, prefix).SerializeToString())
    if is_accepted:
        assert paired(phone, container).key_index == 1
    else:
        assert refusal(phone, container).code == 401


def test_identity_without_a_key_index_is_an_internal_error(phone: Any) -> None:
    details = pb.ADVDeviceIdentity(rawId=1, timestamp=2).SerializeToString()
    error = refusal(phone, phone.container(phone.signed(details).SerializeToString()))
    assert (error.code, error.text) == (500, "internal-error")


def test_key_index_zero_that_is_present_is_accepted(phone: Any) -> None:
    signed = phone.signed(phone.details(keyIndex=0)).SerializeToString()
    assert paired(phone, phone.container(signed)).key_index == 0


def test_without_account_key_refuses_what_is_not_protobuf() -> None:
    with pytest.raises(DecodeError):
        without_account_key(NOT_PROTOBUF)


# --- other people's devices ----------------------------------------------------------------------


def test_device_identity_is_verified_under_the_key_it_brings(phone: Any) -> None:
    identity = phone.device_identity(phone.details(keyIndex=4)).SerializeToString()
    for known in (None, phone.account.public):
        check = verify_device_identity(identity, phone.companion.public, known)
        assert check.is_verified
        assert not check.is_account_key_new
        assert check.account_key == phone.account.public
        assert (check.raw_id, check.key_index) == (305419896, 4)


def test_device_identity_without_a_key_is_verified_under_the_known_one(phone: Any) -> None:
    identity = without_account_key(phone.device_identity(phone.details()).SerializeToString())
    check = verify_device_identity(identity, phone.companion.public, phone.account.public)
    assert check.is_verified
    with pytest.raises(CryptoError):
        verify_device_identity(identity, phone.companion.public, KeyPair.generate().public)


def test_device_identity_with_no_account_key_at_all_stays_unverified(phone: Any) -> None:
    identity = without_account_key(phone.device_identity(phone.details()).SerializeToString())
    check = verify_device_identity(identity, phone.companion.public, None)
    assert not check.is_verified
    assert check.account_key is None


def test_account_key_that_differs_from_the_known_one_is_told(phone: Any) -> None:
    identity = phone.device_identity(phone.details()).SerializeToString()
    check = verify_device_identity(identity, phone.companion.public, KeyPair.generate().public)
    assert check.is_verified
    assert check.is_account_key_new


@pytest.mark.parametrize("name", ["accountSignature", "deviceSignature"])
@pytest.mark.parametrize("value", [b"", bytes(63), bytes(64)])
def test_device_identity_with_a_bad_signature_is_refused(
    phone: Any, name: str, value: bytes
) -> None:
    identity = phone.device_identity(phone.details())
    setattr(identity, name, value)
    with pytest.raises(CryptoError):
        verify_device_identity(identity.SerializeToString(), phone.companion.public, None)


def test_device_identity_of_another_device_is_refused(phone: Any) -> None:
    identity = phone.device_identity(phone.details()).SerializeToString()
    with pytest.raises(CryptoError):
        verify_device_identity(identity, KeyPair.generate().public, None)


def test_unfit_keys_are_refused(phone: Any) -> None:
    identity = phone.device_identity(phone.details())
    with pytest.raises(CryptoError):
        verify_device_identity(identity.SerializeToString(), bytes(31), None)
    identity.accountSignatureKey = bytes(31)
    with pytest.raises(CryptoError):
        verify_device_identity(identity.SerializeToString(), phone.companion.public, None)


def test_hosted_prefixes_count_only_for_hosted_devices(phone: Any) -> None:
    hosted_prefixes = {"account_prefix": b"\x06\x05", "device_prefix": b"\x06\x06"}
    hosted = phone.device_identity(
        phone.details(accountType=HOSTED, deviceType=HOSTED), **hosted_prefixes
    )
    check = verify_device_identity(hosted.SerializeToString(), phone.companion.public, None)
    assert check.is_verified

    ordinary = phone.device_identity(phone.details(), **hosted_prefixes)
    with pytest.raises(CryptoError):
        verify_device_identity(ordinary.SerializeToString(), phone.companion.public, None)


@pytest.mark.parametrize("data", [NOT_PROTOBUF, b"", bytes(4097), b"\x0a\x03\xff\xff\xff"])
def test_device_identity_that_is_unreadable_is_a_decode_error(phone: Any, data: bytes) -> None:
    with pytest.raises(DecodeError):
        verify_device_identity(data, phone.companion.public, None)


# --- key index lists -----------------------------------------------------------------------------


def test_key_index_list_is_read(phone: Any) -> None:
    indexes = parse_key_index_list(phone.key_index_list())
    assert indexes.raw_id == 7
    assert indexes.timestamp == 1700000000
    assert indexes.current_index == 5
    assert indexes.valid_indexes == {0, 2, 5}
    assert not indexes.is_hosted


def test_device_passes_if_its_index_is_listed_or_newer_than_the_list(phone: Any) -> None:
    indexes = parse_key_index_list(phone.key_index_list())
    assert [index for index in range(9) if indexes.is_valid_index(index)] == [0, 2, 5, 6, 7, 8]
    assert not indexes.is_valid_index(None)


@pytest.mark.parametrize(
    "data", [NOT_PROTOBUF, b"", b"\x0a\x03\xff\xff\xff", b"\x0a\x02\x08\x01", bytes(70_000)]
)
def test_key_index_list_that_is_unreadable_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_key_index_list(data)
    with pytest.raises(DecodeError):
        verify_key_index_list(data, bytes(32))


def test_key_index_list_is_verified_under_the_account_key(phone: Any) -> None:
    signed = phone.key_index_list()
    assert verify_key_index_list(signed, phone.account.public)
    assert not verify_key_index_list(signed, phone.companion.public)
    assert not verify_key_index_list(phone.key_index_list(b"\x06\x00"), phone.account.public)


def test_key_index_list_of_a_hosted_account_has_its_own_prefix(phone: Any) -> None:
    assert verify_key_index_list(
        phone.key_index_list(b"\x06\x07", accountType=HOSTED), phone.account.public
    )
    assert not verify_key_index_list(
        phone.key_index_list(b"\x06\x02", accountType=HOSTED), phone.account.public
    )
