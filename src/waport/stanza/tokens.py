"""Trusted-contact tokens: giving ours, taking theirs, and what stands in a message.

Source: docs/protocol/messages.md, "Trusted-contact token".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..crypto import hmac_sha256
from ..errors import InvalidInput
from ..model import PrivacyToken
from ..wire import AttrValue, Jid, Node
from .query import Query, iq_set

BUCKET_S = 604_800
"""Time is counted in buckets of a week; a token holds until the third one after its own ends."""

BUCKETS = 4

MAX_TOKEN = 1024
"""Bytes of a token; real ones have some dozens."""

MAX_NOTIFIED = 16
"""Tokens looked at in one notification; real ones carry one."""

MAX_GIVEN = 256
"""People that one query gives a token to."""

CLOCK_SKEW_S = 24 * 3600
"""How far a token's time may be ahead of ours; one from later than that is no real one."""

_KIND = "trusted_contact"
_SERVICE_USER = "0"


def bears_tokens(jid: Jid) -> bool:
    """Whether messages to an address carry a token: people do, bots and the service do not."""
    is_person = jid.is_pn or jid.is_lid
    return is_person and not jid.bare.is_bot and jid.user != _SERVICE_USER


def is_fresh(timestamp: int, now: int) -> bool:
    """Whether a token of that time still counts. Both are Unix seconds."""
    return timestamp >= (now // BUCKET_S - (BUCKETS - 1)) * BUCKET_S


def is_giving_due(given_at: int, now: int) -> bool:
    """Whether a person should be given ours again: the last time lies in an older bucket.

    Args:
        given_at: Unix seconds; 0 for never.
        now: Unix seconds.
    """
    return given_at <= 0 or now // BUCKET_S > given_at // BUCKET_S


def tctoken_node(token: PrivacyToken, now: int) -> Node | None:
    """`<tctoken>` for a message to whoever gave us the token; None when it does not count any more,
    or there is none."""
    if not token.token or not is_fresh(token.timestamp, now):
        return None
    return Node("tctoken", {}, token.token)


def cstoken_node(salt: bytes, lid: Jid) -> Node:
    """`<cstoken>`, for a person who gave us no token.

    Args:
        salt: `nctSalt`, which the phone tells by app state and history.
        lid: the recipient.

    Raises:
        InvalidInput: the address is no LID.
    """
    if not lid.is_lid:
        raise InvalidInput("a cstoken is made from a LID")
    return Node("cstoken", {}, hmac_sha256(salt, str(lid.bare).encode()))


@dataclass(frozen=True, slots=True)
class IssueTokens(Query[None]):
    """Give people our token, so that they can write to us.

    Attributes:
        users: by LID where that is known; at most 256.
        timestamp: the token's time, Unix seconds.
    """

    users: Sequence[Jid]
    timestamp: int

    def request(self) -> Node:
        """`<iq xmlns="privacy"><tokens><token jid t type/></tokens></iq>`.

        Raises:
            InvalidInput: nobody, or too many.
        """
        if not 0 < len(self.users) <= MAX_GIVEN:
            raise InvalidInput(f"1 to {MAX_GIVEN} people are given a token at once")
        tokens = []
        for user in self.users:
            attrs: dict[str, AttrValue] = {"jid": user.bare}
            tokens.append(Node("token", {**attrs, "t": str(self.timestamp), "type": _KIND}))
        return iq_set("privacy", Node("tokens", {}, tokens))

    def parse(self, reply: Node) -> None:
        """What the result may hold is not needed."""


@dataclass(frozen=True, slots=True)
class GivenToken:
    """Somebody gave us a token.

    Attributes:
        sender: who, bare, as the notification names them.
        lid: the same person's hidden id, bare; None when not told.
        token: its bytes; empty when the notification brought none of use.
        timestamp: its time, Unix seconds.
    """

    sender: Jid
    lid: Jid | None
    token: bytes
    timestamp: int


def parse_privacy_token(node: Node, now: int) -> GivenToken:
    """Read a `privacy_token` notification; of several tokens the newest counts.

    Tokens of another kind, of no or too many bytes, without a time, or from the future are left
    out.

    Args:
        now: Unix seconds.

    Raises:
        StanzaError: it does not say from whom.
    """
    sender = node.jid("from").bare
    lid = sender if sender.is_lid else node.get_jid("sender_lid")
    listing = node.find("tokens")
    newest, token = 0, b""
    for child in [] if listing is None else listing.children("token")[:MAX_NOTIFIED]:
        timestamp = child.get_int("t", 0) or 0
        content = child.content
        if child.get("type") != _KIND or not isinstance(content, bytes):
            continue
        if 0 < len(content) <= MAX_TOKEN and newest < timestamp <= now + CLOCK_SKEW_S:
            newest, token = timestamp, content
    return GivenToken(sender, lid.bare if lid is not None and lid.is_lid else None, token, newest)
