"""`<call>` stanzas: what the server tells of calls, how they are answered, declined and linked to.

Source: docs/protocol/queries.md, "Calls".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..errors import InvalidInput, StanzaError
from ..model.call import CallLink, CallStatus
from ..wire import AttrValue, Jid, Node
from .query import Query

CALLS = Jid("", "call")
"""Where links are made."""

MAX_CALL_ID = 128
MAX_PARTICIPANTS = 64
"""Members of one offer that are looked at; a call holds 32 people."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_RECEIPTED = frozenset(("offer", "accept", "reject", "enc_rekey"))
_MAX_TIME = 2**42
_MAX_SECONDS = 10**8

Media = Literal["audio", "video"]


@dataclass(frozen=True, slots=True)
class CallNews:
    """One `<call>` as the server delivers it.

    Attributes:
        id: of the call.
        source: who says so, as the stanza names them.
        creator: the caller's device, as the stanza names it.
        caller_pn: the caller by phone number, bare, when the server says it beside a hidden id.
        claimed_pn: the number that the offer itself names beside a hidden id, bare. The caller's
            device has written it, so it proves nothing.
        status: what happened.
        is_offer: it is one, so that what stands below is known.
        is_video, group, is_group, participants: see `waport.model.call.Call`.
        reason: why it ended, in the server's word.
        duration_s: how long people talked.
        timestamp: Unix seconds, 0 when absent.
        is_offline: it waited at the server.
    """

    id: str
    source: Jid
    creator: Jid
    caller_pn: Jid | None
    claimed_pn: Jid | None
    status: CallStatus
    is_offer: bool
    is_video: bool
    group: Jid | None
    is_group: bool
    participants: tuple[Jid, ...]
    reason: str
    duration_s: int
    timestamp: int
    is_offline: bool


def parse_call(node: Node) -> CallNews | None:
    """Read a `<call>`; None when it names no call.

    Raises:
        StanzaError: it does not say from whom it is.
    """
    source = node.jid("from")
    children = node.children()
    child = children[0] if children else None
    call_id = "" if child is None else _call_id(child)
    if child is None or not call_id:
        return None
    creator = child.get_jid("call-creator")
    if creator is None or not (creator.is_pn or creator.is_lid):
        creator = source
    if not (creator.is_pn or creator.is_lid):
        return None
    group = child.get_jid("group-jid")
    if group is not None and not group.is_group:
        group = None
    is_offer = child.tag in ("offer", "offer_notice")
    return CallNews(
        id=call_id,
        source=source,
        creator=creator,
        caller_pn=_caller_pn(node, creator),
        claimed_pn=_number(child, "caller_pn") if creator.is_lid else None,
        status=_status(child),
        is_offer=is_offer,
        is_video=child.find("video") is not None or child.get("media") == "video",
        group=group,
        is_group=group is not None or child.get("type") == "group",
        participants=_participants(child) if is_offer else (),
        reason=(child.get("reason") or "")[:MAX_CALL_ID],
        duration_s=_bounded(child.get_int("duration", 0), _MAX_SECONDS),
        timestamp=_bounded(node.get_int("t", 0), _MAX_TIME),
        is_offline="offline" in node.attrs,
    )


def _call_id(child: Node) -> str:
    """The id of a call; empty when there is none that could be one."""
    call_id = child.get("call-id") or ""
    return call_id if len(call_id) <= MAX_CALL_ID and call_id.isprintable() else ""


def _status(child: Node) -> CallStatus:
    match child.tag:
        case "offer" | "offer_notice":
            return CallStatus.OFFER
        case "accept":
            return CallStatus.ACCEPT
        case "reject":
            return CallStatus.REJECT
        case "terminate" if child.get("reason") == "timeout":
            return CallStatus.TIMEOUT
        case "terminate":
            return CallStatus.TERMINATE
    return CallStatus.RINGING


def _caller_pn(node: Node, creator: Jid) -> Jid | None:
    """The number of a hidden caller, by the outer element, which is the server's own."""
    source, sender_lid = node.get_jid("from"), node.get_jid("sender_lid")
    if source is None or not creator.is_lid:
        return None
    if source.bare == creator.bare:
        return _number(node, "sender_pn")
    is_caller = source.is_pn and sender_lid is not None and sender_lid.bare == creator.bare
    return source.bare if is_caller else None


def _number(node: Node, name: str) -> Jid | None:
    jid = node.get_jid(name)
    return jid.bare if jid is not None and jid.is_pn else None


