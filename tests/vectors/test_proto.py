"""The recorded protobufs (proto.json): the schema fits, and reading contents loses nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message as Protobuf

from waport.errors import DecodeError
from waport.proto import pb
from waport.stanza.content import parse_content
from waport.stanza.contents import read_message, write_message
from waport.stanza.contents.fields import enum_number

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("proto.json").read_text(encoding="utf-8")
)
MESSAGES = VECTORS["messages"]
CONTENTS = [case for case in MESSAGES if case["type"] == "Message"]
UNKNOWN_TYPE = 9999


def message_class(name: str) -> type[Protobuf]:
    found: Any = pb
    for part in name.split("."):
        found = getattr(found, part)
    chosen: type[Protobuf] = found
    return chosen


def as_json(message: Protobuf) -> dict[str, Any]:
    """The vectors' JSON form; a number that no enumeration knows is told as a number."""
    tree: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    if isinstance(message, pb.Message) and message.HasField("protocolMessage"):
        number = enum_number(message.protocolMessage, "type")
        if number == UNKNOWN_TYPE:
            tree["protocolMessage"]["type"] = number
    return tree


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: case["name"])
def test_bytes_decode_to_the_recorded_json(case: dict[str, Any]) -> None:
    message = message_class(case["type"])()
    message.ParseFromString(bytes.fromhex(case["bytes"]))
    assert as_json(message) == case["json"]


@pytest.mark.parametrize(
    "case",
    [case for case in MESSAGES if not case.get("decode_only")],
    ids=lambda case: case["name"],
)
def test_json_encodes_to_the_recorded_bytes(case: dict[str, Any]) -> None:
    message = message_class(case["type"])()
    tree = dict(case["json"])
    protocol = tree.get("protocolMessage", {})
    is_unknown = protocol.get("type") == UNKNOWN_TYPE
    if is_unknown:
        tree["protocolMessage"] = {"key": protocol["key"]}
    json_format.ParseDict(tree, message)
    if is_unknown:
        # Our runtime keeps a number that the schema doesn't know behind the known fields.
        assert isinstance(message, pb.Message)
        message.protocolMessage.MergeFromString(b"\x10\x8f\x4e")
    assert message.SerializeToString().hex() == case["bytes"]


@pytest.mark.parametrize("case", VECTORS["malformed"], ids=lambda case: case["name"])
def test_malformed_bytes_are_refused(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["bytes"])
    with pytest.raises(ProtobufError):
        message_class(case["type"])().ParseFromString(data)
    if case["type"] == "Message":
        with pytest.raises(DecodeError):
            parse_content(data)


@pytest.mark.parametrize("case", CONTENTS, ids=lambda case: case["name"])
def test_a_content_is_written_back_as_it_was_read(case: dict[str, Any]) -> None:
    message = parse_content(bytes.fromhex(case["bytes"]))
    assert write_message(read_message(message)) == message


def test_the_recorded_contents_are_of_nearly_all_kinds() -> None:
    kinds = {
        type(read_message(parse_content(bytes.fromhex(case["bytes"]))).content) for case in CONTENTS
    }
    assert len(kinds) >= 35
