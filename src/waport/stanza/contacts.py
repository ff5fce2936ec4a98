"""Who has an account, what people say of themselves, and what the server tells of them.

Source: docs/protocol/queries.md, "USync" and "Other notifications".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import StanzaError, query_error
from ..model import About, NumberState, Registration, TimerSetting
from ..wire import Jid, Node
from .business import parse_verified_name
from .query import Query
from .usync import question, users_in

MAX_NUMBERS = 250
"""Numbers of one question."""

MAX_CHANGES = 64
"""Number changes looked at in one notification; real ones tell of one."""

_MAX_TIME = 2**42
_MAX_NAME = 256
_MAX_ABOUT = 4096
_HIDDEN = (401, 403)


# --- numbers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchRegistrations(Query[dict[str, Registration]]):
    """Whether numbers have an account, under which hidden id, and whether it is a business.

    Attributes:
        numbers: digits with the country code, at most `MAX_NUMBERS`.
        sid: names the question.
    """

    numbers: Sequence[str]
    sid: str

    def request(self) -> Node:
        """One page of a `usync` query for the protocols `contact`, `lid` and `business`."""
        protocols = [
            Node("contact"),
            Node("lid"),
            Node("business", {}, [Node("verified_name")]),
        ]
        users = [
            Node("user", {}, [Node("contact", {}, f"+{number}".encode())])
            for number in self.numbers
        ]
        return question(self.sid, protocols, users)

    def parse(self, reply: Node) -> dict[str, Registration]:
        """What is said of each of the numbers, by the number asked for.

        One of which nothing readable is said is `UNKNOWN`.

        Raises:
            QueryError: the server refused to say anything.
        """
        found = {number: Registration(number, NumberState.UNKNOWN) for number in self.numbers}
        for user in users_in(reply, "contact"):
            number = _number_of(user)
            if number in found and found[number].state is NumberState.UNKNOWN:
                found[number] = _registration(number, user)
        return found


def _number_of(user: Node) -> str:
    """The number that an answer is about: it comes back as it was written."""
    contact = user.find("contact")
    if contact is not None and isinstance(contact.content, bytes):
        return contact.content.decode("ascii", "replace").removeprefix("+")
    jid = user.get_jid("jid")
    return "" if jid is None else jid.user


def _registration(number: str, user: Node) -> Registration:
    contact = user.find("contact")
    error = None if contact is None else contact.find("error")
    if error is not None:
        return Registration(number, NumberState.UNKNOWN, error=error.get_int("code", 0))
    kind = None if contact is None else contact.get("type")
    if kind in (NumberState.OUT, NumberState.INVALID):
        return Registration(number, NumberState(kind))
    pn = person(user, "jid", is_lid=False) or person(user, "pn_jid", is_lid=False)
    if kind != NumberState.IN or pn is None:
        return Registration(number, NumberState.UNKNOWN)
    hidden = user.find("lid")
    lid = person(user, "jid", is_lid=True)
    if lid is None and hidden is not None:
        lid = person(hidden, "val", is_lid=True)
    is_business, name, level = _business(user.find("business"))
    return Registration(number, NumberState.IN, pn, lid, is_business, name, level)


def person(node: Node, name: str, *, is_lid: bool) -> Jid | None:
    """A person in an attribute, bare; None without one of that kind of address."""
    jid = node.get_jid(name)
    if jid is None or not (jid.is_lid if is_lid else jid.is_pn):
        return None
    return jid.bare


def _business(node: Node | None) -> tuple[bool | None, str, str]:
    """Whether it is a business, its certified name, and how far that was checked."""
    if node is None or node.find("error") is not None:
        return None, "", ""
    verified = node.find("verified_name")
    if verified is None:
        return False, "", ""
    level = (verified.get("verified_level") or "")[:_MAX_NAME]
    name = parse_verified_name(verified)
    return True, "" if name is None else name.name, level


# --- one person ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchAbout(Query[About | None]):
    """A person's about text; None when there is none, or it is hidden from us.

    Attributes:
        user: bare.
        sid: names the question.
        tokens: what shows that the person knows us.
    """

    user: Jid
    sid: str
    tokens: tuple[Node, ...] = ()

    def request(self) -> Node:
        """A `usync` query for the protocol `status`."""
        user = Node("user", {"jid": self.user}, list(self.tokens) or None)
        return question(self.sid, [Node("status")], [user])

    def parse(self, reply: Node) -> About | None:
        """The text.

        Raises:
            QueryError: the server refused it for another reason than privacy.
        """
        status = _about_user(reply, "status", self.user).child("status")
        code = status.get_int("code", 0)
        error = status.find("error")
        if error is not None:
            code = error.get_int("code", 0)
            if code not in (*_HIDDEN, 404):
                raise query_error(code, error.get("text") or "")
        if code in (*_HIDDEN, 404) or not isinstance(status.content, bytes) or not status.content:
            return None
        return About(status.text[:_MAX_ABOUT], _time(status, "t"))


@dataclass(frozen=True, slots=True)
class FetchDefaultTimer(Query[TimerSetting]):
    """The timer that an account gives its new chats.

    Attributes:
        user: bare.
        sid: names the question.
    """

    user: Jid
    sid: str

    def request(self) -> Node:
        """A `usync` query for the protocol `disappearing_mode`."""
        return question(self.sid, [Node("disappearing_mode")], [Node("user", {"jid": self.user})])

    def parse(self, reply: Node) -> TimerSetting:
        """The timer; off where the server names none."""
        mode = _about_user(reply, "disappearing_mode", self.user).child("disappearing_mode")
        return TimerSetting(_time(mode, "duration"), _time(mode, "t"))


@dataclass(frozen=True, slots=True)
class FetchUsername(Query[str]):
    """The name by which a person may be found; empty when there is none.

    Attributes:
        user: bare.
        sid: names the question.
    """

    user: Jid
    sid: str

    def request(self) -> Node:
        """A `usync` query for the protocol `username`."""
        return question(self.sid, [Node("username")], [Node("user", {"jid": self.user})])

    def parse(self, reply: Node) -> str:
        """The name.

        Raises:
            QueryError: the server refused it.
        """
        username = _about_user(reply, "username", self.user).find("username")
        error = None if username is None else username.find("error")
        if error is not None:
            raise query_error(error.get_int("code", 0) or 0, error.get("text") or "")
        if username is None or not isinstance(username.content, bytes):
            return ""
        return username.content.decode(errors="replace")[:_MAX_NAME]


def _about_user(reply: Node, protocol: str, asked: Jid) -> Node:
    for user in users_in(reply, protocol):
        named = [user.get_jid("jid"), user.get_jid("pn_jid")]
        if asked.bare in [jid.bare for jid in named if jid is not None]:
            return user
    raise StanzaError("usync", "no answer about the user")


def _time(node: Node, name: str) -> int:
    """A count of seconds; 0 for anything else."""
    value = node.get_int(name, 0)
    return value if 0 <= value <= _MAX_TIME else 0


# --- what the server tells -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberMove:
    """A person changed their number.

    Attributes:
        old, new: bare; hidden ids where the server names no number.
        new_lid: the hidden id from now on; None when not told.
    """

    old: Jid
    new: Jid
    new_lid: Jid | None


def parse_number_moves(node: Node) -> tuple[NumberMove, ...]:
    """The changes in a `contacts` notification; those that name nobody are left out."""
    moves = []
    for child in node.children("modify")[:MAX_CHANGES]:
        old, new = child.get_jid("old"), child.get_jid("new")
        if old is None or new is None or not (_is_person(old) and _is_person(new)):
            continue
        lid = new.bare if new.is_lid else person(child, "new_lid", is_lid=True)
        moves.append(NumberMove(old.bare, new.bare, lid))
    return tuple(moves)


def _is_person(jid: Jid) -> bool:
    return jid.is_pn or jid.is_lid


def shown_mapping(node: Node) -> tuple[Jid, Jid] | None:
    """The phone number and hidden id that a notification names as one person, if it does."""
    for pn_name, lid_name in (("from", "lid"), ("lid", "from")):
        pn, lid = person(node, pn_name, is_lid=False), person(node, lid_name, is_lid=True)
        if pn is not None and lid is not None:
            return pn, lid
    return None
