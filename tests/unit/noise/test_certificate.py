from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from waport.crypto import KeyPair
from waport.errors import CertificateError, DecodeError
from waport.noise import (
    WHATSAPP_ROOT_KEY,
    CertificateCheck,
    CertificateDetails,
    build_chain,
    verify_chain,
)
from waport.proto import pb

if TYPE_CHECKING:
    from .conftest import Certificates

NOT_BEFORE = 1_700_000_000
NOT_AFTER = 2_000_000_000
NOW = 1_800_000_000


def failed_check(
    certificates: Certificates, chain: pb.CertChain | bytes, now: int = NOW
) -> CertificateCheck:
    encoded = chain if isinstance(chain, bytes) else chain.SerializeToString()
    with pytest.raises(CertificateError) as caught:
        verify_chain(encoded, certificates.server.public, certificates.root.public, now)
    return CertificateCheck(caught.value.check)


def test_a_genuine_chain_is_accepted(certificates: Certificates) -> None:
    chain = certificates.chain().SerializeToString()
    verify_chain(chain, certificates.server.public, certificates.root.public, NOW)


def test_build_chain_makes_what_verify_chain_accepts(certificates: Certificates) -> None:
    chain = build_chain(
        certificates.root,
        certificates.intermediate,
        certificates.server.public,
        NOT_BEFORE,
        NOT_AFTER,
    )
    for now in (NOT_BEFORE, NOW, NOT_AFTER):
        verify_chain(chain, certificates.server.public, certificates.root.public, now)
    for now in (NOT_BEFORE - 1, NOT_AFTER + 1):
        assert failed_check(certificates, chain, now) is CertificateCheck.INTERMEDIATE_VALIDITY


def test_published_details_are_read_and_rebuilt() -> None:
    details = CertificateDetails(
        serial=21,
        issuer_serial=7,
        key=bytes.fromhex("427265d836c915925b7db24ebb0e6be96b23a96d50dcfd9f9866aba150a5a50c"),
        not_before=NOT_BEFORE,
        not_after=NOT_AFTER,
    )
    encoded = bytes.fromhex(
        "081510071a20427265d836c915925b7db24ebb0e6be96b23a96d50dcfd9f9866aba150a5a50c"
        "2080e2cfaa062880a8d6b907"
    )
    assert details.encode() == encoded
    assert CertificateDetails.decode(encoded) == details


def test_a_test_chain_is_refused_under_the_real_root(certificates: Certificates) -> None:
    chain = certificates.chain().SerializeToString()
    with pytest.raises(CertificateError) as caught:
        verify_chain(chain, certificates.server.public, WHATSAPP_ROOT_KEY, NOW)
    assert caught.value.check == "root signature"


@pytest.mark.parametrize("encoded", [b"\xff", b"\x0a\x05abc", b"\x0a\x02\x0a\x05"])
def test_a_chain_that_is_no_protobuf_is_refused(certificates: Certificates, encoded: bytes) -> None:
    assert failed_check(certificates, encoded) is CertificateCheck.ENCODING


@pytest.mark.parametrize("certificate", ["leaf", "intermediate"])
@pytest.mark.parametrize("part", ["details", "signature", None])
def test_a_missing_part_is_refused(
    certificates: Certificates, certificate: str, part: str | None
) -> None:
    chain = certificates.chain()
    if part is None:
        chain.ClearField(certificate)
    else:
        getattr(chain, certificate).ClearField(part)
    assert failed_check(certificates, chain) is CertificateCheck.MISSING_PART


def test_an_empty_chain_is_refused(certificates: Certificates) -> None:
    assert failed_check(certificates, b"") is CertificateCheck.MISSING_PART


@pytest.mark.parametrize("certificate", ["leaf", "intermediate"])
@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(
    certificates: Certificates, certificate: str, size: int
) -> None:
    chain = certificates.chain()
    target = getattr(chain, certificate)
    target.signature = (target.signature + b"\0")[:size]
    assert failed_check(certificates, chain) is CertificateCheck.SIGNATURE_LENGTH


def test_an_intermediate_signed_by_another_root_is_refused(certificates: Certificates) -> None:
    chain = certificates.chain(root=KeyPair.generate())
    assert failed_check(certificates, chain) is CertificateCheck.ROOT_SIGNATURE


def test_intermediate_details_changed_after_signing_are_refused(
    certificates: Certificates,
) -> None:
    chain = certificates.chain()
    chain.intermediate.details += b"\x28\xff\xff\xff\xff\x0f"
    assert failed_check(certificates, chain) is CertificateCheck.ROOT_SIGNATURE


@pytest.mark.parametrize("details", [b"\x08", b"\x1a\x20short", b"\x0b", b"\x00\x00"])
def test_signed_intermediate_details_that_are_no_protobuf_are_refused(
    certificates: Certificates, details: bytes
) -> None:
    chain = certificates.chain(intermediate=details)
    assert failed_check(certificates, chain) is CertificateCheck.INTERMEDIATE_DETAILS


