"""What a group is called and what is allowed in it: one question for each change.

All answers are empty. Who may change what: docs/protocol/queries.md, "Metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..errors import InvalidInput
from ..model.group import MessageReport
from ..wire import AttrValue, Jid, Node
from .groups import XMLNS, read_member, word
from .query import Query, iq_get, iq_set

MAX_SUBJECT = 100
"""Characters of a group's name (docs/protocol/queries.md, "Questions")."""

MAX_DESCRIPTION = 2048
"""Characters of a group's description (docs/protocol/queries.md, "Questions")."""

_MAX_TIMER = 2**32 - 1
_MAX_REPORTS = 10_000


def check_subject(subject: str) -> None:
    """Raises InvalidInput unless it can be a group's name."""
    if not subject.strip():
        raise InvalidInput("a group needs a name")
    if len(subject) > MAX_SUBJECT:
        raise InvalidInput(f"a group's name has at most {MAX_SUBJECT} characters")
    _check_unicode(subject)


def check_description(text: str) -> None:
    """Raises InvalidInput unless it can be a group's description."""
    if len(text) > MAX_DESCRIPTION:
        raise InvalidInput(f"a group's description has at most {MAX_DESCRIPTION} characters")
    _check_unicode(text)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput("half a surrogate pair is no text") from exc


def check_timer(seconds: int) -> None:
    """Raises InvalidInput unless it can be a timer."""
    if not 0 <= seconds <= _MAX_TIMER:
        raise InvalidInput(f"a timer is a number of seconds from 0 to {_MAX_TIMER}")


def description_element(text: str, description_id: str, previous: str) -> Node:
    """`<description>`; an empty text takes the description away."""
    attrs: dict[str, AttrValue] = {"id": description_id} if text else {"delete": "true"}
    if previous:
        attrs["prev"] = previous
    return Node("description", attrs, [Node("body", {}, text.encode())] if text else None)


def approval_element(needed: bool) -> Node:
    """`<membership_approval_mode>`."""
    join = Node("group_join", {"state": "on" if needed else "off"})
    return Node("membership_approval_mode", {}, [join])


def member_add_element(only_admins: bool) -> Node:
    """`<member_add_mode>`."""
    return Node("member_add_mode", {}, b"admin_add" if only_admins else b"all_member_add")


def member_link_element(only_admins: bool) -> Node:
    """`<member_link_mode>`."""
    return Node("member_link_mode", {}, b"admin_link" if only_admins else b"all_member_link")


def history_element(only_admins: bool) -> Node:
    """`<member_share_group_history_mode>`."""
    mode = b"admin_share" if only_admins else b"all_member_share"
    return Node("member_share_group_history_mode", {}, mode)


class _Setting(Query[None]):
    """A change of one property."""

    def parse(self, reply: Node) -> None:
        """The result is empty."""


@dataclass(frozen=True, slots=True)
class SetSubject(_Setting):
    """Name a group: 1 to 100 characters."""

    group: Jid
    subject: str

    def __post_init__(self) -> None:
        """Raises InvalidInput when it is empty or too long."""
        check_subject(self.subject)

    def request(self) -> Node:
        """`<subject>text</subject>`, to the group."""
        return iq_set(XMLNS, Node("subject", {}, self.subject.encode()), to=self.group)


@dataclass(frozen=True, slots=True)
class SetDescription(_Setting):
    """Describe a group. Refused with 409 when `previous` is not the id of the present text.

    Args:
        text: at most 2048 characters; empty takes the description away.
        description_id: a fresh id, for a text that is not empty.
        previous: the id of the text that it replaces; empty when there is none.
    """

    group: Jid
    text: str
    description_id: str
    previous: str = ""

    def __post_init__(self) -> None:
        """Raises InvalidInput when it is too long, or lacks its id."""
        check_description(self.text)
        if self.text and not self.description_id:
            raise InvalidInput("a description needs an id")

    def request(self) -> Node:
        """`<description>`, to the group."""
        element = description_element(self.text, self.description_id, self.previous)
        return iq_set(XMLNS, element, to=self.group)


@dataclass(frozen=True, slots=True)
class SetAnnouncement(_Setting):
    """Let only admins send, or everybody."""

    group: Jid
    only_admins: bool

    def request(self) -> Node:
        """`<announcement/>` or `<not_announcement/>`, to the group."""
        tag = "announcement" if self.only_admins else "not_announcement"
        return iq_set(XMLNS, Node(tag), to=self.group)


