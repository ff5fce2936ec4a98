"""A node: what WhatsApp calls a stanza, and each part of it.

The readers name what is missing, so a parser is a list of plain calls and a broken stanza gives
an error that says why.

Source: docs/protocol/nodes.md, "Model".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import overload

from ..errors import InvalidInput, StanzaError
from .jid import Jid

AttrValue = str | Jid
"""The value of an attribute. The decoder gives a Jid for the JID forms and text for the rest."""

_INTEGER = re.compile(r"-?[0-9]{1,18}")  # no more than what 64 bits hold


@dataclass(slots=True)
class Node:
    """One node.

    Attributes:
        tag: never empty on the wire.
        attrs: in the order of the wire.
        content: bytes, children, or nothing. Text that arrives as a token is given as bytes.
    """

    tag: str
    attrs: dict[str, AttrValue] = field(default_factory=dict)
    content: bytes | list[Node] | None = None

    # --- children and content --------------------------------------------------------------------

    def child(self, tag: str) -> Node:
        """The first child of that tag.

        Raises:
            StanzaError: there is none.
        """
        found = self.find(tag)
        if found is None:
            raise StanzaError(self.tag, f"no <{tag}> inside")
        return found

    def find(self, tag: str) -> Node | None:
        """The first child of that tag, or None."""
        content = self.content
        if isinstance(content, list):
            for child in content:
                if child.tag == tag:
                    return child
        return None

    def children(self, tag: str | None = None) -> list[Node]:
        """All children, or those of one tag; empty when the content is no list."""
        content = self.content
        if not isinstance(content, list):
            return []
        if tag is None:
            return list(content)
        return [child for child in content if child.tag == tag]

    @property
    def data(self) -> bytes:
        """The content, which must be bytes.

        Raises:
            StanzaError: there are children or nothing.
        """
        content = self.content
        if not isinstance(content, bytes):
            raise StanzaError(self.tag, "the content is not bytes")
        return content

    @property
    def text(self) -> str:
        """The content as text.

        Raises:
            StanzaError: the content is not bytes, or not UTF-8.
        """
        try:
            return self.data.decode()
        except UnicodeDecodeError as exc:
            raise StanzaError(self.tag, "the content is not UTF-8") from exc

    # --- attributes ------------------------------------------------------------------------------

    def attr(self, name: str) -> str:
        """An attribute in its text form.

        Raises:
            StanzaError: it is missing.
        """
        value = self.attrs.get(name)
        if value is None:
            raise StanzaError(self.tag, f"no attribute {name}")
        return str(value)

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """An attribute in its text form, or the default when it is missing."""
        value = self.attrs.get(name)
        return default if value is None else str(value)

    def jid(self, name: str) -> Jid:
        """An attribute as a JID; text is parsed.

        Raises:
            StanzaError: it is missing or no JID.
        """
        value = self.attrs.get(name)
        if isinstance(value, Jid):
            return value
        if value is None:
            raise StanzaError(self.tag, f"no attribute {name}")
        try:
            return Jid.parse(value)
        except InvalidInput as exc:
            raise StanzaError(self.tag, f"attribute {name} is no JID") from exc

    def get_jid(self, name: str) -> Jid | None:
        """An attribute as a JID, or None when it is missing or no JID."""
        value = self.attrs.get(name)
        if value is None or isinstance(value, Jid):
            return value
        try:
            return Jid.parse(value)
        except InvalidInput:
            return None

    def int_attr(self, name: str) -> int:
        """An attribute as a whole number.

        Raises:
            StanzaError: it is missing or no whole number of at most 18 digits.
        """
        text = self.attr(name)
        if _INTEGER.fullmatch(text) is None:
            raise StanzaError(self.tag, f"attribute {name} is no number")
        return int(text)

    @overload
    def get_int(self, name: str, default: None = None) -> int | None: ...
    @overload
    def get_int(self, name: str, default: int) -> int: ...
    def get_int(self, name: str, default: int | None = None) -> int | None:
        """An attribute as a whole number, or the default when it is missing or no number."""
        text = self.get(name)
        if text is None or _INTEGER.fullmatch(text) is None:
            return default
        return int(text)

    # --- for people ------------------------------------------------------------------------------

    def to_xml(self, *, secret: bool = True) -> str:
        """The node as one line of XML, for logs and debugging only.

        Args:
            secret: show bytes only by their length and phone numbers masked. False shows both.
        """
        parts: list[str] = []
        self._to_xml(parts, secret)
        return "".join(parts)

    def _to_xml(self, parts: list[str], secret: bool) -> None:
        parts.append(f"<{self.tag}")
        for name, value in self.attrs.items():
            parts.append(f' {name}="{_escape(_shown(value, secret))}"')
        content = self.content
        if content is None:
            parts.append("/>")
            return
        parts.append(">")
        if isinstance(content, bytes):
            parts.append(f"[{len(content)} bytes]" if secret else content.hex())
        else:
            for child in content:
                child._to_xml(parts, secret)
        parts.append(f"</{self.tag}>")


def _shown(value: AttrValue, secret: bool) -> str:
    if secret:
        if isinstance(value, Jid):
            return value.masked
        if "@" in value:
            try:
                return Jid.parse(value).masked
            except InvalidInput:
                return value
    return str(value)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
