"""The encrypted pipe: frames, the Noise handshake, the server's certificates, transport ciphers."""

from .certificate import (
    WHATSAPP_ROOT_KEY,
    CertificateCheck,
    CertificateDetails,
    build_chain,
    verify_chain,
)
from .cipher import TransportCipher
from .framing import MAX_FRAME, PROLOGUE, FrameReader, IntroReader, encode_frame, intro
from .handshake import (
    XX,
    XX_FALLBACK,
    ClientFinish,
    ClientHandshake,
    ServerHandshake,
    SymmetricState,
)

__all__ = [
    "MAX_FRAME",
    "PROLOGUE",
    "WHATSAPP_ROOT_KEY",
    "XX",
    "XX_FALLBACK",
    "CertificateCheck",
    "CertificateDetails",
    "ClientFinish",
    "ClientHandshake",
    "FrameReader",
    "IntroReader",
    "ServerHandshake",
    "SymmetricState",
    "TransportCipher",
    "build_chain",
    "encode_frame",
    "intro",
    "verify_chain",
]
