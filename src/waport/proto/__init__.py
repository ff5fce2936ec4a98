"""Generated protobuf messages; `make proto` makes them from proto/whatsapp.proto."""

from . import whatsapp_pb2 as pb

__all__ = ["pb"]