def test_an_intermediate_of_another_issuer_is_refused(certificates: Certificates) -> None:
    chain = certificates.chain(intermediate={"issuer_serial": 1})
    assert failed_check(certificates, chain) is CertificateCheck.INTERMEDIATE_ISSUER


@pytest.mark.parametrize("size", [0, 31, 33])
def test_an_intermediate_key_of_another_length_is_refused(
    certificates: Certificates, size: int
) -> None:
    chain = certificates.chain(intermediate={"key": bytes(size)})
    assert failed_check(certificates, chain) is CertificateCheck.INTERMEDIATE_KEY


def test_a_leaf_signed_by_another_key_is_refused(certificates: Certificates) -> None:
    chain = certificates.chain(issuer=KeyPair.generate())
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_SIGNATURE


def test_a_leaf_signed_by_the_root_itself_is_refused(certificates: Certificates) -> None:
    chain = certificates.chain(issuer=certificates.root)
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_SIGNATURE


def test_signed_leaf_details_that_are_no_protobuf_are_refused(certificates: Certificates) -> None:
    chain = certificates.chain(leaf=b"\xff" * 12)
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_DETAILS


@pytest.mark.parametrize(
    "times",
    [
        {"not_before": NOW + 1},
        {"not_after": NOW - 1},
        {"not_before": 0, "not_after": 0},
    ],
    ids=["early", "expired", "unset"],
)
def test_validity_is_checked_on_both_certificates(
    certificates: Certificates, times: dict[str, object]
) -> None:
    chain = certificates.chain(intermediate=times)
    assert failed_check(certificates, chain) is CertificateCheck.INTERMEDIATE_VALIDITY
    chain = certificates.chain(leaf=times)
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_VALIDITY


def test_a_validity_error_points_at_the_clock(certificates: Certificates) -> None:
    chain = certificates.chain().SerializeToString()
    with pytest.raises(CertificateError, match="clock of this machine"):
        verify_chain(chain, certificates.server.public, certificates.root.public, 1_000_000)


def test_a_leaf_of_another_issuer_is_refused(certificates: Certificates) -> None:
    chain = certificates.chain(leaf={"issuer_serial": 8})
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_ISSUER


def test_a_leaf_without_issuer_serial_counts_as_issued_by_the_root(
    certificates: Certificates,
) -> None:
    chain = certificates.chain(leaf=b"\x1a\x20" + certificates.server.public)
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_ISSUER


@pytest.mark.parametrize("size", [0, 31, 32])
def test_a_leaf_for_another_static_key_is_refused(certificates: Certificates, size: int) -> None:
    chain = certificates.chain(leaf={"key": bytes(size)})
    assert failed_check(certificates, chain) is CertificateCheck.LEAF_KEY


def test_the_first_failing_check_names_the_error(certificates: Certificates) -> None:
    """Each chain fails the check named first and all that are named after it."""
    expired = {"not_after": NOW - 1}
    assert (
        failed_check(
            certificates,
            certificates.chain(intermediate=expired, leaf={**expired, "issuer_serial": 8}),
        )
        is CertificateCheck.INTERMEDIATE_VALIDITY
    )
    assert (
        failed_check(
            certificates,
            certificates.chain(leaf={**expired, "issuer_serial": 8, "key": bytes(32)}),
        )
        is CertificateCheck.LEAF_ISSUER
    )
    assert (
        failed_check(certificates, certificates.chain(leaf={**expired, "key": bytes(32)}))
        is CertificateCheck.LEAF_KEY
    )
    assert (
        failed_check(
            certificates,
            certificates.chain(intermediate={"issuer_serial": 1, "key": b""}),
        )
        is CertificateCheck.INTERMEDIATE_ISSUER
    )


def test_unknown_fields_and_other_wire_types_are_passed_over() -> None:
    encoded = (
        b"\x31" + bytes(8)  # field 6, 64 bits
        + b"\x3d" + bytes(4)  # field 7, 32 bits
        + b"\x42\x03abc"  # field 8, bytes
        + b"\x0a\x01x"  # field 1, but as bytes
        + b"\x18\x05"  # field 3, but as a number
        + b"\x10\x07"
    )  # fmt: skip
    assert CertificateDetails.decode(encoded) == CertificateDetails(issuer_serial=7)


@pytest.mark.parametrize("encoded", [b"\x08" + b"\x80" * 10 + b"\x01", b"\x31\x00", b"\x1a\x7f"])
def test_details_that_are_cut_off_or_overlong_are_refused(encoded: bytes) -> None:
    with pytest.raises(DecodeError):
        CertificateDetails.decode(encoded)
