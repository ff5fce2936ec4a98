"""Who is who in a payload: both addresses of everybody whom it names.

A person has a phone number and a hidden id (LID), and a payload names them by one. Beside all that
it says stands `addresses`, where each id of a person leads to both, if both are known. Ids are
found by their form, so that none is forgotten: at any depth, as text or in an object, as the name
of a key too. Raw messages (`_data`) are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

from typing_extensions import TypedDict

from ..wire import Jid
from .frames import Frame
from .ids import jid_text

ADDRESSES: Final = "addresses"
"""The key."""
MAX_PEOPLE: Final = 10_000
"""People of one payload whose addresses are told."""

_PERSON: Final = re.compile(r"([0-9]{1,20})@(c\.us|lid)")
_ENDS: Final = ("@c.us", "@lid")
_MAX_TEXT: Final = 26
_SERVERS: Final = {"c.us": "s.whatsapp.net", "lid": "lid"}
_RAW: Final = "_data"
_TOLD: Final = frozenset(("id", "lid", "pn"))
_PLAIN: Final = frozenset((int, bool, float, type(None)))

People = dict[str, Jid]
"""Ids as a payload has them, and whom they mean."""


class AddressJson(TypedDict):
    """Both addresses of a person: by phone number, and the hidden one."""

    pn: str
    lid: str


def find_people(value: object, found: People) -> None:
    """Add everybody whom a value names, but for ids that have their `lid` or `pn` beside them."""
    waiting: list[Any] = [[value]]
    while waiting and len(found) < MAX_PEOPLE:
        each = waiting.pop()
        if isinstance(each, dict):
            is_told = "lid" in each or "pn" in each
            for name, item in each.items():
                if name.endswith(_ENDS):
                    _add(name, found)
                if name != _RAW and not (is_told and name in _TOLD):
                    _look_at(item, found, waiting)
        else:
            for item in each:
                _look_at(item, found, waiting)


def _look_at(item: object, found: People, waiting: list[Any]) -> None:
    """Add the person that a value names, or the value to what is still to be looked through."""
    kind = type(item)
    if kind is str:
        if cast(str, item).endswith(_ENDS):
            _add(cast(str, item), found)
    elif kind is dict or kind is list:
        if item:
            waiting.append(item)
    elif kind not in _PLAIN:
        waiting.append(dict(item) if isinstance(item, Mapping) else _listed(item))


def _listed(item: object) -> list[object]:
    return list(item) if isinstance(item, tuple | list) else []


def _add(text: str, found: People) -> None:
    if len(text) > _MAX_TEXT or text in found or len(found) >= MAX_PEOPLE:
        return
    match = _PERSON.fullmatch(text)
    if match is not None:
        found[text] = Jid(match[1], _SERVERS[match[2]])


def addresses_json(people: People, others: Mapping[Jid, Jid]) -> dict[str, AddressJson]:
    """What a payload says of the people in it.

    Args:
        others: the other address of each person, where it is known.
    """
    shape: dict[str, AddressJson] = {}
    for text, jid in people.items():
        other = others.get(jid)
        if other is not None:
            pn, lid = (other, jid) if jid.is_lid else (jid, other)
            shape[text] = {"pn": jid_text(pn), "lid": jid_text(lid)}
    return shape


def name_people(
    frames: Sequence[Frame], known: Callable[[Iterable[Jid]], Mapping[Jid, Jid]]
) -> list[Frame]:
    """The frames with the addresses of everybody whom they name.

    Args:
        known: the other addresses of people; asked once at most.
    """
    found: dict[int, People] = {}  # by the payload, which frames may share
    for frame in frames:
        if id(frame.data) not in found:
            find_people(frame.data, found.setdefault(id(frame.data), {}))
    people = {jid for each in found.values() for jid in each.values()}
    others = known(people) if people else {}
    if not others:
        return list(frames)
    shapes = {name: addresses_json(each, others) for name, each in found.items()}
    return [
        frame.with_more(ADDRESSES, shape) if (shape := shapes[id(frame.data)]) else frame
        for frame in frames
    ]
