"""The phone's side of linking, as far as these tests need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from waport.crypto import KeyPair, hmac_sha256, sign
from waport.proto import pb


def seeded(seed: int) -> Callable[[int], bytes]:
    """Bytes that are the same in each run."""
    return lambda size: bytes((seed + step) % 256 for step in range(size))


@dataclass(frozen=True)
class Phone:
    """An account's primary device, which signs what it is told to, right or wrong."""

    account: KeyPair = field(default_factory=lambda: KeyPair.generate(seeded(1)))
    companion: KeyPair = field(default_factory=lambda: KeyPair.generate(seeded(2)))
    adv_secret: bytes = seeded(3)(32)

    def details(self, **changes: int) -> bytes:
        values = {"rawId": 305419896, "timestamp": 1700000000, "keyIndex": 1, **changes}
        return pb.ADVDeviceIdentity(**values).SerializeToString()

    def signed(
        self, details: bytes, prefix: bytes = b"\x06\x00", **changes: bytes
    ) -> pb.ADVSignedDeviceIdentity:
        fields = {
            "details": details,
            "accountSignatureKey": self.account.public,
            "accountSignature": sign(
                self.account.private, prefix + details + self.companion.public
            ),
            **changes,
        }
        return pb.ADVSignedDeviceIdentity(**fields)

    def container(
        self, signed: bytes, *, is_hosted: bool = False, mac: bytes | None = None
    ) -> bytes:
        covered = (b"\x06\x05" if is_hosted else b"") + signed
        message = pb.ADVSignedDeviceIdentityHMAC(
            details=signed, hmac=hmac_sha256(self.adv_secret, covered) if mac is None else mac
        )
        if is_hosted:
            message.accountType = pb.ADVEncryptionType.HOSTED
        return message.SerializeToString()

    def device_identity(
        self,
        details: bytes,
        *,
        account_prefix: bytes = b"\x06\x00",
        device_prefix: bytes = b"\x06\x01",
    ) -> pb.ADVSignedDeviceIdentity:
        """What other people get to see of the companion, with the account key."""
        covered = device_prefix + details + self.companion.public + self.account.public
        signed = self.signed(details, account_prefix)
        signed.deviceSignature = sign(self.companion.private, covered)
        return signed

    def key_index_list(self, prefix: bytes = b"\x06\x02", **changes: object) -> bytes:
        values = {
            "rawId": 7,
            "timestamp": 1700000000,
            "currentIndex": 5,
            "validIndexes": [0, 2, 5],
            **changes,
        }
        details = pb.ADVKeyIndexList(**values).SerializeToString()
        return pb.ADVSignedKeyIndexList(
            details=details, accountSignature=sign(self.account.private, prefix + details)
        ).SerializeToString()


@pytest.fixture
def phone() -> Phone:
    return Phone()
