"""The certificate chain that proves who the server's static key belongs to.

Two certificates: the root key, which is built in, signs the intermediate one, whose key signs the
leaf, which names the server's static key. Signatures are XEdDSA over the raw details.

Source: docs/protocol/transport.md, "Certificate chain".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import KeyPair, RandomBytes, equal, sign, verify
from ..errors import CertificateError, DecodeError
from ..proto import pb

WHATSAPP_ROOT_KEY = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)
"""The key that signs WhatsApp's intermediate certificates (X25519 form)."""

_ROOT_SERIAL = 0
_Details = pb.CertChain.NoiseCertificate.Details


class CertificateCheck(StrEnum):
    """What is checked, in this order; the first that fails names the error."""

    ENCODING = "chain encoding"
    MISSING_PART = "missing part"
    SIGNATURE_LENGTH = "signature length"
    ROOT_SIGNATURE = "root signature"
    INTERMEDIATE_DETAILS = "intermediate details"
    INTERMEDIATE_ISSUER = "intermediate issuer serial"
    INTERMEDIATE_KEY = "intermediate key"
    LEAF_SIGNATURE = "leaf signature"
    LEAF_DETAILS = "leaf details"
    INTERMEDIATE_VALIDITY = "intermediate validity"
    LEAF_ISSUER = "leaf issuer serial"
    LEAF_KEY = "leaf key"
    LEAF_VALIDITY = "leaf validity"


@dataclass(frozen=True, slots=True)
class CertificateDetails:
    """What a certificate states. A number that is absent on the wire counts as 0.

    Attributes:
        serial: names this certificate.
        issuer_serial: names the certificate whose key signed this one.
        key: the certified public key, 32 bytes.
        not_before: first valid second, Unix time.
        not_after: last valid second, Unix time.
    """

    serial: int = 0
    issuer_serial: int = 0
    key: bytes = b""
    not_before: int = 0
    not_after: int = 0

    def encode(self) -> bytes:
        """The protobuf form, which is what gets signed."""
        return _Details(
            serial=self.serial,
            issuerSerial=self.issuer_serial,
            key=self.key,
            notBefore=self.not_before,
            notAfter=self.not_after,
        ).SerializeToString()

    @classmethod
    def decode(cls, data: bytes) -> CertificateDetails:
        """Read the protobuf form; unknown fields are passed over.

        Raises:
            DecodeError: not a protobuf message.
        """
        details = _Details()
        try:
            details.ParseFromString(data)
        except ProtobufError as exc:
            raise DecodeError("certificate details are no protobuf") from exc
        return cls(
            serial=details.serial,
            issuer_serial=details.issuerSerial,
            key=details.key,
            not_before=details.notBefore,
            not_after=details.notAfter,
        )


def verify_chain(chain: bytes, server_static: bytes, root_key: bytes, unix_now: int) -> None:
    """Make sure that the holder of `root_key` vouches for `server_static`.

    Args:
        chain: a CertChain protobuf, as the server sent it.
        server_static: the static key that the server used in this handshake, 32 bytes.
        root_key: 32 bytes.
        unix_now: the time, in seconds.

    Raises:
        CertificateError: a check failed; `check` is a `CertificateCheck`.
    """
    try:
        parsed = pb.CertChain.FromString(chain)
    except ProtobufError as exc:
        raise CertificateError(CertificateCheck.ENCODING) from exc
    intermediate, leaf = parsed.intermediate, parsed.leaf
    for certificate in (intermediate, leaf):
        if not certificate.HasField("details") or not certificate.HasField("signature"):
            raise CertificateError(CertificateCheck.MISSING_PART)
    for certificate in (intermediate, leaf):
        if len(certificate.signature) != 64:
            raise CertificateError(CertificateCheck.SIGNATURE_LENGTH)

    # Details are parsed only once their signature is known to be right.
    if not verify(root_key, intermediate.details, intermediate.signature):
        raise CertificateError(CertificateCheck.ROOT_SIGNATURE)
    issuer = _parse_details(intermediate.details, CertificateCheck.INTERMEDIATE_DETAILS)
    if issuer.issuer_serial != _ROOT_SERIAL:
        raise CertificateError(CertificateCheck.INTERMEDIATE_ISSUER)
    if len(issuer.key) != 32:
        raise CertificateError(CertificateCheck.INTERMEDIATE_KEY)
    if not verify(issuer.key, leaf.details, leaf.signature):
        raise CertificateError(CertificateCheck.LEAF_SIGNATURE)
    subject = _parse_details(leaf.details, CertificateCheck.LEAF_DETAILS)
    _check_validity(issuer, unix_now, CertificateCheck.INTERMEDIATE_VALIDITY)
    if subject.issuer_serial != issuer.serial:
        raise CertificateError(CertificateCheck.LEAF_ISSUER)
    if not equal(subject.key, server_static):
        raise CertificateError(CertificateCheck.LEAF_KEY)
    _check_validity(subject, unix_now, CertificateCheck.LEAF_VALIDITY)


def build_chain(
    root: KeyPair,
    intermediate: KeyPair,
    leaf_key: bytes,
    not_before: int,
    not_after: int,
    *,
    intermediate_serial: int = 1,
    leaf_serial: int = 2,
    random_bytes: RandomBytes = os.urandom,
) -> bytes:
    """A chain that `verify_chain` accepts under `root.public`; for servers of one's own.

    Args:
        root: signs the intermediate certificate.
        intermediate: signs the leaf.
        leaf_key: the server's static public key, 32 bytes.
        not_before: first valid second (Unix time) of both certificates.
        not_after: last valid second of both.
    Returns:
        A CertChain protobuf.
    """
    issuer = CertificateDetails(
        serial=intermediate_serial,
        issuer_serial=_ROOT_SERIAL,
        key=intermediate.public,
        not_before=not_before,
        not_after=not_after,
    ).encode()
    subject = CertificateDetails(
        serial=leaf_serial,
        issuer_serial=intermediate_serial,
        key=leaf_key,
        not_before=not_before,
        not_after=not_after,
    ).encode()
    certificate = pb.CertChain.NoiseCertificate
    return pb.CertChain(
        leaf=certificate(
            details=subject, signature=sign(intermediate.private, subject, random_bytes)
        ),
        intermediate=certificate(
            details=issuer, signature=sign(root.private, issuer, random_bytes)
        ),
    ).SerializeToString()


def _parse_details(data: bytes, check: CertificateCheck) -> CertificateDetails:
    try:
        return CertificateDetails.decode(data)
    except DecodeError as exc:
        raise CertificateError(check) from exc


def _check_validity(details: CertificateDetails, unix_now: int, check: CertificateCheck) -> None:
    if not details.not_before <= unix_now <= details.not_after:
        # The usual cause is not the server, so the message says where to look first.
        raise CertificateError(
            check,
            f"valid {details.not_before}..{details.not_after}, but the clock of this machine says "
            f"{unix_now}; is the clock right?",
        )
