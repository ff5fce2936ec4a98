"""Generated protobuf messages; `make proto` makes them from proto/whatsapp.proto."""

from . import whatsapp_pb2 as pb

__all__ = ["as_text", "pb"]


def as_text(value: object) -> str:
    """A protobuf's text; what is no UTF-8 in it becomes replacement characters.

    The library gives the bytes of a text that it can't decode. What others write is theirs to
    choose, so every text of a protobuf passes here before it is kept or told.
    """
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
