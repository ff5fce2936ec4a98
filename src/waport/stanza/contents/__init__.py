"""Message contents between values and protobufs, and what of them shows outside the encryption."""

from .codec import DecodedMessage, Wrapper, decode, encode, read_message, write_message
from .context import quote

__all__ = [
    "DecodedMessage",
    "Wrapper",
    "decode",
    "encode",
    "quote",
    "read_message",
    "write_message",
]
