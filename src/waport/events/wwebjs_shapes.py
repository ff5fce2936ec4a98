"""Shapes as the older server makes them, where they differ from ours.

Its readers find all their keys in our shapes; what remains are values: the type of some contents,
the text of documents and places, and message ids, that name the author in groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

_WRAPPERS: Final = ("documentWithCaptionMessage", "ephemeralMessage", "viewOnceMessage")
_DEPTH: Final = 4


def as_wwebjs(value: Any) -> Any:
    """A message, chat, vote or reactions in the older server's form, or a list of them.

    All else stays as it is.
    """
    if isinstance(value, list):
        return [as_wwebjs(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "_data" in value and "hasMedia" in value:
        return wwebjs_message(value)
    if "lastMessage" in value and "isReadOnly" in value:
        return {**value, "lastMessage": as_wwebjs(value["lastMessage"])}
    if "parentMessage" in value and "parentMsgKey" in value:
        parent = as_wwebjs(value["parentMessage"])
        return {**value, "parentMessage": parent, "parentMsgKey": wwebjs_id(value["parentMsgKey"])}
    if "aggregateEmoji" in value:
        return {**value, "senders": [_reaction(each) for each in value["senders"]]}
    return value


def _reaction(reaction: Mapping[str, Any]) -> dict[str, Any]:
    ids = {name: wwebjs_id(reaction[name]) for name in ("id", "msgId")}
    return {**reaction, **ids}


def wwebjs_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message in the older server's form."""
    shape = dict(message)
    shape["id"] = wwebjs_id(message["id"])
    shape["type"] = message.get("wwebjsType", message["type"])
    for name in ("latestEditMsgKey", "protocolMessageKey"):
        if isinstance(message.get(name), Mapping):
            shape[name] = wwebjs_id(message[name])
    if message["type"] == "document":
        shape["body"] = _text(message, "documentMessage", "caption")
    elif message["type"] == "location":
        shape["body"] = _text(message, "locationMessage", "jpegThumbnail")
    return shape


def wwebjs_id(key: Mapping[str, Any]) -> dict[str, Any]:
    """A message id whose text names the author, where there is one."""
    shape = dict(key)
    if "participant" in key and "_serialized" in key:
        shape["_serialized"] = f"{key['_serialized']}_{key['participant']}"
    return shape


def _text(message: Mapping[str, Any], content: str, name: str) -> str:
    part = _unwrapped(message["_data"].get("message", {})).get(content, {})
    value = part.get(name, "") if isinstance(part, Mapping) else ""
    return value if isinstance(value, str) else ""


def _unwrapped(content: Any) -> Mapping[str, Any]:
    for _ in range(_DEPTH):
        if not isinstance(content, Mapping):
            return {}
        inner = next((content[name] for name in _WRAPPERS if name in content), None)
        if not isinstance(inner, Mapping):
            break
        content = inner.get("message", {})
    return cast(Mapping[str, Any], content) if isinstance(content, Mapping) else {}
