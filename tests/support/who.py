"""Payloads name people by one of two addresses, and have both beside."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from waport.emulator.server import Emulator

Data = dict[str, Any]

PERSON = re.compile(r"[0-9]+@(c\.us|lid)")


def people_of(value: object) -> Iterator[str]:
    """Every id of a person in a payload that has neither `lid` nor `pn` beside it."""
    if isinstance(value, str):
        if PERSON.fullmatch(value):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from people_of(item)
    elif isinstance(value, Mapping):
        yield from people_of(list(value))
        is_told = "lid" in value or "pn" in value
        for name, item in value.items():
            if name != "_data" and not (is_told and name in ("id", "lid", "pn")):
                yield from people_of(item)


def without_addresses(
    data: Data, emulator: Emulator, strangers: Container[str] | None = frozenset()
) -> Data:
    """A payload without `addresses`, which must be true, and those of everybody whom it names.

    People without an account have but the address that they are named by.

    Args:
        strangers: ids of people of whom our server can't know more; None where that is not asked.
    """
    both: dict[str, Data] = {}
    for account in emulator.directory:
        pn, lid = f"{account.jid.user}@c.us", str(account.lid)
        both |= {text: {"pn": pn, "lid": lid} for text in (pn, lid)}
    rest = {name: value for name, value in data.items() if name != "addresses"}
    told = data.get("addresses", {})
    named = set(people_of(rest))
    assert told.keys() <= named
    known = {text: each for text, each in told.items() if text in both}
    assert known == {text: both[text] for text in known}
    if strangers is not None:
        assert {text for text in named & both.keys() if text not in strangers} == set(known), data
    return rest
