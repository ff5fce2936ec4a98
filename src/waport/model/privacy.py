"""Privacy settings: who sees what of the account.

Source: docs/protocol/queries.md, "Privacy settings".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..wire import Jid

_WHO: Final = frozenset(("all", "contacts", "contact_blacklist", "none"))

PRIVACY_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "last": _WHO,
    "online": frozenset(("all", "match_last_seen")),
    "profile": _WHO,
    "status": _WHO,
    "groupadd": _WHO,
    "readreceipts": frozenset(("all", "none")),
    "calladd": frozenset(("all", "known", "contacts")),
    "messages": frozenset(("all", "contacts")),
    "defense": frozenset(("off", "on_standard")),
    "stickers": frozenset(("contacts", "contact_allowlist", "none")),
    "linked_profiles": _WHO,
    "pix": _WHO,
}
"""What each setting may be set to. The server may know others, which are shown as they are."""

EXCEPT: Final = "contact_blacklist"
"""All contacts but those on the setting's own list."""


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """The settings of an account.

    Attributes:
        values: by name.
    """

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def sends_read_receipts(self) -> bool:
        """Others are told when their messages were read."""
        return self.values.get("readreceipts") != "none"


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Contacts to whom a setting does not apply.

    Attributes:
        dhash: names this state of the list; empty when there is none.
        people: each by phone number and hidden id, bare, as far as they are told.
    """

    dhash: str
    people: tuple[tuple[Jid | None, Jid | None], ...] = ()
