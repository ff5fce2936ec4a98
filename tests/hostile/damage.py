"""Damages to good values: to the structure of nodes, protobufs and JSON, and to plain bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fuzz.mutate import mutate
from waport.errors import InvalidInput
from waport.wire import Jid, Node, encode_stanza

TEXTS: Sequence[str] = (
    "",
    " ",
    "0",
    "-1",
    "9" * 30,
    "9223372036854775807",
    "18446744073709551616",
    "1e9",
    "NaN",
    "true",
    "\x00",
    "\u202eabc\u0000\uffff",
    "\U0001f600" * 9,
    "e\u0301\u00fc\u6f22\u5b57",
    "x" * 5000,
    "../../etc/passwd",
    "' OR 1=1 --",
    "%s%n{0}",
    "not@a@jid",
    "@s.whatsapp.net",
    "15550002222@s.whatsapp.net",
    "15550002222:999@s.whatsapp.net",
    "100000000000002@lid",
    "120363000000000000@g.us",
    "120363000000000009@newsletter",
    "status@broadcast",
    "set",
    "error",
    "result",
    "remove",
    "200",
    "409",
    "1700000000",
)

JIDS: Sequence[Jid] = (
    Jid("", "s.whatsapp.net"),
    Jid("", "g.us"),
    Jid("15550002222", "s.whatsapp.net"),
    Jid("15550002222", "s.whatsapp.net", 99),
    Jid("15550001111", "s.whatsapp.net", 1),
    Jid("15550001111", "s.whatsapp.net"),
    Jid("100000000000001", "lid"),
    Jid("100000000000002", "lid", 99),
    Jid("120363000000000000", "g.us"),
    Jid("120363000000000009", "newsletter"),
    Jid("status", "broadcast"),
    Jid("0", "call"),
    Jid("x" * 200, "nowhere"),
)

NUMBERS = (0, 1, -1, 2, 127, 255, 2**31 - 1, -(2**31), 2**32 - 1, 2**53, 2**63 - 1, -(2**63))
BLOBS = (b"", b"\x00", b"\xff" * 33, bytes(32), bytes(31), b"\x05" + bytes(32), b"\x08\x01", b"{")
MAX_TRIES = 8
MAX_NODES = 400


# --- nodes ---------------------------------------------------------------------------------------


class NodeDamage:
    """Changes the structure of nodes, and gives bytes that decode.

    Args:
        chosen: where chance comes from.
        others: nodes that parts are borrowed from.
    """

    def __init__(self, chosen: random.Random, others: Sequence[Node]) -> None:
        self._chosen = chosen
        self._others = others
        self._ways: Sequence[Callable[[Node], None]] = (
            self._drop_attr,
            self._spoil_attr,
            self._spoil_attr,
            self._spoil_attr,
            self._rename_attr,
            self._add_attr,
            self._swap_tag,
            self._spoil_content,
            self._spoil_content,
            self._drop_child,
            self._drop_child,
            self._repeat_child,
            self._borrow_child,
            self._nest,
            self._shuffle,
        )

    def stanza(self, node: Node, *, keep_id: bool = False) -> bytes:
        """A damaged one, encoded; the encoder itself refuses some damages, then others are made.

        Args:
            keep_id: it still answers what was asked.
        """
        for _ in range(MAX_TRIES):
            damaged = copy(node)
            for _ in range(self._chosen.choice((1, 1, 1, 2, 2, 4))):
                parts = list(walk(damaged))
                # The top says where a stanza goes: deeper damages get further.
                part = parts[0] if self._chosen.random() < 0.2 else self._chosen.choice(parts)
                self._chosen.choice(self._ways)(part)
            if keep_id:
                damaged.tag = node.tag
                damaged.attrs["id"] = node.attrs["id"]
            try:
                return encode_stanza(damaged)
            except InvalidInput:
                continue
        return encode_stanza(node)

    def _attr(self, node: Node) -> str | None:
        return self._chosen.choice(list(node.attrs)) if node.attrs else None

    def _value(self) -> str | Jid:
        return self._chosen.choice(TEXTS if self._chosen.random() < 0.6 else JIDS)

    def _drop_attr(self, node: Node) -> None:
        name = self._attr(node)
        if name is not None:
            del node.attrs[name]

    def _spoil_attr(self, node: Node) -> None:
        name = self._attr(node)
        if name is not None:
            node.attrs[name] = self._value()

    def _rename_attr(self, node: Node) -> None:
        name = self._attr(node)
        if name is not None:
            donor = self._chosen.choice(self._others)
            node.attrs[self._attr(donor) or "x"] = node.attrs.pop(name)

    def _add_attr(self, node: Node) -> None:
        donor = self._chosen.choice(self._others)
        name = self._attr(donor)
        if name is not None:
            node.attrs[name] = donor.attrs[name]

    def _swap_tag(self, node: Node) -> None:
        node.tag = self._chosen.choice(self._others).tag

    def _spoil_content(self, node: Node) -> None:
        content = node.content
        if isinstance(content, bytes) and self._chosen.random() < 0.6:
            node.content = damaged_json(content, self._chosen) or mutate(content, self._chosen)
            return
        node.content = self._chosen.choice(
            (None, [], self._chosen.choice(BLOBS), self._chosen.choice(TEXTS).encode(), bytes(4000))
        )

    def _drop_child(self, node: Node) -> None:
        if isinstance(node.content, list) and node.content:
            node.content.pop(self._chosen.randrange(len(node.content)))

    def _repeat_child(self, node: Node) -> None:
        if isinstance(node.content, list) and node.content:
            child = self._chosen.choice(node.content)
            if sum(1 for _ in walk(child)) < 20:
                node.content += [copy(child) for _ in range(self._chosen.choice((1, 2, 40)))]

    def _borrow_child(self, node: Node) -> None:
        donor = copy(self._chosen.choice(self._others))
        if isinstance(node.content, list):
            node.content.insert(self._chosen.randint(0, len(node.content)), donor)
        else:
            node.content = [donor]

    def _nest(self, node: Node) -> None:
        if sum(1 for _ in walk(node)) > 20:
            return
        for _ in range(self._chosen.choice((1, 3, 15))):
            inner = Node(node.tag, dict(node.attrs), node.content)
            node.content = [inner]

    def _shuffle(self, node: Node) -> None:
        if isinstance(node.content, list):
            self._chosen.shuffle(node.content)


def copy(node: Node) -> Node:
    """A deep copy."""
    content = node.content
    if isinstance(content, list):
        content = [copy(child) for child in content]
    return Node(node.tag, dict(node.attrs), content)


def walk(node: Node) -> Sequence[Node]:
    """A node and what is below it, bounded."""
    found = [node]
    for each in found:
        if isinstance(each.content, list) and len(found) < MAX_NODES:
            found += each.content
    return found


# --- protobufs -----------------------------------------------------------------------------------


def damage_message(message: Message, chosen: random.Random) -> bytes:
    """A protobuf with damaged fields, written out; at times its bytes are damaged as well."""
    damaged = type(message)()
    damaged.CopyFrom(message)
    for _ in range(chosen.choice((1, 1, 2, 3))):
        _damage_field(damaged, chosen)
    data = damaged.SerializeToString()
    if chosen.random() < 0.15:
        return mutate(data, chosen)
    if chosen.random() < 0.1:
        # An unknown field, or an enum's number that does not exist.
        return data + bytes((chosen.randrange(1, 16) << 3, 0xFF, 0xFF, 0x03))
    return data


def _damage_field(message: Message, chosen: random.Random) -> None:
    """Go down along fields that are set, and change one; or set one that is not."""
    target: Any = message
    while True:
        inner = [value for field, value in target.ListFields() if _is_message(field, value)]
        inner += [
            each
            for field, values in target.ListFields()
            if field.message_type is not None and not _is_message(field, values)
            for each in (values if not hasattr(values, "items") else ())
        ]
        if not inner or chosen.random() < 0.3:
            break
        target = chosen.choice(inner)
    fields = [field for field, _ in target.ListFields()]
    if not fields or chosen.random() < 0.25:
        fields = list(target.DESCRIPTOR.fields)
    if not fields:
        return
    field = chosen.choice(fields)
    if chosen.random() < 0.2:
        target.ClearField(field.name)
        return
    if _is_repeated(field):
        _damage_repeated(target, field, chosen)
    elif field.message_type is not None:
        getattr(target, field.name).SetInParent()
    else:
        _set(target, field, chosen)


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _is_message(field: FieldDescriptor, value: Any) -> bool:
    return field.message_type is not None and isinstance(value, Message)


def _damage_repeated(target: Any, field: FieldDescriptor, chosen: random.Random) -> None:
    values = getattr(target, field.name)
    if hasattr(values, "items"):
        return
    if len(values) and chosen.random() < 0.7:
        some = list(values) * chosen.choice((1, 2, 30))
        values.extend(some[:500])
    elif field.message_type is not None:
        values.add()
    else:
        values.append(_scalar(field, chosen))


def _set(target: Any, field: FieldDescriptor, chosen: random.Random) -> None:
    setattr(target, field.name, _scalar(field, chosen, getattr(target, field.name)))


def _scalar(field: FieldDescriptor, chosen: random.Random, old: Any = None) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_BYTES:
        if old and chosen.random() < 0.6:
            return mutate(old, chosen)
        return chosen.choice(BLOBS)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return chosen.choice(TEXTS) if chosen.random() < 0.7 else str(chosen.choice(JIDS))
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chosen.random() < 0.5
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return chosen.choice((0.0, -1.5, 1e300, float("inf"), float("nan")))
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        assert field.enum_type is not None
        return chosen.choice(field.enum_type.values).number
    low, high = _BOUNDS[kind]
    return chosen.choice([number for number in NUMBERS if low <= number <= high])


_BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}

# --- JSON ----------------------------------------------------------------------------------------

VALUES: Sequence[Any] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**40,
    "",
    [],
    {},
    [[]],
    {"": {}},
    [None] * 50,
    "\x00",
    "\ud83d\ude00",
    *TEXTS,
)


def damage_json(value: Any, chosen: random.Random) -> Any:
    """The same with one to three places changed, lost or put into another place."""
    for _ in range(chosen.choice((1, 1, 2, 3))):
        value = _damage_place(value, chosen)
    return value


def damaged_json(data: bytes, chosen: random.Random) -> bytes | None:
    """Bytes that are a JSON object with a damage inside; None if they are none."""
    if not data.startswith((b"{", b"[")):
        return None
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return json.dumps(damage_json(value, chosen)).encode()


def _damage_place(value: Any, chosen: random.Random) -> Any:
    if isinstance(value, dict) and value and chosen.random() < 0.85:
        name = chosen.choice(list(value))
        changed = dict(value)
        way = chosen.random()
        if way < 0.2:
            del changed[name]
        elif way < 0.25:
            changed[chosen.choice(TEXTS)] = changed.pop(name)
        else:
            changed[name] = _damage_place(value[name], chosen)
        return changed
    if isinstance(value, list) and value and chosen.random() < 0.85:
        at = chosen.randrange(len(value))
        if chosen.random() < 0.2:
            return value * chosen.choice((0, 2, 30))
        return [*value[:at], _damage_place(value[at], chosen), *value[at + 1 :]]
    return chosen.choice(VALUES)
