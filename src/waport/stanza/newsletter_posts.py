"""The posts of a channel: lists of them, news about their counters, views, own reactions.

Source: docs/protocol/newsletters.md, "Posts", "Live updates" and "Lists of posts".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InvalidInput, StanzaError
from ..model.newsletter import OwnReaction, Post, PostCounts
from ..wire import SERVER, AttrValue, Jid, Node
from .newsletters import channel_or_none
from .query import Query, iq_get, iq_set

XMLNS = "newsletter"

MAX_POSTS = 300
"""Posts in one list."""

MAX_VIEWED = 500
"""Posts in one receipt of views."""

MAX_CODES = 512
"""Different reactions to one post, or answers of one poll."""

TERMS = ("20601218", "20601217")
"""The notices that have to be agreed to before a channel is made: the older number and the newer
one (docs/protocol/newsletters.md, "Roles")."""

_MAX_TIME = 2**42
_MAX_ID = 256
_MAX_CODE = 64
_EDITED, _REVOKED, _REACTION_REMOVED = "3", "8", "7"
_MIN_DURATION, _MAX_DURATION = 30, 600


# --- reading -------------------------------------------------------------------------------------


def read_posts(listing: Node) -> tuple[Post, ...]:
    """Read `<messages>`; one that cannot be read is left out alone."""
    posts = []
    for node in listing.children("message")[:MAX_POSTS]:
        try:
            posts.append(read_post(node))
        except StanzaError:
            continue
    return tuple(posts)


def read_post(node: Node) -> Post:
    """Read a `<message>` of a list.

    Raises:
        StanzaError: it has no number.
    """
    server_id = server_id_of(node)
    if server_id is None:
        raise StanzaError(node.tag, "no number")
    edit, meta = node.get("edit"), node.find("meta")
    plaintext = node.find("plaintext")
    is_revoked = edit == _REVOKED
    content = None
    if plaintext is not None and isinstance(plaintext.content, bytes) and not is_revoked:
        content = plaintext.content
    return Post(
        server_id,
        node.get("id", "")[:_MAX_ID],
        _number(meta, "original_msg_t", _MAX_TIME) or _number(node, "t", _MAX_TIME),
        content,
        node.get("is_sender") == "true",
        is_revoked,
        _number(meta, "msg_edit_t", _MAX_TIME * 1000) if edit == _EDITED else 0,
        _counts(node),
    )


def server_id_of(node: Node) -> int | None:
    """The number of a post in its channel; None without one."""
    number = node.get_int("server_id")
    return number if number is not None and 0 < number < 2**62 else None


def _counts(node: Node) -> PostCounts | None:
    """The counters; None where none of them is told."""
    told = {child.tag: child for child in node.children()}
    if not told.keys() & {"reactions", "views_count", "forwards_count", "votes", "responses_count"}:
        return None
    reactions, votes = told.get("reactions"), told.get("votes")
    return PostCounts(
        _tally(reactions),
        _number(told.get("views_count"), "count", 2**62),
        _number(told.get("forwards_count"), "count", 2**62),
        _number(told.get("responses_count"), "count", 2**62),
        _votes(votes),
    )


def _tally(reactions: Node | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in [] if reactions is None else reactions.children("reaction")[:MAX_CODES]:
        code, count = node.get("code", ""), _number(node, "count", 2**62)
        if code and count and len(code) <= _MAX_CODE:
            found[code] = count
    return found


def _votes(votes: Node | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in [] if votes is None else votes.children("vote")[:MAX_CODES]:
        count = _number(node, "count", 2**62)
        if isinstance(node.content, bytes) and len(node.content) == 32:
            found[node.content.hex()] = count
    return found


def _number(node: Node | None, name: str, most: int) -> int:
    value = 0 if node is None else node.get_int(name, 0)
    return value if 0 <= value <= most else 0


@dataclass(frozen=True, slots=True)
class PostNotice:
    """What a notification of type `newsletter` tells.

    Attributes:
        channel: which.
        posts: whose counters, or more, have changed.
        others: the tags of children that are not understood.
    """

    channel: Jid
    posts: tuple[Post, ...]
    others: tuple[str, ...] = ()


def parse_post_notification(node: Node) -> PostNotice:
    """Read a notification of type `newsletter`.

    Raises:
        StanzaError: it does not come from a channel.
    """
    channel = channel_or_none(node.get_jid("from"))
    if channel is None:
        raise StanzaError(node.tag, "not from a channel")
    posts: list[Post] = []
    others: list[str] = []
    for child in node.children()[:MAX_POSTS]:
        if child.tag == "live_updates":
            for listing in child.children("messages")[:MAX_POSTS]:
                posts += read_posts(listing)
        elif child.tag == "messages":
            posts += read_posts(child)
        else:
            others.append(child.tag[:_MAX_CODE])
    return PostNotice(channel, tuple(posts[:MAX_POSTS]), tuple(others))


# --- questions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchPosts(Query[tuple[Post, ...]]):
    """Posts of a channel, the older ones first.

    Args:
        key: the channel, or the code of its link.
        count: 1 to 300.
        before: only those with a lower number; not together with `after`.
        after: only those with a higher number, the lowest of them.
    """

    key: Jid | str
    count: int = 50
    before: int | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        """Raises InvalidInput when a number is out of range."""
        _check_paging(self.count, self.before, self.after)

    def request(self) -> Node:
        """`<messages type jid count before|after>`; by code `key` in place of `jid`."""
        attrs: dict[str, AttrValue] = {"type": "jid"}
        if isinstance(self.key, str):
            attrs = {"type": "invite", "key": self.key}
        else:
            attrs["jid"] = self.key
        attrs |= _paging(self.count, self.before, self.after)
        return iq_get(XMLNS, Node("messages", attrs), to=SERVER)

    def parse(self, reply: Node) -> tuple[Post, ...]:
        """The posts; those that cannot be read are left out.

        Raises:
            StanzaError: there is no list, or it is of another channel.
        """
        listing = reply.child("messages")
        told = listing.get_jid("jid")
        if told is not None and not isinstance(self.key, str) and told != self.key:
            raise StanzaError(listing.tag, "posts of another channel")
        return read_posts(listing)


@dataclass(frozen=True, slots=True)
class FetchPostUpdates(Query[tuple[Post, ...]]):
    """What has changed about the posts of a channel: counters, and the content where it did.

    Args:
        since: Unix seconds; None for whatever the server thinks of interest.
    """

    channel: Jid
    count: int = 100
    since: int | None = None
    before: int | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        """Raises InvalidInput when a number is out of range."""
        _check_paging(self.count, self.before, self.after)

    def request(self) -> Node:
        """`<message_updates count since before|after>`, to the channel."""
        attrs = _paging(self.count, self.before, self.after)
        if self.since is not None:
            attrs["since"] = str(self.since)
        return iq_get(XMLNS, Node("message_updates", attrs), to=self.channel)

    def parse(self, reply: Node) -> tuple[Post, ...]:
        """The posts; those that cannot be read are left out.

        Raises:
            StanzaError: there is no list.
        """
        return read_posts(reply.child("message_updates").child("messages"))


@dataclass(frozen=True, slots=True)
class WatchPosts(Query[int]):
    """Be told of changed counters as they change, for a while."""

    channel: Jid

    def request(self) -> Node:
        """Set `<live_updates/>`, to the channel."""
        return iq_set(XMLNS, Node("live_updates"), to=self.channel)

    def parse(self, reply: Node) -> int:
        """For how many seconds, from 30 to 600.

        Raises:
            StanzaError: the answer does not say.
        """
        duration = reply.child("live_updates").int_attr("duration")
        return max(_MIN_DURATION, min(duration, _MAX_DURATION))


@dataclass(frozen=True, slots=True)
class FetchOwnReactions(Query[tuple[OwnReaction, ...]]):
    """Our own reactions, in one channel or in all that we follow."""

    channel: Jid | None = None
    limit: int = 100

    def request(self) -> Node:
        """`<my_addons limit jid>`."""
        attrs: dict[str, AttrValue] = {"limit": str(max(1, min(self.limit, MAX_POSTS)))}
        if self.channel is not None:
            attrs["jid"] = self.channel
        return iq_get(XMLNS, Node("my_addons", attrs), to=self.channel or SERVER)

    def parse(self, reply: Node) -> tuple[OwnReaction, ...]:
        """The reactions; what cannot be read is left out.

        Raises:
            StanzaError: there is no list.
        """
        found = []
        for listing in reply.child("my_addons").children("messages")[:MAX_POSTS]:
            channel = channel_or_none(listing.get_jid("jid"))
            for node in [] if channel is None else listing.children("message")[:MAX_POSTS]:
                number, reaction = server_id_of(node), node.find("reaction")
                code = "" if reaction is None else reaction.get("code", "")
                if channel is not None and number is not None and 0 < len(code) <= _MAX_CODE:
                    at = _number(reaction, "t", _MAX_TIME)
                    found.append(OwnReaction(channel, number, code, at))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class AgreeToTerms(Query[None]):
    """Agree to what channels are made under.

    Args:
        notice: one of `TERMS`.
    """

    notice: str

    def request(self) -> Node:
        """`<notice id stage="5"/>` of `tos`."""
        return iq_set("tos", Node("notice", {"id": self.notice, "stage": "5"}))

    def parse(self, reply: Node) -> None:
        """The result is empty."""


def _check_paging(count: int, before: int | None, after: int | None) -> None:
    if not 0 < count <= MAX_POSTS:
        raise InvalidInput(f"posts are listed by 1 to {MAX_POSTS}")
    if before is not None and after is not None:
        raise InvalidInput("posts are listed before a number or after one")
    if any(number is not None and number < 0 for number in (before, after)):
        raise InvalidInput("the number of a post is not negative")


def _paging(count: int, before: int | None, after: int | None) -> dict[str, AttrValue]:
    attrs: dict[str, AttrValue] = {"count": str(count)}
    if before is not None:
        attrs["before"] = str(before)
    if after is not None:
        attrs["after"] = str(after)
    return attrs


# --- what we send --------------------------------------------------------------------------------


def view_receipt(channel: Jid, receipt_id: str, server_ids: Sequence[int]) -> Node:
    """Posts were seen; at most `MAX_VIEWED` of them."""
    items = [Node("item", {"server_id": str(number)}) for number in server_ids]
    attrs: dict[str, AttrValue] = {"to": channel, "type": "view", "id": receipt_id}
    return Node("receipt", attrs, [Node("list", {}, items)])


def build_reaction(message_id: str, channel: Jid, server_id: int, code: str) -> Node:
    """A reaction to a post; an empty code takes it back."""
    attrs: dict[str, AttrValue] = {
        "id": message_id,
        "to": channel,
        "type": "reaction",
        "server_id": str(server_id),
    }
    if not code:
        attrs["edit"] = _REACTION_REMOVED
    reaction = Node("reaction", {"code": code} if code else {})
    return Node("message", attrs, [reaction])
