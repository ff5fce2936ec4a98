"""Notices: what a chat shows between its messages, such as "Ann added Bob"."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError

from ..proto import pb


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice.

    Attributes:
        type: its number in `WebMessageInfo.StubType`.
        parameters: what it is about: a name, "on" or "off", people as JSON.
    """

    type: int
    parameters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the type; its number where this version has none."""
        known = pb.WebMessageInfo.StubType.DESCRIPTOR.values_by_number.get(self.type)
        return str(self.type) if known is None else str(known.name)

    def info(self) -> pb.WebMessageInfo:
        """The notice as a protobuf, with no fields but those of a notice.

        Raises:
            ValueError: the type has no name in this version.
        """
        # By name: the number alone would be refused later, and not by this error.
        return pb.WebMessageInfo(messageStubType=self.name, messageStubParameters=self.parameters)

    @classmethod
    def parse(cls, content: bytes) -> Notice | None:
        """The notice that the content of a stored message is; None when it is none."""
        info = pb.WebMessageInfo()
        try:
            info.ParseFromString(content)
        except ProtobufError:
            return None
        if not info.HasField("messageStubType"):
            return None
        return cls(info.messageStubType, tuple(info.messageStubParameters))
