"""Channels as the server knows them: followers with their roles, posts. No stanza is made here.

People are named by their phone number throughout.

Source: docs/protocol/newsletters.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..crypto import RandomBytes
from ..errors import InvalidInput
from ..wire import Jid

OWNER, ADMIN, SUBSCRIBER, GUEST = "OWNER", "ADMIN", "SUBSCRIBER", "GUEST"
ACTIVE, SUSPENDED, GEOSUSPENDED, DELETED = "ACTIVE", "SUSPENDED", "GEOSUSPENDED", "DELETED"
STATES = (ACTIVE, SUSPENDED, GEOSUSPENDED, DELETED)

REACTION_MODES = ("ALL", "BASIC", "NONE", "BLOCKLIST")
"""Which reactions a channel takes: any, the usual ones, none, any but some."""

BASIC_REACTIONS = frozenset({"👍", "❤️", "❤", "😂", "😮", "😢", "🙏"})

MUTE_ADMIN, MUTE_FOLLOWER = "MUTE_ADMIN_ACTIVITY", "MUTE_FOLLOWER_ACTIVITY"
MUTES = (MUTE_ADMIN, MUTE_FOLLOWER)
"""Whose doings one is not told of: posts of admins, reactions of followers."""

FIRST_SERVER_ID = 100
POSTS_KEPT = 10_000
"""Posts of one channel; the oldest goes when there is one more."""

_ID_PREFIX = "120363"
_INVITE_PREFIX = "0029Va"
_INVITE_RANDOM = 16
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Text:
    """A name or description, and when it was written (unix microseconds)."""

    text: str
    t_us: int


@dataclass(slots=True)
class Follower:
    """Somebody who follows a channel.

    Attributes:
        number: whose account.
        role: OWNER, ADMIN or SUBSCRIBER.
        since: unix seconds.
        muted: those of MUTES that are on.
    """

    number: str
    role: str = SUBSCRIBER
    since: int = 0
    muted: set[str] = field(default_factory=set)

    @property
    def is_admin(self) -> bool:
        """Whether it may post and change the channel."""
        return self.role in (OWNER, ADMIN)


@dataclass(slots=True)
class Post:
    """One message of a channel.

    Attributes:
        server_id: counts up in the channel; what everybody calls the post by.
        id: the sender's id of it.
        author: number.
        t: unix seconds.
        type: of the stanza, "text" or "media" or the like.
        mediatype: of the content, "" for a text.
        plaintext: the content as it was posted last; empty once it is revoked.
        edited_ms: when the content was changed last, unix milliseconds; 0: never.
        is_revoked: an admin has deleted it.
        changed: when anything about it has changed last, counters too; unix seconds.
        reactions: by number, the code and when (unix seconds).
        viewers: numbers of those who have seen it.
    """

    server_id: int
    id: str
    author: str
    t: int
    type: str
    mediatype: str
    plaintext: bytes
    edited_ms: int = 0
    is_revoked: bool = False
    changed: int = 0
    reactions: dict[str, tuple[str, int]] = field(default_factory=dict)
    viewers: set[str] = field(default_factory=set)

    @property
    def content_t(self) -> int:
        """When what it says has changed last, unix seconds."""
        return max(self.t, self.edited_ms // 1000)

    def counts(self) -> dict[str, int]:
        """How many have reacted how, the most frequent first."""
        found: dict[str, int] = {}
        for code, _ in self.reactions.values():
            found[code] = found.get(code, 0) + 1
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


@dataclass(slots=True)
class Newsletter:
    """One channel.

    Attributes:
        user: the part of its JID before `@newsletter`.
        name: what it is called.
        description: may be empty.
        created: unix seconds.
        invite: the code of its link.
        followers: by number, in the order in which they came; admins and owner included.
        picture: id and JPEG bytes.
        reactions: one of REACTION_MODES.
        state: one of STATES.
        invited: numbers of those who may become admins, and until when (unix seconds).
        posts: by server id, in order.
        last_server_id: of the newest post ever.
    """

    user: str
    name: Text
    description: Text
    created: int
    invite: str
    followers: dict[str, Follower] = field(default_factory=dict)
    picture: tuple[str, bytes] | None = None
    reactions: str = "ALL"
    state: str = ACTIVE
    invited: dict[str, int] = field(default_factory=dict)
    posts: dict[int, Post] = field(default_factory=dict)
    last_server_id: int = FIRST_SERVER_ID - 1
    _by_id: dict[str, int] = field(default_factory=dict)

    @property
    def jid(self) -> Jid:
        """Its address."""
        return Jid(self.user, "newsletter")

    @property
    def owner(self) -> str | None:
        """The number of the owner; None once it is deleted."""
        return next((f.number for f in self.followers.values() if f.role == OWNER), None)

    def role(self, number: str) -> str:
        """What somebody is to this channel; GUEST for who does not follow it."""
        follower = self.followers.get(number)
        return GUEST if follower is None else follower.role

    def is_admin(self, number: str) -> bool:
        """Whether somebody may post and change the channel."""
        follower = self.followers.get(number)
        return follower is not None and follower.is_admin

    def admins(self) -> list[str]:
        """The numbers of owner and admins."""
        return [f.number for f in self.followers.values() if f.is_admin]

    def takes(self, code: str) -> bool:
        """Whether a reaction is allowed here."""
        if self.reactions == "BASIC":
            return code in BASIC_REACTIONS
        return self.reactions != "NONE"

    def find(self, message_id: str) -> Post | None:
        """The post that its sender called so."""
        server_id = self._by_id.get(message_id)
        return None if server_id is None else self.posts.get(server_id)

    def add(self, post: Post) -> None:
        """Enter a post; the oldest makes room if need be."""
        self.posts[post.server_id] = post
        self._by_id[post.id] = post.server_id
        self.last_server_id = max(self.last_server_id, post.server_id)
        if len(self.posts) > POSTS_KEPT:
            gone = self.posts.pop(next(iter(self.posts)))
            if self._by_id.get(gone.id) == gone.server_id:
                del self._by_id[gone.id]


class NewsletterBook:
    """All channels, found by JID, by follower and by invite code.

    Args:
        random_bytes: makes ids and codes.
    """

    def __init__(self, random_bytes: RandomBytes = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._by_user: dict[str, Newsletter] = {}
        self._by_invite: dict[str, Newsletter] = {}
        self._of: dict[str, dict[str, Newsletter]] = {}

    def __iter__(self) -> Iterator[Newsletter]:
        return iter(list(self._by_user.values()))

    def __len__(self) -> int:
        return len(self._by_user)

    def create(self, owner: str, name: str, description: str, t_us: int) -> Newsletter:
        """A new channel whose only follower is its owner.

        Args:
            owner: number.
            name: what it is called.
            description: may be empty.
            t_us: the time, unix microseconds.
        """
        newsletter = Newsletter(
            self._new_id(),
            Text(name, t_us),
            Text(description, t_us + 1),
            t_us // 1_000_000,
            self._new_invite(),
        )
        self.add(newsletter)
        self.follow(newsletter, Follower(owner, OWNER, newsletter.created))
        return newsletter

    def add(self, newsletter: Newsletter) -> None:
        """Enter a channel that was made elsewhere (a saved one).

        Raises:
            InvalidInput: there is one of that id or invite code.
        """
        if newsletter.user in self._by_user or newsletter.invite in self._by_invite:
            raise InvalidInput("there is a channel of that id or invite code")
        self._by_user[newsletter.user] = newsletter
        self._by_invite[newsletter.invite] = newsletter
        for number in newsletter.followers:
            self._of.setdefault(number, {})[newsletter.user] = newsletter

    def find(self, jid: Jid | None) -> Newsletter | None:
        """The channel with this address."""
        if jid is None or not jid.is_newsletter:
            return None
        return self._by_user.get(jid.user)

    def by_invite(self, code: str) -> Newsletter | None:
        """The channel that an invite code belongs to."""
        return self._by_invite.get(code)

    def of(self, number: str) -> list[Newsletter]:
        """The channels that an account follows."""
        return list(self._of.get(number, {}).values())

    def follow(self, newsletter: Newsletter, follower: Follower) -> None:
        """Let somebody follow a channel."""
        newsletter.followers[follower.number] = follower
        self._of.setdefault(follower.number, {})[newsletter.user] = newsletter

    def leave(self, newsletter: Newsletter, number: str) -> None:
        """Let somebody follow it no more."""
        newsletter.followers.pop(number, None)
        self._of.get(number, {}).pop(newsletter.user, None)

    def delete(self, newsletter: Newsletter) -> None:
        """End a channel; only its name stays."""
        newsletter.state = DELETED
        for number in list(newsletter.followers):
            self.leave(newsletter, number)
        newsletter.posts.clear()
        newsletter.invited.clear()

    def _new_id(self) -> str:
        while True:
            digits = int.from_bytes(self._random_bytes(8), "big") % 10**12
            user = f"{_ID_PREFIX}{digits:012d}"
            if user not in self._by_user:
                return user

    def _new_invite(self) -> str:
        while True:
            drawn = self._random_bytes(_INVITE_RANDOM)
            code = _INVITE_PREFIX + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in drawn)
            if code not in self._by_invite:
                return code
