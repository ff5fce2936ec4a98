"""Links in a text, and whether their host mixes alphabets to look like another one."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from typing_extensions import TypedDict

_LINK: Final = re.compile(r"(?:https?://|\bwww\.)[^\s<>\"'`]+", re.IGNORECASE)
_TRAILING: Final = ".,;:!?…*_~"
_BRACKETS: Final = {")": "(", "]": "[", "}": "{"}
_MAX_LINKS: Final = 100
# Written Japanese mixes these by itself.
_ONE_SCRIPT: Final = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}


class LinkJson(TypedDict):
    """A link in a text."""

    link: str
    isSuspicious: bool


def find_links(text: str) -> list[LinkJson]:
    """The links of a text, in order, without the punctuation that follows them."""
    if "://" not in text and "www." not in text.lower():
        return []
    found: list[LinkJson] = []
    for match in _LINK.finditer(text):
        link = _trim(match[0])
        found.append({"link": link, "isSuspicious": is_suspicious(link)})
        if len(found) == _MAX_LINKS:
            break
    return found


def _trim(link: str) -> str:
    while link:
        last = link[-1]
        opener = _BRACKETS.get(last)
        if last not in _TRAILING and (opener is None or link.count(opener) >= link.count(last)):
            break
        link = link[:-1]
    return link


def is_suspicious(link: str) -> bool:
    """Whether one label of the host has letters of several alphabets."""
    try:
        host = urlsplit(link if "://" in link else f"http://{link}").hostname or ""
    except ValueError:
        return True
    return any(len(_scripts(label)) > 1 for label in host.split("."))


def _scripts(label: str) -> set[str]:
    if label.isascii():
        return set()
    names = (unicodedata.name(char, "?").split()[0] for char in label if char.isalpha())
    return {_ONE_SCRIPT.get(name, name) for name in names}
