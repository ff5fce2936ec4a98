"""What a Baileys client reports: its events, and the messages in them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waport.proto import pb

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """One message, as `messages.upsert` or a send reported it.

    Attributes:
        type: "notify": live; "append": queued while offline, or our own.
        raw: Baileys' `WebMessageInfo`, bytes as base64.
        content: what it says, as a serialized protobuf: of what Baileys has read only the fields
            that its schema has.
    """

    id: str
    chat: str
    from_me: bool
    text: str | None
    type: str
    push_name: str | None
    raw: Mapping[str, Any]
    content: bytes = b""

    @property
    def key(self) -> Mapping[str, Any]:
        """The message key in Baileys' form, as the read command takes it."""
        key: Mapping[str, Any] = self.raw["key"]
        return key

    @property
    def message(self) -> pb.Message:
        """What it says."""
        return pb.Message.FromString(self.content)


def as_received(message: Mapping[str, Any], type_: str) -> Received:
    """A message in the form of the driver."""
    return Received(
        id=message["key"]["id"],
        chat=message["key"]["remoteJid"],
        from_me=bool(message["key"].get("fromMe")),
        text=message.get("text"),
        type=type_,
        push_name=message.get("push_name"),
        raw=message["raw"],
        content=base64.b64decode(message.get("bytes") or ""),
    )


def messages_of(event: Event) -> Sequence[Received]:
    """The messages that an event reports."""
    if event["event"] != "messages.upsert":
        return ()
    return [as_received(message, event["type"]) for message in event["messages"]]


def statuses_of(event: Event) -> Sequence[tuple[str, int]]:
    """Message ids and their statuses; one that came early is folded into the message itself."""
    if event["event"] == "messages.update":
        return [(item["key"]["id"], item["update"].get("status", 0)) for item in event["data"]]
    if event["event"] == "messages.upsert":
        return [(item["key"]["id"], item["status"] or 0) for item in event["messages"]]
    return ()


def updates_of(event: Event, message_id: str) -> Sequence[Mapping[str, Any]]:
    """What an event says to have changed in a message: content, votes, answers, status."""
    if event["event"] != "messages.update":
        return ()
    return [item["update"] for item in event["data"] if item["key"]["id"] == message_id]


def reactions_of(event: Event, message_id: str) -> Sequence[Mapping[str, Any]]:
    """The reactions to a message in an event: `reaction`, and the message's `key`."""
    if event["event"] != "messages.reaction":
        return ()
    return [item for item in event["data"] if item["key"]["id"] == message_id]