@dataclass(frozen=True, slots=True)
class SetLocked(_Setting):
    """Let only admins change subject, picture and description, or everybody."""

    group: Jid
    only_admins: bool

    def request(self) -> Node:
        """`<locked/>` or `<unlocked/>`, to the group."""
        return iq_set(XMLNS, Node("locked" if self.only_admins else "unlocked"), to=self.group)


@dataclass(frozen=True, slots=True)
class SetTimer(_Setting):
    """Set the timer of a group's messages; 0 seconds: they stay."""

    group: Jid
    seconds: int

    def __post_init__(self) -> None:
        """Raises InvalidInput when it is out of range."""
        check_timer(self.seconds)

    def request(self) -> Node:
        """`<ephemeral expiration/>` or `<not_ephemeral/>`, to the group."""
        element = Node("not_ephemeral")
        if self.seconds:
            element = Node("ephemeral", {"expiration": str(self.seconds)})
        return iq_set(XMLNS, element, to=self.group)


@dataclass(frozen=True, slots=True)
class SetApproval(_Setting):
    """Have admins decide who joins, or nobody."""

    group: Jid
    is_needed: bool

    def request(self) -> Node:
        """`<membership_approval_mode>`, to the group."""
        return iq_set(XMLNS, approval_element(self.is_needed), to=self.group)


@dataclass(frozen=True, slots=True)
class SetMemberAddMode(_Setting):
    """Let only admins add members, or everybody."""

    group: Jid
    only_admins: bool

    def request(self) -> Node:
        """`<member_add_mode>`, to the group."""
        return iq_set(XMLNS, member_add_element(self.only_admins), to=self.group)


@dataclass(frozen=True, slots=True)
class SetMode(_Setting):
    """Say who may see the invite link, or give new members what was written before.

    Args:
        element: of `member_link_element` or `history_element`.
    """

    group: Jid
    element: Node

    def request(self) -> Node:
        """`<member_link_mode>` or `<member_share_group_history_mode>`, to the group."""
        return iq_set(XMLNS, self.element, to=self.group)


class GroupSwitch(StrEnum):
    """A switch of a group; the values are the flags of `Group.flags`."""

    LIMITED_FORWARDING = "no_frequently_forwarded"
    ADMIN_REPORTS = "allow_admin_reports"
    MEMBERS_ADD_GROUPS = "allow_non_admin_sub_group_creation"
    HISTORY = "group_history"


_OFF: Final[Mapping[GroupSwitch, str]] = {
    GroupSwitch.LIMITED_FORWARDING: "frequently_forwarded_ok",
    GroupSwitch.ADMIN_REPORTS: "not_allow_admin_reports",
    GroupSwitch.MEMBERS_ADD_GROUPS: "not_allow_non_admin_sub_group_creation",
    GroupSwitch.HISTORY: "no_group_history",
}


def switch_tag(switch: GroupSwitch, is_on: bool) -> str:
    """The element that turns a switch on or off."""
    return switch.value if is_on else _OFF[switch]


@dataclass(frozen=True, slots=True)
class SetSwitch(_Setting):
    """Turn a switch of a group on or off."""

    group: Jid
    switch: GroupSwitch
    is_on: bool

    def request(self) -> Node:
        """The element of the switch, to the group."""
        return iq_set(XMLNS, Node(switch_tag(self.switch, self.is_on)), to=self.group)


@dataclass(frozen=True, slots=True)
class ReportMessage(_Setting):
    """Report a message to the admins of its group."""

    group: Jid
    message_id: str

    def request(self) -> Node:
        """`<reports><report message_id/></reports>`, to the group."""
        report = Node("report", {"message_id": self.message_id})
        return iq_set(XMLNS, Node("reports", {}, [report]), to=self.group)


@dataclass(frozen=True, slots=True)
class FetchReports(Query[tuple[MessageReport, ...]]):
    """The messages of a group that members reported; for admins."""

    group: Jid

    def request(self) -> Node:
        """`<reports/>`, of the group."""
        return iq_get(XMLNS, Node("reports"), to=self.group)

    def parse(self, reply: Node) -> tuple[MessageReport, ...]:
        """The reports; those that name no message are left out.

        Raises:
            StanzaError: there is no list.
        """
        found = []
        for node in reply.child("reports").children("report")[:_MAX_REPORTS]:
            message_id = word(node, "message_id")
            reporters = node.children("reporter")[:_MAX_REPORTS]
            people = tuple(person for each in reporters if (person := read_member(each)))
            if message_id:
                found.append(MessageReport(message_id, people))
        return tuple(found)
