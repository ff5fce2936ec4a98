"""Ways into a group: its invite link, and personal invitations.

Source: docs/protocol/queries.md, "Questions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InvalidInput, StanzaError
from ..model.group import Group, GroupInvitation, Joined
from ..wire import GROUP_SERVER, Jid, Node
from .groups import XMLNS, group_address, invitation_attrs, parse_preview
from .query import Query, iq_get, iq_set

_LINK = re.compile(r"(?:https?://)?chat\.whatsapp\.com/(?:invite/)?", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def invite_code(text: str) -> str:
    """The code in an invite link, or in itself.

    Raises:
        InvalidInput: it is neither.
    """
    text = text.strip()
    link = _LINK.match(text)
    code = text if link is None else re.split(r"[/?#]", text[link.end() :], maxsplit=1)[0]
    if _CODE.fullmatch(code) is None:
        raise InvalidInput("an invite is a code or a link such as https://chat.whatsapp.com/CODE")
    return code


def _code_of(reply: Node) -> str:
    code = reply.child("invite").attr("code")
    if _CODE.fullmatch(code) is None:
        raise StanzaError("invite", "the code is no code")
    return code


def _joined(reply: Node) -> Joined | None:
    """Which group we are in now, or wait for; None when the answer does not say."""
    waiting = reply.find("membership_approval_request")
    if waiting is not None:
        return Joined(group_address(waiting), is_requested=True)
    group = reply.find("group")
    return None if group is None else Joined(group_address(group))


@dataclass(frozen=True, slots=True)
class FetchInviteCode(Query[str]):
    """The invite code of a group."""

    group: Jid

    def request(self) -> Node:
        """Get `<invite/>`, of the group."""
        return iq_get(XMLNS, Node("invite"), to=self.group)

    def parse(self, reply: Node) -> str:
        """The code.

        Raises:
            StanzaError: there is none.
        """
        return _code_of(reply)


@dataclass(frozen=True, slots=True)
class ResetInviteCode(Query[str]):
    """Give a group another invite code; the one before is good for nothing then."""

    group: Jid

    def request(self) -> Node:
        """Set `<invite/>`, of the group."""
        return iq_set(XMLNS, Node("invite"), to=self.group)

    def parse(self, reply: Node) -> str:
        """The new code.

        Raises:
            StanzaError: there is none.
        """
        return _code_of(reply)


@dataclass(frozen=True, slots=True)
class FetchInviteInfo(Query[Group]):
    """What group an invite code leads to. The list of members is cut short."""

    code: str

    def request(self) -> Node:
        """Get `<invite code/>`."""
        return iq_get(XMLNS, Node("invite", {"code": self.code}), to=GROUP_SERVER)

    def parse(self, reply: Node) -> Group:
        """The group.

        Raises:
            StanzaError: there is none.
        """
        return parse_preview(reply.child("group"))


@dataclass(frozen=True, slots=True)
class JoinByCode(Query[Joined]):
    """Join a group by its invite code. Refused with 304 for a member, 410 when it was reset."""

    code: str

    def request(self) -> Node:
        """Set `<invite code/>`."""
        return iq_set(XMLNS, Node("invite", {"code": self.code}), to=GROUP_SERVER)

    def parse(self, reply: Node) -> Joined:
        """Which group it was, and whether an admin has to agree.

        Raises:
            StanzaError: the answer names no group.
        """
        joined = _joined(reply)
        if joined is None:
            raise StanzaError(reply.tag, "no <group> inside")
        return joined


@dataclass(frozen=True, slots=True)
class AcceptInvite(Query[Joined]):
    """Join a group by a personal invitation. Refused with 410 when that has ended."""

    invitation: GroupInvitation

    def request(self) -> Node:
        """`<accept code expiration admin/>`, to the group."""
        accept = Node("accept", invitation_attrs(self.invitation))
        return iq_set(XMLNS, accept, to=self.invitation.group)

    def parse(self, reply: Node) -> Joined:
        """Whether an admin has to agree; the answer may be empty.

        Raises:
            StanzaError: it names what is no group.
        """
        return _joined(reply) or Joined(self.invitation.group)
