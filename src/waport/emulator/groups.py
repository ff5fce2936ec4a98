"""Groups as the server knows them: members, settings, invitations. No stanza is made here.

People are named by their phone number throughout; what a client gets to see of them depends on the
group's addressing mode (`groups_nodes`).

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..crypto import RandomBytes
from ..errors import InvalidInput
from ..wire import Jid

AddressingMode = Literal["lid", "pn"]
"""Which of their two addresses the members of a group are known by."""

ADMIN = "admin"
SUPERADMIN = "superadmin"

FLAGS = {
    "announcement": "not_announcement",
    "locked": "unlocked",
    "no_frequently_forwarded": "frequently_forwarded_ok",
    "allow_admin_reports": "not_allow_admin_reports",
    "group_history": "no_group_history",
    "allow_non_admin_sub_group_creation": "not_allow_non_admin_sub_group_creation",
}
"""Settings that are on or off: the element that switches one on, and the one that switches it off.

The first is also what the metadata says while it is on.
"""

MODES = {
    "member_add_mode": ("all_member_add", "admin_add"),
    "member_link_mode": ("admin_link", "all_member_link"),
    "member_share_group_history_mode": ("admin_share", "all_member_share"),
}
"""Settings with a value: what a new group has, and what else there is."""

PLACES = ("", "parent", "default", "general", "linked")
"""What a group is to a community: nothing, the community itself, its announcement group, the group
in which all may write, or any other of its groups."""

_CODE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CODE_LENGTH = 22
"""Characters of an invite code, letters and digits."""

_ID_PREFIX = "120363"
_RESET_CODES_KEPT = 1_000


def new_code(random_bytes: RandomBytes = os.urandom) -> str:
    """A fresh invite code."""
    return "".join(_CODE_ALPHABET[byte % len(_CODE_ALPHABET)] for byte in random_bytes(CODE_LENGTH))


def is_code(text: str) -> bool:
    """Whether a text looks like an invite code."""
    return len(text) == CODE_LENGTH and all(c in _CODE_ALPHABET for c in text)


@dataclass(slots=True)
class Member:
    """Somebody who belongs to a group.

    Attributes:
        number: whose account.
        role: "", ADMIN or SUPERADMIN.
        joined: unix seconds.
    """

    number: str
    role: str = ""
    joined: int = 0

    @property
    def is_admin(self) -> bool:
        """Whether it may do what only admins may."""
        return self.role in (ADMIN, SUPERADMIN)


@dataclass(frozen=True, slots=True)
class Description:
    """The text below a group's name: its id, who wrote it and when (unix seconds)."""

    id: str
    text: str
    author: str
    t: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """A personal invitation, for somebody who may not simply be added.

    Attributes:
        code: goes to the invited one in a message.
        expiration: unix seconds.
        admin: number of who invited.
    """

    code: str
    expiration: int
    admin: str


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Somebody who waits for an admin to let them in.

    Attributes:
        method: "invite_link" or "non_admin_add".
        t: unix seconds.
        requestor: number of who asked for them, empty when they asked themselves.
    """

    method: str
    t: int
    requestor: str = ""


@dataclass(slots=True)
class Group:
    """One group.

    Attributes:
        user: the part of its JID before `@g.us`.
        subject: its name.
        subject_t: when it was named, unix seconds.
        subject_by: number of who named it.
        creator: number of who made it.
        created: unix seconds.
        key: what the creator's client called its request; the same key makes no second group.
        mode: which address its members are known by.
        members: by number, in the order in which they came.
        description: None when there is none.
        flags: those of FLAGS that are on.
        modes: a value for each of MODES.
        timer: seconds after which new messages disappear; 0 is off.
        approval: whoever joins needs an admin's consent.
        members_version: rises with each change of members and roles.
        info_version: rises with every other change.
        code: of the invite link.
        reset_codes: former ones.
        invitations: personal ones, by the number of the invited.
        requests: who waits to be let in, by number.
        removed: numbers that an admin has removed; they cannot come back by the link.
        picture: id and JPEG bytes.
        place: one of PLACES.
        parent: the `user` of the community that it belongs to.
        is_hidden: it is shown to its members alone.
    """

    user: str
    subject: str
    subject_t: int
    subject_by: str
    creator: str
    created: int
    key: str
    mode: AddressingMode
    code: str
    members: dict[str, Member] = field(default_factory=dict)
    description: Description | None = None
    flags: set[str] = field(default_factory=set)
    modes: dict[str, str] = field(default_factory=lambda: {k: v[0] for k, v in MODES.items()})
    timer: int = 0
    approval: bool = False
    members_version: int = 1
    info_version: int = 1
    reset_codes: list[str] = field(default_factory=list)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    requests: dict[str, JoinRequest] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    picture: tuple[str, bytes] | None = None
    place: str = ""
    parent: str = ""
    is_hidden: bool = False

    @property
    def jid(self) -> Jid:
        """Its address."""
        return Jid(self.user, "g.us")

    @property
    def parent_jid(self) -> Jid | None:
        """The address of its community."""
        return Jid(self.parent, "g.us") if self.parent else None

    @property
    def is_lid(self) -> bool:
        """Whether members are known by their LID."""
        return self.mode == "lid"

    def is_admin(self, number: str) -> bool:
        """Whether this member is an admin; False for somebody who is no member."""
        member = self.members.get(number)
        return member is not None and member.is_admin

    def admins(self) -> list[str]:
        """The numbers of all admins."""
        return [member.number for member in self.members.values() if member.is_admin]

    def may_send(self, number: str) -> bool:
        """Whether this member's messages are taken."""
        return "announcement" not in self.flags or self.is_admin(number)

    def may_edit(self, number: str) -> bool:
        """Whether this member may change what the group is called and looks like."""
        return "locked" not in self.flags or self.is_admin(number)

    def next_members(self) -> dict[str, str]:
        """Count up the version of members and roles; the attributes that tell both versions."""
        self.members_version += 1
        return {"prev_v_id": str(self.members_version - 1), "v_id": str(self.members_version)}

    def next_info(self) -> dict[str, str]:
        """Count up the version of everything else; the attributes that tell both versions."""
        self.info_version += 1
        return {"prev_v_id": str(self.info_version - 1), "v_id": str(self.info_version)}


