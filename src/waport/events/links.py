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
MAX_LINKS: Final = 100
MAX_LENGTH: Final = 4096
"""Of a link; nothing that people write is longer."""
MAX_HOST: Final = 253
"""Of a host's name: no longer one can be looked up."""
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
        start, end = match.span()
        if end - start > MAX_LENGTH:
            continue
        link = _trim(match[0])
        found.append({"link": link, "isSuspicious": is_suspicious(link)})
        if len(found) == MAX_LINKS:
            break
    return found


def _trim(link: str) -> str:
    """Without the punctuation at its end, and without closing brackets that it does not open."""
    surplus = {closer: link.count(closer) - link.count(_BRACKETS[closer]) for closer in _BRACKETS}
    end = len(link)
    while end:
        last = link[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return link[:end]


def is_suspicious(link: str) -> bool:
    """Whether one label of the host has letters of several alphabets."""
    try:
        host = urlsplit(link if "://" in link else f"http://{link}").hostname or ""
    except ValueError:
        return True
    return any(len(_scripts(label)) > 1 for label in host[:MAX_HOST].split("."))


def _scripts(label: str) -> set[str]:
    if label.isascii():
        return set()
    names = (unicodedata.name(char, "?").split()[0] for char in label if char.isalpha())
    return {_ONE_SCRIPT.get(name, name) for name in names}
