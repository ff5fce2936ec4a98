"""Pictures, the about text, the timer of new chats.

Source: docs/protocol/queries.md, "Profile pictures" and "About, push name, text status".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidInput, StanzaError, query_error
from ..model import Picture
from ..wire import Jid, Node
from .query import Query, iq_get, iq_set

MAX_ABOUT = 139
"""Characters of an about text."""

MAX_TIMER = 2**32 - 1

_PICTURES = "w:profile:picture"
_MAX_URL = 8192
# Who fetches it has to insist on https; it is only shown here.
_SCHEMES = ("https://", "http://")
_MAX_ID = 256
_NONE_SET = 204


@dataclass(frozen=True, slots=True)
class FetchPicture(Query[Picture | None]):
    """Where the picture of a person or a group can be fetched; None when there is none.

    Attributes:
        target: whose, bare.
        preview: the small one.
        tokens: what shows that the person knows us; never for ourselves or a group.
    """

    target: Jid
    preview: bool = False
    tokens: tuple[Node, ...] = ()

    def request(self) -> Node:
        """`<picture type query="url">`."""
        kind = "preview" if self.preview else "image"
        picture = Node("picture", {"type": kind, "query": "url"}, list(self.tokens) or None)
        return _about(iq_get(_PICTURES, picture), self.target)

    def parse(self, reply: Node) -> Picture | None:
        """The picture.

        Raises:
            QueryError: the server refused it inside a result.
            StanzaError: its URL is none of a web server.
        """
        picture = reply.find("picture")
        error = None if picture is None else picture.find("error")
        code = 0 if error is None else error.get_int("code", 0)
        if error is not None and code != _NONE_SET:
            raise query_error(code, error.get("text") or "")
        url = None if picture is None else picture.get("url")
        if picture is None or url is None:
            return None
        if not url.startswith(_SCHEMES) or len(url) > _MAX_URL or not url.isprintable():
            raise StanzaError("picture", "the URL is none of a web server")
        return Picture((picture.get("id") or "")[:_MAX_ID], url)


@dataclass(frozen=True, slots=True)
class SetPicture(Query[str]):
    """Set the own picture or that of a group, or take it away; gives the id of the new one.

    Attributes:
        data: a JPEG; None takes the picture away.
        group: None means the own account.
    """

    data: bytes | None
    group: Jid | None = None

    def request(self) -> Node:
        """`<picture type="image">`, or nothing."""
        if self.data is None:
            return _about(iq_set(_PICTURES), self.group)
        return _about(iq_set(_PICTURES, Node("picture", {"type": "image"}, self.data)), self.group)

    def parse(self, reply: Node) -> str:
        """The id; empty when the picture was taken away."""
        return "" if self.data is None else reply.child("picture").attr("id")[:_MAX_ID]


def _about(iq: Node, target: Jid | None) -> Node:
    if target is not None:
        iq.attrs["target"] = target
    return iq


@dataclass(frozen=True, slots=True)
class SetAbout(Query[None]):
    """Set the own about text; an empty one takes it away."""

    text: str

    def request(self) -> Node:
        """`<status>text</status>`.

        Raises:
            InvalidInput: the text is too long.
        """
        if len(self.text) > MAX_ABOUT:
            raise InvalidInput(f"an about text has at most {MAX_ABOUT} characters")
        try:
            text = self.text.encode()
        except UnicodeEncodeError as exc:
            raise InvalidInput("an about text is Unicode") from exc
        return iq_set("status", Node("status", {}, text or None))

    def parse(self, reply: Node) -> None:
        """The result is empty."""


@dataclass(frozen=True, slots=True)
class SetDefaultTimer(Query[None]):
    """Set the timer of new chats, in seconds; 0 turns it off."""

    seconds: int

    def request(self) -> Node:
        """`<disappearing_mode duration/>`.

        Raises:
            InvalidInput: the timer is negative, or longer than can be told.
        """
        if not 0 <= self.seconds <= MAX_TIMER:
            raise InvalidInput("a timer is a number of seconds, 0 for off")
        mode = Node("disappearing_mode", {"duration": str(self.seconds)})
        return iq_set("disappearing_mode", mode)

    def parse(self, reply: Node) -> None:
        """The result is empty."""
