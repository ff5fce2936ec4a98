from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from waport.crypto import KeyPair, sign
from waport.noise import CertificateDetails
from waport.proto import pb

NOT_BEFORE = 1_700_000_000
NOT_AFTER = 2_000_000_000


def fixed_random(number: int) -> Callable[[int], bytes]:
    return lambda size: bytes((number,)) * size


@dataclass
class Certificates:
    """A test root and a chain whose every part a test may bend before it is signed."""

    root: KeyPair = field(default_factory=lambda: KeyPair.generate(fixed_random(1)))
    intermediate: KeyPair = field(default_factory=lambda: KeyPair.generate(fixed_random(2)))
    server: KeyPair = field(default_factory=lambda: KeyPair.generate(fixed_random(3)))

    def chain(
        self,
        *,
        intermediate: dict[str, object] | bytes | None = None,
        leaf: dict[str, object] | bytes | None = None,
        root: KeyPair | None = None,
        issuer: KeyPair | None = None,
    ) -> pb.CertChain:
        """A chain with some details replaced (or all of them, by bytes) and signed all the same."""
        intermediate_details = self._details(
            intermediate, serial=7, issuer_serial=0, key=self.intermediate.public
        )
        leaf_details = self._details(leaf, serial=21, issuer_serial=7, key=self.server.public)
        certificate = pb.CertChain.NoiseCertificate
        return pb.CertChain(
            leaf=certificate(
                details=leaf_details,
                signature=sign((issuer or self.intermediate).private, leaf_details),
            ),
            intermediate=certificate(
                details=intermediate_details,
                signature=sign((root or self.root).private, intermediate_details),
            ),
        )

    @staticmethod
    def _details(changes: dict[str, object] | bytes | None, **usual: object) -> bytes:
        if isinstance(changes, bytes):
            return changes
        values = {"not_before": NOT_BEFORE, "not_after": NOT_AFTER, **usual, **(changes or {})}
        return CertificateDetails(**values).encode()  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()
