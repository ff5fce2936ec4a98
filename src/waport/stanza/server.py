"""Small questions: properties of the server, bots, terms, announcements, reports.

Source: docs/protocol/queries.md, "Small queries".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..errors import InvalidInput, StanzaError
from ..model.server import Bot, BotList, ServerProperties
from ..wire import AttrValue, Jid, Node
from .query import Query, iq_get, iq_set

MAX_PROPERTIES = 20_000
MAX_BOTS = 2000
MAX_REPORTED = 5

SpamFlow = Literal[
    "MessageMenu", "ContactInfo", "GroupInfoReport", "GroupSpamBannerReport", "StatusReport"
]

_MAX_VALUE = 4096
_MAX_NAME = 256


# --- properties ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchProperties(Query[ServerProperties]):
    """The server's properties; those that we have, if nothing changed.

    Attributes:
        known: what we have.
    """

    known: ServerProperties = field(default_factory=ServerProperties)

    def request(self) -> Node:
        """`<props protocol="1" hash?/>`."""
        attrs: dict[str, AttrValue] = {"protocol": "1"}
        if self.known.hash:
            attrs["hash"] = self.known.hash
        return iq_get("abt", Node("props", attrs))

    def parse(self, reply: Node) -> ServerProperties:
        """The properties; entries that are none are left out, those for statistics too.

        Raises:
            StanzaError: there is no `<props>`.
        """
        props = reply.child("props")
        values = {}
        for prop in props.children("prop")[:MAX_PROPERTIES]:
            code, value = prop.get("config_code"), prop.get("config_value")
            if code and value is not None and len(code) <= _MAX_NAME and len(value) <= _MAX_VALUE:
                values[code] = value
        name = (props.get("hash") or "")[:_MAX_NAME]
        if props.get("delta_update") == "true":
            values = {**self.known.values, **values}
        elif not values and name and name == self.known.hash:
            values = dict(self.known.values)
        refresh = props.get_int("refresh", 0) or 0
        return ServerProperties(name, values, refresh if 0 <= refresh <= 2**31 else 0)


# --- bots ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchBots(Query[BotList]):
    """The bots that may be written to."""

    def request(self) -> Node:
        """`<bot v="2"/>`."""
        return iq_get("bot", Node("bot", {"v": "2"}))

    def parse(self, reply: Node) -> BotList:
        """The bots; entries without an address are left out.

        Raises:
            StanzaError: there is no `<bot>`.
        """
        answer = reply.child("bot")
        found: list[Bot] = []
        for section in answer.children("section"):
            name = (section.get("name") or section.get("type") or "")[:_MAX_NAME]
            for node in section.children("bot"):
                bot = _bot(node, name)
                if bot is not None and len(found) < MAX_BOTS:
                    found.append(bot)
        default = answer.find("default")
        return BotList(tuple(found), None if default is None else _bot(default, ""))


def _bot(node: Node, section: str) -> Bot | None:
    jid = node.get_jid("jid")
    if jid is None or not jid.user:
        return None
    return Bot(jid.bare, (node.get("persona_id") or "")[:_MAX_NAME], section)


# --- terms ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AcceptTerms(Query[None]):
    """Agree to terms.

    Attributes:
        notice: their id.
        stage: how far the user has come with them, in the server's number.
    """

    notice: str
    stage: int

    def request(self) -> Node:
        """`<notice id stage/>`.

        Raises:
            InvalidInput: there is no such id.
        """
        if not (self.notice.isascii() and self.notice.isdigit()) or len(self.notice) > 32:
            raise InvalidInput("the id of terms is a number")
        return iq_set("tos", Node("notice", {"id": self.notice, "stage": str(self.stage)}))

    def parse(self, reply: Node) -> None:
        """The result is empty."""


# --- announcements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnnouncementsBlocked(Query[bool]):
    """Whether the chat of WhatsApp's own announcements is blocked; set it first, if told to.

    Attributes:
        change: block or unblock; None only asks.
    """

    change: bool | None = None

    def request(self) -> Node:
        """`<query><blocking_status/></query>` or `<blocking action/>`."""
        if self.change is None:
            return iq_get("w:comms:chat", Node("query", {}, [Node("blocking_status")]))
        action = "block" if self.change else "unblock"
        return iq_set("w:comms:chat", Node("blocking", {"action": action}))

    def parse(self, reply: Node) -> bool:
        """Whether it is.

        Raises:
            StanzaError: it is not told.
        """
        status = reply.child("blocking").attr("status")
        if status not in ("blocked", "unblocked"):
            raise StanzaError("blocking", "an unknown status")
        return status == "blocked"


# --- reports -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """A message that is shown to WhatsApp.

    Attributes:
        id: of the message.
        sender: its author, bare.
        timestamp: Unix seconds.
        content: the serialized message.
        participant: the author in a group, where `sender` is the group.
    """

    id: str
    sender: Jid
    timestamp: int
    content: bytes = field(repr=False)
    participant: Jid | None = None


@dataclass(frozen=True, slots=True)
class ReportSpam(Query[str]):
    """Report a person or a group to WhatsApp; the id of the report, empty if it is not told.

    Attributes:
        flow: from where the user reports.
        messages: what is shown, the last few.
        group: the group that is reported; None for a person.
        subject: of the group.
        tokens: what shows that the person knows us.
    """

    flow: SpamFlow
    messages: Sequence[ReportedMessage]
    group: Jid | None = None
    subject: str = ""
    tokens: tuple[Node, ...] = ()

    def request(self) -> Node:
        """`<spam_list spam_flow><message><raw v="3">`.

        Raises:
            InvalidInput: no message is shown, or too many.
        """
        if not 1 <= len(self.messages) <= MAX_REPORTED:
            raise InvalidInput(f"a report shows 1 to {MAX_REPORTED} messages")
        attrs: dict[str, AttrValue] = {"spam_flow": self.flow}
        if self.group is not None:
            attrs |= {"jid": self.group, "subject": self.subject}
        shown = [_reported(message) for message in self.messages]
        return iq_set("spam", Node("spam_list", attrs, shown), *self.tokens)

    def parse(self, reply: Node) -> str:
        """The id."""
        old, new = reply.find("report_id"), reply.find("report")
        if new is not None:
            return (new.get("id") or "")[:_MAX_NAME]
        if old is None or not isinstance(old.content, bytes):
            return ""
        return old.content.decode(errors="replace")[:_MAX_NAME]


def _reported(message: ReportedMessage) -> Node:
    attrs: dict[str, AttrValue] = {
        "id": message.id,
        "t": str(message.timestamp),
        "from": message.sender,
    }
    if message.participant is not None:
        attrs["participant"] = message.participant
    raw = [Node("raw", {"v": "3"}, message.content)] if message.content else None
    return Node("message", attrs, raw)
