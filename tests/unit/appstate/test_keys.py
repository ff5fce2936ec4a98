from __future__ import annotations

import pytest

from support.appstate import KEY_ID, KEYS, OTHER_ID
from waport.appstate import (
    KeyRing,
    SyncKey,
    expand_sync_key,
    key_epoch,
    read_key_request,
    read_key_share,
    write_key_request,
    write_key_share,
)
from waport.crypto import hkdf
from waport.errors import CryptoError, InvalidInput, MissingKeys
from waport.proto import pb

FINGERPRINT = pb.AppStateSyncKeyFingerprint(
    rawId=7, currentIndex=3, deviceIndexes=[0, 1, 3]
).SerializeToString()


def test_the_expansion_is_cut_every_32_bytes() -> None:
    data = bytes(range(32))
    keys = expand_sync_key(data)
    joined = (
        keys.index + keys.value_encryption + keys.value_mac + keys.snapshot_mac + keys.patch_mac
    )
    assert joined == hkdf(data, bytes(32), b"WhatsApp Mutation Keys", 160)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(CryptoError):
        expand_sync_key(bytes(size))
    with pytest.raises(CryptoError):
        KeyRing({KEY_ID: bytes(size)}).expand(KEY_ID)


def test_secrets_do_not_show() -> None:
    shown = repr((SyncKey(KEY_ID, b"secret" * 5), expand_sync_key(bytes(32)), KeyRing(KEYS)))
    assert "secret" not in shown
    assert "b'" not in shown.replace(repr(KEY_ID), "")


def test_a_ring_expands_each_key_once() -> None:
    ring = KeyRing(KEYS)
    assert ring.expand(KEY_ID) is ring.expand(KEY_ID)
    assert ring.expand(KEY_ID) == expand_sync_key(KEYS[KEY_ID])
    assert set(ring.ids) == set(KEYS)


def test_a_ring_names_every_missing_key_once() -> None:
    ring = KeyRing(KEYS)
    ring.require([KEY_ID, OTHER_ID])
    with pytest.raises(MissingKeys) as missing:
        ring.require([b"x" * 6, KEY_ID, b"y" * 6, b"x" * 6])
    assert missing.value.key_ids == (b"x" * 6, b"y" * 6)
    with pytest.raises(MissingKeys) as one:
        ring.expand(b"z" * 6)
    assert one.value.key_ids == (b"z" * 6,)


def key_id(device: int, epoch: int) -> bytes:
    return device.to_bytes(2, "big") + epoch.to_bytes(4, "big")


def test_the_newest_key_writes_and_of_two_the_lower_devices() -> None:
    ids = [key_id(0, 1), key_id(5, 300), key_id(2, 300), key_id(0, 299), key_id(9, 5)]
    for order in (ids, ids[::-1]):
        ring = KeyRing(dict.fromkeys(order, bytes(32)))
        assert ring.writing_key() == key_id(2, 300)


def test_an_expired_key_does_not_write() -> None:
    ring = KeyRing(dict.fromkeys([key_id(0, 3), key_id(0, 4)], bytes(32)))
    assert ring.writing_key(expired_epoch=3) == key_id(0, 4)
    with pytest.raises(MissingKeys) as missing:
        ring.writing_key(expired_epoch=4)
    assert missing.value.key_ids == ()
    with pytest.raises(MissingKeys):
        KeyRing({}).writing_key()


def test_a_key_of_epoch_0_writes() -> None:
    assert KeyRing({key_id(0, 0): bytes(32)}).writing_key() == key_id(0, 0)


def test_an_id_that_is_none_never_writes() -> None:
    assert KeyRing({b"\xff" * 9: bytes(32), KEY_ID: bytes(32)}).writing_key() == KEY_ID


def test_the_epoch_is_the_last_four_bytes() -> None:
    assert key_epoch(bytes.fromhex("ffff00000102")) == 0x102


def test_a_share_keeps_good_entries_beside_bad_ones() -> None:
    share = pb.AppStateSyncKeyShare()
    for each_id, data in (
        (KEY_ID, bytes(32)),
        (b"short", bytes(32)),
        (OTHER_ID, b""),
        (b"abcdef", bytes(31)),
        (b"ghijkl", bytes(32)),
    ):
        entry = share.keys.add()
        entry.keyId.keyId = each_id
        entry.keyData.keyData = data
    share.keys.add()
    read = read_key_share(share)
    assert [key.id for key in read.keys] == [KEY_ID, b"ghijkl"]
    assert read.unknown == (OTHER_ID,)
    assert read.unusable == 3


def test_a_share_passes_keys_on_as_they_came() -> None:
    keys = (
        SyncKey(KEY_ID, bytes(32), 1_700_000_000_000, FINGERPRINT),
        SyncKey(OTHER_ID, bytes(32)),
    )
    share = write_key_share(keys, unknown=[b"abcdef"])
    again = read_key_share(pb.AppStateSyncKeyShare.FromString(share.SerializeToString()))
    assert again.keys == keys
    assert again.unknown == (b"abcdef",)
    # What we lack goes out as an id alone.
    assert not share.keys[2].HasField("keyData")


def test_a_fingerprint_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput):
        write_key_share([SyncKey(KEY_ID, bytes(32), 0, b"\x1a\xff")])


def test_a_request_lists_ids_once() -> None:
    request = write_key_request([KEY_ID, OTHER_ID])
    assert read_key_request(request) == (KEY_ID, OTHER_ID)
    assert read_key_request(write_key_request([KEY_ID, b"short", KEY_ID])) == (KEY_ID,)
