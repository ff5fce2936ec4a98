"""Every vector of nodes.json, made by an independent implementation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from waport.errors import DecodeError
from waport.wire import Jid, Node, decode_stanza, encode_stanza

VECTORS = json.loads(Path(__file__).with_name("nodes.json").read_text(encoding="utf-8"))


def _repeat(pattern: str, length: int) -> bytes:
    unit = bytes.fromhex(pattern)
    return (unit * (length // len(unit) + 1))[:length]


def _frame(value: Any) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    middle = _repeat(value["pattern"], value["length"])
    frame = bytes.fromhex(value["prefix"]) + middle + bytes.fromhex(value["suffix"])
    assert len(frame) == value["total_length"]
    assert hashlib.sha256(frame).hexdigest() == value["sha256"]
    return frame


def _content(value: Any) -> bytes | list[Node] | None:
    if value is None:
        return None
    match value["kind"]:
        case "bytes":
            return bytes.fromhex(value["hex"])
        case "bytes_repeat":
            return _repeat(value["pattern"], value["length"])
        case "string":
            return str(value["value"]).encode()
        case "nodes":
            return [_node(item) for item in value["items"]]
        case kind:
            raise AssertionError(f"unknown content {kind}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value["repeat"]) * int(value["length"])


def _node(value: Any) -> Node:
    attrs: dict[str, str | Jid] = {key: _text(text) for key, text in value["attrs"]}
    return Node(value["tag"], attrs, _content(value["content"]))


def _as_text(node: Node) -> Node:
    """The node with its JIDs as text; the service's address has one spelling."""
    content = node.content
    return Node(
        node.tag,
        {key: str(value).removeprefix("@") for key, value in node.attrs.items()},
        [_as_text(child) for child in content] if isinstance(content, list) else content,
    )


def _name(vector: Any) -> str:
    return str(vector["name"])


@pytest.mark.parametrize("vector", VECTORS["cases"], ids=_name)
def test_a_frame_is_read_and_written(vector: Any) -> None:
    frame = _frame(vector["frame"])
    decoded = decode_stanza(frame)
    assert _as_text(decoded) == _as_text(_node(vector["node"]))
    assert list(decoded.attrs) == [key for key, _ in vector["node"]["attrs"]]
    if vector["exact"]:
        assert encode_stanza(_node(vector.get("encode_node", vector["node"]))) == frame
        assert encode_stanza(decoded) == frame
    else:
        assert decode_stanza(encode_stanza(decoded)) == decoded
    for key, parts in vector.get("jids", {}).items():
        jid = decoded.jid(key)
        assert (jid.user, jid.server, jid.device) == (
            parts["user"],
            parts["server"],
            parts["device"],
        )
        assert jid.integrator == parts.get("integrator", 0)
        assert jid.agent == 0


@pytest.mark.parametrize("vector", VECTORS["compressed"], ids=_name)
def test_a_deflated_frame_is_read(vector: Any) -> None:
    assert _as_text(decode_stanza(_frame(vector["frame"]))) == _as_text(_node(vector["node"]))


@pytest.mark.parametrize("vector", VECTORS["malformed"], ids=_name)
def test_a_malformed_frame_is_refused(vector: Any) -> None:
    assert vector["expect"] == "reject"
    with pytest.raises(DecodeError):
        decode_stanza(_frame(vector["frame"]))
