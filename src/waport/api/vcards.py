"""Contact cards: made for a person, and recognised in a text."""

from __future__ import annotations

import re
from typing import Final

from ..model import Contact
from ..model.contents import Contact as Card

_BEGIN, _END = "BEGIN:VCARD", "END:VCARD"
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_ESCAPES: Final = re.compile(r"\\([\\,;nN])")
_TO_ESCAPE: Final = re.compile(r"[\\,;]")
_BREAKS: Final = re.compile(r"[\r\n]+")
MAX_CARD: Final = 65_536
"""Characters of a text that is looked at."""


def card_of(contact: Contact) -> Card:
    """The card of a person on WhatsApp, who is known by number."""
    number = contact.jid.user
    lines = (
        _BEGIN,
        "VERSION:3.0",
        f"FN:{_escaped(contact.title)}",
        f"TEL;type=CELL;type=VOICE;waid={number}:+{number}",
        _END,
    )
    return Card(contact.title, "\n".join(lines))


def read_card(text: str) -> Card | None:
    """The card that a text is; None when it is none, or more than one."""
    card = text.strip()
    upper = card[: len(_BEGIN)].upper(), card[-len(_END) :].upper()
    if upper != (_BEGIN, _END) or len(card) > MAX_CARD or card.upper().count(_BEGIN) != 1:
        return None
    name = _name_in(_FOLD.sub("", card))
    return Card(name, card) if name else None


def _name_in(card: str) -> str:
    """The formatted name, else the parts of the name in the order in which they are said."""
    parts = ""
    for line in card.splitlines():
        name, _, value = line.partition(":")
        # Groups stand before the name, parameters behind it: "item1.FN;CHARSET=UTF-8".
        name = name.partition(";")[0].rpartition(".")[2].upper()
        if name == "FN" and value.strip():
            return _unescaped(value.strip())
        if name == "N" and not parts:
            last, first, *more = [*value.split(";"), "", ""]
            parts = " ".join(part for part in (first, *more[:1], last) if part.strip())
    return _unescaped(parts.strip())


def _escaped(text: str) -> str:
    return _BREAKS.sub(r"\\n", _TO_ESCAPE.sub(r"\\\g<0>", text))


def _unescaped(text: str) -> str:
    return _ESCAPES.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)
