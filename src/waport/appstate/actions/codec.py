"""Mutations as actions, and actions as mutations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError

from ...errors import DecodeError, InvalidInput
from ...proto import pb
from ..codec import Mutation, Operation, index_parts, index_text
from ..state import Collection
from .base import Action, UnknownAction, Unread
from .fields import Unreadable
from .listed import LISTED
from .row import Row
from .table import BY_KIND, BY_NAME


@dataclass(frozen=True, slots=True)
class PendingMutation:
    """A mutation that has to be uploaded, and to where."""

    collection: Collection
    mutation: Mutation


def read_action(mutation: Mutation) -> Action:
    """What a mutation does; never fails.

    A removal gives the action with its defaults: a chat that is not pinned, a contact without a
    name. What this program cannot read is an `UnknownAction`.
    """
    try:
        name, *parts = index_parts(mutation.index)
    except DecodeError:
        return _unknown(mutation, Unread.MALFORMED)
    row = BY_NAME.get(name)
    if row is None:
        return _unknown(mutation, Unread.LISTED if name in LISTED else Unread.UNLISTED, name)
    if row.version and mutation.version > row.version:
        return _unknown(mutation, Unread.NEWER, name)
    try:
        return _read(row, parts, mutation)
    except (Unreadable, ProtobufError):
        return _unknown(mutation, Unread.MALFORMED, name)


def write_action(
    action: Action, *, timestamp_ms: int, operation: Operation = Operation.SET
) -> PendingMutation:
    """The mutation that does it.

    Args:
        timestamp_ms: now, Unix milliseconds.
        operation: REMOVE takes the record away, whatever the action says beside what it is about.

    Raises:
        InvalidInput: it is only ever read, or something of it does not fit: a message of somebody
            else in a group without its author, a chat without the range of its messages.
    """
    row = BY_KIND.get(type(action))
    if row is None or not row.is_written:
        raise InvalidInput(f"{type(action).__name__} cannot be written")
    value = pb.SyncActionValue()
    try:
        value.timestamp = timestamp_ms
        index = [row.name]
        for part in row.index:
            index.extend(part.write(getattr(action, part.attr) if part.attr else None))
        if operation is Operation.SET and row.member:
            member = getattr(value, row.member)
            member.SetInParent()
            for each in row.fields:
                each.write(member, getattr(action, each.attr))
    except (ValueError, TypeError, AttributeError) as exc:
        raise InvalidInput(f"{type(action).__name__} does not fit: {exc}") from exc
    return PendingMutation(
        row.collection,
        Mutation(
            operation, index_text(index), value.SerializeToString(), row.version, timestamp_ms
        ),
    )


def _read(row: Row, parts: Sequence[str], mutation: Mutation) -> Action:
    attributes: dict[str, Any] = {}
    at = 0
    if len(parts) != sum(part.width for part in row.index):
        raise Unreadable("an index of another length")
    for part in row.index:
        found = part.read(parts[at : at + part.width])
        at += part.width
        if part.attr:
            attributes[part.attr] = found
    if mutation.operation is Operation.SET and row.member:
        value = pb.SyncActionValue.FromString(mutation.value)
        if not value.HasField(row.member):
            raise Unreadable("the value is of another action")
        member = getattr(value, row.member)
        for each in row.fields:
            attributes[each.attr] = each.read(member)
    return row.kind(**attributes)


def _unknown(mutation: Mutation, reason: Unread, name: str = "") -> UnknownAction:
    return UnknownAction(mutation.index, mutation.value, mutation.version, reason, name)
