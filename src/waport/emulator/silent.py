"""Companions that are linked and never there: others have to encrypt for them all the same.

Source: docs/protocol/pairing.md, "Phone side: building the identity".
"""

from __future__ import annotations

import os

from ..crypto import KeyPair, RandomBytes
from ..errors import InvalidInput
from ..signal import SignedPreKey, generate_pre_keys, generate_registration_id
from .accounts import Account, Device, SignedKey
from .phone import Phone

_PRE_KEYS = 100


def silent_companion(
    account: Account, phone: Phone, random_bytes: RandomBytes = os.urandom
) -> Device:
    """Make a companion and enter it into the account, all at once; nobody is told yet.

    Args:
        account: whose.
        phone: vouches for it.
        random_bytes: for its keys, which nobody keeps.

    Raises:
        InvalidInput: there is no free device number, or the phone is linking another one.
    """
    number = account.free_device_id()
    if number is None:
        raise InvalidInput("the account has no free device number")
    identity = KeyPair.generate(random_bytes)
    claim = phone.linker.link_silently(identity, number)
    signed = SignedPreKey.create(identity, 1, random_bytes)
    keys = generate_pre_keys(1, _PRE_KEYS, random_bytes)
    device = Device(
        number,
        noise_public=random_bytes(32),
        registration_id=generate_registration_id(random_bytes),
        identity=identity.public,
        signed_pre_key=SignedKey(signed.id, signed.pair.public, signed.signature),
        pre_keys={key.id: key.pair.public for key in keys},
        uploaded=True,
        device_identity=claim.device_identity,
        key_index=claim.key_index,
        platform="silent",
        introduced=True,
    )
    account.devices[number] = device
    account.key_index_list = claim.key_index_list
    account.key_index_ts = claim.timestamp
    return device
