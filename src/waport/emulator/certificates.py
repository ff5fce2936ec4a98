"""The emulator's own authorities: for TLS, and for the Noise handshake.

Source: docs/protocol/transport.md, "Certificate chain"; RFC 5280 for TLS.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..crypto import KeyPair, RandomBytes
from ..noise import build_chain

_BACKDATED = timedelta(days=1)
_CA_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=365)
_NOISE_LIFE_S = 10 * 365 * 86_400
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class NoiseKeys:
    """What the server proves itself with in the handshake.

    Attributes:
        root: signs the intermediate; clients are told its public key.
        intermediate: signs the leaf.
        static: the server's static key, which the leaf names.
    """

    root: KeyPair
    intermediate: KeyPair
    static: KeyPair

    @classmethod
    def generate(cls, random_bytes: RandomBytes = os.urandom) -> NoiseKeys:
        """Three fresh pairs."""
        return cls(*(KeyPair.generate(random_bytes) for _ in range(3)))

    def chain(self, unix_now: int) -> bytes:
        """The CertChain protobuf, valid around now."""
        return build_chain(
            self.root,
            self.intermediate,
            self.static.public,
            unix_now - _DAY_S,
            unix_now + _NOISE_LIFE_S,
        )


class TlsAuthority:
    """A certificate authority in a folder: `ca.pem`, which clients trust, and `ca-key.pem`.

    Args:
        folder: exists; the two files are made when they are missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca_file = folder / "ca.pem"
        self._key_file = folder / "ca-key.pem"
        if not (self.ca_file.exists() and self._key_file.exists()):
            self._create()

    def server_context(self, host: str) -> ssl.SSLContext:
        """A TLS context with a fresh leaf for `host`, localhost and 127.0.0.1."""
        leaf_file = self._folder / "server.pem"
        write_private(leaf_file, self._leaf(host))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(leaf_file)
        return context

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "waport emulator CA")])
        usage = _key_usage(signs_certificates=True)
        certificate = (
            _builder(name, name, key.public_key(), _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        write_private(self._key_file, _pem(key))
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _leaf(self, host: str) -> bytes:
        """Leaf certificate and key, PEM."""
        ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        ca_key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._key_file} holds no EC key")
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "waport emulator")])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        certificate = (
            _builder(name, ca.subject, key.public_key(), _LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM) + _pem(key)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, replacing an older one at once."""
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    try:
        name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    return names if name in names else [*names, name]


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