class GroupBook:
    """All groups, found by JID, by member and by invite code.

    Args:
        random_bytes: makes ids and codes.
    """

    def __init__(self, random_bytes: RandomBytes = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._by_user: dict[str, Group] = {}
        self._of: dict[str, dict[str, Group]] = {}
        self._by_code: dict[str, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(list(self._by_user.values()))

    def __len__(self) -> int:
        return len(self._by_user)

    def create(
        self, creator: str, subject: str, t: int, mode: AddressingMode, key: str = ""
    ) -> Group:
        """A new group whose only member is its creator.

        Args:
            creator: number.
            subject: its name.
            t: the time, unix seconds.
            mode: which address its members are known by.
            key: see `Group.key`.
        """
        user = self._new_id()
        code = new_code(self._random_bytes)
        group = Group(user, subject, t, creator, creator, t, key, mode, code)
        self.add(group)
        self.join(group, Member(creator, SUPERADMIN, t))
        return group

    def add(self, group: Group) -> None:
        """Enter a group that was made elsewhere (a saved one).

        Raises:
            InvalidInput: there is one of that id or code.
        """
        if group.user in self._by_user or group.code in self._by_code:
            raise InvalidInput("there is a group of that id or code")
        self._by_user[group.user] = group
        for code in (group.code, *group.reset_codes):
            self._by_code[code] = group
        for number in group.members:
            self._of.setdefault(number, {})[group.user] = group

    def find(self, jid: Jid | None) -> Group | None:
        """The group with this address."""
        return self._by_user.get(jid.user) if jid is not None and jid.is_group else None

    def of(self, number: str) -> list[Group]:
        """The groups that an account is a member of."""
        return list(self._of.get(number, {}).values())

    def companions_of(self, number: str) -> set[str]:
        """The numbers of everybody who shares a group with this account, itself included."""
        return {other for group in self.of(number) for other in group.members}

    def created(self, number: str, key: str) -> Group | None:
        """The group that an account has made with this key."""
        if not key:
            return None
        mine = self._of.get(number, {}).values()
        return next((g for g in mine if g.creator == number and g.key == key), None)

    def inside(self, parent: Group) -> list[Group]:
        """The groups of a community, in the order in which they were made."""
        return [group for group in self._by_user.values() if group.parent == parent.user]

    def by_code(self, code: str) -> Group | None:
        """The group that an invite code belongs to, or once belonged to."""
        return self._by_code.get(code)

    def join(self, group: Group, member: Member) -> None:
        """Make somebody a member; whatever was pending for them is settled."""
        group.members[member.number] = member
        group.requests.pop(member.number, None)
        group.invitations.pop(member.number, None)
        group.removed.discard(member.number)
        self._of.setdefault(member.number, {})[group.user] = group

    def leave(self, group: Group, number: str) -> None:
        """End a membership. A group without members is forgotten."""
        del group.members[number]
        del self._of[number][group.user]
        if not group.members:
            self.forget(group)

    def forget(self, group: Group) -> None:
        """End a group."""
        for number in group.members:
            self._of[number].pop(group.user, None)
        self._by_user.pop(group.user, None)
        for code in (group.code, *group.reset_codes):
            self._by_code.pop(code, None)

    def reset_code(self, group: Group) -> None:
        """Give a group another invite code; the old ones are good for nothing any more."""
        group.reset_codes.append(group.code)
        if len(group.reset_codes) > _RESET_CODES_KEPT:
            self._by_code.pop(group.reset_codes.pop(0), None)
        group.code = new_code(self._random_bytes)
        self._by_code[group.code] = group

    def new_invitation(self, expiration: int, admin: str) -> Invitation:
        """A fresh personal invitation."""
        return Invitation(new_code(self._random_bytes), expiration, admin)

    def _new_id(self) -> str:
        while True:
            digits = int.from_bytes(self._random_bytes(8), "big") % 10**12
            user = f"{_ID_PREFIX}{digits:012d}"
            if user not in self._by_user:
                return user
