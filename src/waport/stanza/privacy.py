"""Privacy settings and their lists of exclusions.

Source: docs/protocol/queries.md, "Privacy settings".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InvalidInput, QueryError, StanzaError
from ..model.privacy import EXCEPT, PRIVACY_VALUES, Exclusions, PrivacySettings
from ..wire import AttrValue, Jid, Node
from .contacts import person
from .query import Query, iq_get, iq_set

MAX_SETTINGS = 256
MAX_EXCLUDED = 20_000

_MAX_WORD = 64
_MAX_HASH = 256
_NO_HASH = "none"
_FAILED = "error"


class FetchPrivacy(Query[PrivacySettings]):
    """All settings."""

    def request(self) -> Node:
        """`<privacy/>`."""
        return iq_get("privacy", Node("privacy"))

    def parse(self, reply: Node) -> PrivacySettings:
        """The settings; names and values that we don't know are kept as they are."""
        return PrivacySettings(_values(reply.child("privacy")))


@dataclass(frozen=True, slots=True)
class SetPrivacy(Query[str]):
    """Change one setting; gives the value that it has now."""

    name: str
    value: str

    def request(self) -> Node:
        """`<privacy><category name value/></privacy>`.

        Raises:
            InvalidInput: there is no such setting, or it has no such value.
        """
        check_setting(self.name, self.value)
        category = Node("category", {"name": self.name, "value": self.value})
        return iq_set("privacy", Node("privacy", {}, [category]))

    def parse(self, reply: Node) -> str:
        """The value.

        Raises:
            QueryError: the server did not change it; code 0.
        """
        return _changed(reply, self.name)


def check_setting(name: str, value: str) -> None:
    """Raise InvalidInput unless a setting may have this value."""
    allowed = PRIVACY_VALUES.get(name)
    if allowed is None:
        raise InvalidInput(f"a privacy setting is one of {', '.join(PRIVACY_VALUES)}")
    if value not in allowed:
        raise InvalidInput(f"{name} is one of {', '.join(sorted(allowed))}")


@dataclass(frozen=True, slots=True)
class FetchExclusions(Query[Exclusions]):
    """The contacts to whom a setting does not apply."""

    name: str

    def request(self) -> Node:
        """`<privacy><list name value="contact_blacklist"/></privacy>`.

        Raises:
            InvalidInput: the setting has no such list.
        """
        check_setting(self.name, EXCEPT)
        listing = Node("list", {"name": self.name, "value": EXCEPT})
        return iq_get("privacy", Node("privacy", {"addressing_mode": "lid"}, [listing]))

    def parse(self, reply: Node) -> Exclusions:
        """The list; entries that name nobody are left out."""
        listing = (reply.find("privacy") or reply).child("list")
        people = []
        for user in listing.children("user")[:MAX_EXCLUDED]:
            lid = person(user, "jid", is_lid=True)
            pn = person(user, "pn_jid", is_lid=False) or person(user, "jid", is_lid=False)
            if pn is not None or lid is not None:
                people.append((pn, lid))
        return Exclusions((listing.get("dhash") or "")[:_MAX_HASH], tuple(people))


@dataclass(frozen=True, slots=True)
class ChangeExclusions(Query[str]):
    """Apply a setting to all contacts but some; gives the value that it has now.

    Attributes:
        name: of the setting.
        dhash: of the list that is changed.
        added, removed: each by phone number and hidden id, of which one is needed.
    """

    name: str
    dhash: str
    added: Sequence[tuple[Jid | None, Jid | None]] = ()
    removed: Sequence[tuple[Jid | None, Jid | None]] = ()

    def request(self) -> Node:
        """`<category name value="contact_blacklist" dhash><user action jid pn_jid/>...`.

        Raises:
            InvalidInput: the setting has no such list, or the change is too large.
        """
        check_setting(self.name, EXCEPT)
        if len(self.added) + len(self.removed) > MAX_EXCLUDED:
            raise InvalidInput(f"at most {MAX_EXCLUDED} people are excluded")
        users = [_user("add", *who) for who in self.added]
        users += [_user("remove", *who) for who in self.removed]
        attrs: dict[str, AttrValue] = {
            "name": self.name,
            "value": EXCEPT,
            "dhash": self.dhash or _NO_HASH,
        }
        category = Node("category", attrs, users or None)
        return iq_set("privacy", Node("privacy", {"addressing_mode": "lid"}, [category]))

    def parse(self, reply: Node) -> str:
        """The value.

        Raises:
            QueryError: the server did not change it; code 0.
        """
        return _changed(reply, self.name)


def _user(action: str, pn: Jid | None, lid: Jid | None) -> Node:
    jid = lid or pn
    if jid is None:
        raise InvalidInput("whoever is excluded has an address")
    attrs: dict[str, AttrValue] = {"action": action, "jid": jid}
    if lid is not None and pn is not None:
        attrs["pn_jid"] = pn
    return Node("user", attrs)


def _values(privacy: Node) -> dict[str, str]:
    values = {}
    for category in privacy.children("category")[:MAX_SETTINGS]:
        name, value = category.get("name"), category.get("value")
        if name and value and value != _FAILED:
            values[name[:_MAX_WORD]] = value[:_MAX_WORD]
    return values


def _changed(reply: Node, name: str) -> str:
    for category in reply.child("privacy").children("category")[:MAX_SETTINGS]:
        if category.get("name") == name:
            value = category.attr("value")[:_MAX_WORD]
            if value == _FAILED:
                raise QueryError(0, "the setting could not be changed")
            return value
    raise StanzaError("privacy", "the changed setting is not told")
