"""Actions about people: the address book, statuses, numbers, calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ...wire import Jid
from .base import Action


@dataclass(frozen=True, slots=True)
class SaveContact(Action):
    """A person in the address book; the removal takes them out.

    Attributes:
        user: by phone number, or by LID.
        lid: the hidden id, if told.
        on_phone: kept in the phone's own address book too.
        pn: the phone number, if told.
    """

    user: Jid
    full_name: str = ""
    first_name: str = ""
    lid: Jid | None = None
    on_phone: bool = False
    pn: Jid | None = None
    username: str = ""


@dataclass(frozen=True, slots=True)
class SaveLidContact(Action):
    """A person in the address book whose number is not known; the removal takes them out."""

    lid: Jid
    full_name: str = ""
    first_name: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True)
class MuteStatus(Action):
    """The statuses of a person are hidden."""

    user: Jid
    muted: bool = False


class StatusAudience(IntEnum):
    """Who sees our statuses."""

    ONLY = 0
    """Those who are listed."""

    EXCEPT = 1
    """All contacts but those who are listed."""

    CONTACTS = 2
    CLOSE_FRIENDS = 3
    CUSTOM_LIST = 4


@dataclass(frozen=True, slots=True)
class AudienceList:
    """A named list of people for statuses."""

    id: str
    name: str = ""
    emoji: str = ""
    is_selected: bool = False
    users: tuple[Jid, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusPrivacy(Action):
    """Who sees our statuses.

    Attributes:
        users: for `ONLY` and `EXCEPT`.
        share_to_facebook: also shown there.
        share_to_instagram: also shown there.
        lists: for `CUSTOM_LIST`.
        audiences: newer writers name several.
    """

    audience: StatusAudience = StatusAudience.CONTACTS
    users: tuple[Jid, ...] = ()
    share_to_facebook: bool = False
    share_to_instagram: bool = False
    lists: tuple[AudienceList, ...] = ()
    audiences: tuple[StatusAudience, ...] = ()


@dataclass(frozen=True, slots=True)
class NumberOfLid(Action):
    """The phone number behind a LID chat."""

    lid: Jid
    pn: Jid | None = None


@dataclass(frozen=True, slots=True)
class SharedOwnNumber(Action):
    """We gave our phone number to that person."""

    lid: Jid


@dataclass(frozen=True, slots=True)
class CallLogged(Action):
    """An entry of the call log; the removal takes it out. Only read, never written.

    Attributes:
        record: a serialized `CallLogRecord`.
    """

    caller: Jid
    call_id: str
    from_me: bool
    record: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class PrivacySalt(Action):
    """The salt of this account's privacy tokens; the removal clears it."""

    salt: bytes = field(default=b"", repr=False)