def _participants(offer: Node) -> tuple[Jid, ...]:
    """`<group_info><participant|user jid/>`; whoever has no readable address is left out."""
    info = offer.find("group_info")
    if info is None:
        return ()
    people = []
    for each in info.children()[:MAX_PARTICIPANTS]:
        jid = each.get_jid("jid")
        if jid is not None and (jid.is_pn or jid.is_lid) and jid.bare not in people:
            people.append(jid.bare)
    return tuple(people)


def _bounded(value: int | None, most: int) -> int:
    return value if value is not None and 0 <= value <= most else 0


def call_answer(node: Node, own: Jid) -> Node:
    """What takes a `<call>` off the server's queue: a receipt for a few of its kinds, else an ack.

    Args:
        own: this device, in the kind of address in which it was called.

    Raises:
        StanzaError: it has no id.
    """
    children = node.children()
    tag = children[0].tag if children else ""
    call_id = _call_id(children[0]) if children else ""
    to = node.attrs.get("from")
    if tag in _RECEIPTED and call_id and to is not None:
        attrs: dict[str, AttrValue] = {"id": node.attr("id"), "to": to, "from": own}
        child: dict[str, AttrValue] = {"call-id": call_id}
        if (creator := children[0].attrs.get("call-creator")) is not None:
            child["call-creator"] = creator
        return Node("receipt", attrs, [Node(tag, child)])
    attrs = {"class": "call", "id": node.attr("id"), "to": to or CALLS}
    # One that names no call is acked without a type.
    if tag and call_id:
        attrs["type"] = tag
    return Node("ack", attrs)


# --- what we ask ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RejectCall(Query[None]):
    """Decline a call.

    Attributes:
        call_id: of the call.
        creator: the caller's device, as the server names it.
        own: this device.
    """

    call_id: str
    creator: Jid
    own: Jid

    def request(self) -> Node:
        """`<call><reject/></call>`.

        Raises:
            InvalidInput: there is no such id.
        """
        if not 0 < len(self.call_id) <= MAX_CALL_ID:
            raise InvalidInput(f"the id of a call has 1 to {MAX_CALL_ID} characters")
        attrs: dict[str, AttrValue] = {
            "call-id": self.call_id,
            "call-creator": self.creator,
            "count": "0",
        }
        return Node("call", {"to": self.creator, "from": self.own}, [Node("reject", attrs)])

    def parse(self, reply: Node) -> None:
        """The ack says nothing more."""


@dataclass(frozen=True, slots=True)
class CreateCallLink(Query[CallLink]):
    """Make a link through which anybody can call.

    Attributes:
        is_video: with a picture.
        start_at: when the call is planned, Unix seconds.
    """

    is_video: bool
    start_at: int | None = None

    def request(self) -> Node:
        """`<call to="@call"><link_create media/></call>`.

        Raises:
            InvalidInput: the time is none.
        """
        if self.start_at is not None and not 0 < self.start_at <= _MAX_TIME:
            raise InvalidInput("a call begins at a time in Unix seconds")
        event = (
            None if self.start_at is None else [Node("event", {"start_time": str(self.start_at)})]
        )
        link = Node("link_create", {"media": _media(self.is_video)}, event)
        return Node("call", {"to": CALLS}, [link])

    def parse(self, reply: Node) -> CallLink:
        """The link.

        Raises:
            StanzaError: there is no token.
        """
        return CallLink(_token(reply.child("link_create")), self.is_video)


@dataclass(frozen=True, slots=True)
class QueryCallLink(Query[CallLink]):
    """What is known of a link."""

    token: str
    is_video: bool

    def request(self) -> Node:
        """`<call to="@call"><link_query token media action="preview"/></call>`.

        Raises:
            InvalidInput: the token is none.
        """
        if _TOKEN.fullmatch(self.token) is None:
            raise InvalidInput("the token of a call link has letters, digits, - and _ alone")
        link = {"token": self.token, "media": _media(self.is_video), "action": "preview"}
        return Node("call", {"to": CALLS}, [Node("link_query", {**link})])

    def parse(self, reply: Node) -> CallLink:
        """The link as the server knows it.

        Raises:
            StanzaError: it says nothing of it.
        """
        found = reply.child("link_query")
        creator = found.get_jid("link-creator") or found.get_jid("call-creator")
        media = found.get("media")
        return CallLink(
            self.token,
            self.is_video if media not in ("audio", "video") else media == "video",
            None if creator is None or not (creator.is_pn or creator.is_lid) else creator.bare,
            found.find("waiting_room") is not None or found.get("waiting_room") in ("1", "true"),
        )


def _media(is_video: bool) -> Media:
    return "video" if is_video else "audio"


def _token(node: Node) -> str:
    token = node.attr("token")
    if _TOKEN.fullmatch(token) is None:
        raise StanzaError(node.tag, "the token is none")
    return token
