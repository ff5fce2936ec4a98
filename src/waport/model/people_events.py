"""Domain events about people and what they show of themselves."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid
from .add_on import TimerSetting
from .presence import Presence


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """A person registered anew: their security code is another one now."""

    user: Jid


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """A person has another phone number now; their chat has moved along.

    Attributes:
        old: the person as before, bare.
        new: the person from now on, bare.
        is_contact: they are in the own address book.
    """

    old: Jid
    new: Jid
    is_contact: bool


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Somebody came online or left, or types, or no longer does."""

    presence: Presence


@dataclass(frozen=True, slots=True)
class AboutChanged:
    """A person has another about text.

    Attributes:
        user: bare, by phone number where that is known.
        text: empty when there is none any more; None where it has to be asked for.
    """

    user: Jid
    text: str | None


@dataclass(frozen=True, slots=True)
class PictureChanged:
    """A person shows another picture.

    Attributes:
        user: bare, by phone number where that is known.
        id: of the new one; empty when there is none any more.
    """

    user: Jid
    id: str


@dataclass(frozen=True, slots=True)
class DefaultTimerChanged:
    """A person, or the account itself, gives new chats another timer.

    Attributes:
        user: bare, by phone number where that is known.
        timer: from now on.
    """

    user: Jid
    timer: TimerSetting


@dataclass(frozen=True, slots=True)
class ContactRefreshed:
    """A person shows something else; what, has to be asked for."""

    user: Jid


@dataclass(frozen=True, slots=True)
class BusinessChanged:
    """Something about a business is new.

    Attributes:
        business: bare, by phone number where that is known.
        what: the server's word: `verified_name`, `remove` (it is none any more), `profile`,
            `product_catalog`, ...
    """

    business: Jid
    what: str
