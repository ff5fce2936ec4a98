"""What is known of people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..wire import Jid


@dataclass(frozen=True, slots=True)
class Contact:
    """A person; each name is empty when unknown.

    Attributes:
        jid: the person, bare, by phone number where that is known.
        name: from the own address book.
        push_name: what the person calls themselves.
        verified_name: of a business, as WhatsApp certified it.
        first_name: from the own address book.
        is_business: the account is one of a business.
        verified_level: how far WhatsApp has checked the business, in its own word.
        lid: the person's hidden id, bare; None when unknown.
    """

    jid: Jid
    name: str = ""
    push_name: str = ""
    verified_name: str = ""
    first_name: str = ""
    is_business: bool = False
    verified_level: str = ""
    lid: Jid | None = None

    @property
    def title(self) -> str:
        """How to call the person; never empty."""
        return self.name or self.push_name or self.verified_name or self.jid.user


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The account that this device is linked to.

    Attributes:
        jid: bare, by phone number.
        lid: the hidden id, bare; None until known.
        push_name: what the account calls itself; empty until known.
        platform: of the phone, as it told when it was linked, such as `android`; may be empty.
    """

    jid: Jid
    lid: Jid | None = None
    push_name: str = ""
    platform: str = ""


class NumberState(StrEnum):
    """Whether a number has an account."""

    IN = "in"
    OUT = "out"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Registration:
    """What the server says of a number.

    Attributes:
        query: the number, as it was asked for.
        state: whether it has an account; `UNKNOWN` when the server gave no answer that tells.
        jid: the account, bare, by phone number; it may have other digits than the number asked for.
            None where there is no account.
        lid: its hidden id, bare, if that was told.
        is_business: it is the account of a business; None when not told.
        verified_name: of the business.
        verified_level: of the business.
        error: the code with which the server refused to tell; 0 for none.
    """

    query: str
    state: NumberState
    jid: Jid | None = None
    lid: Jid | None = None
    is_business: bool | None = None
    verified_name: str = ""
    verified_level: str = ""
    error: int = 0

    @property
    def exists(self) -> bool:
        """The number has an account, as far as is known."""
        return self.state is NumberState.IN


@dataclass(frozen=True, slots=True)
class About:
    """A person's about text.

    Attributes:
        text: never empty.
        set_at: Unix seconds; 0 when not told.
    """

    text: str
    set_at: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A profile picture, which is fetched as it is, unencrypted.

    Attributes:
        id: of the picture; preview and image share it.
        url: of a web server, by https but in tests.
    """

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class BlockedUser:
    """Somebody on the block list.

    Attributes:
        pn: by phone number, bare; None when unknown.
        lid: the hidden id, bare; None when unknown. One of both is there.
    """

    pn: Jid | None
    lid: Jid | None

    @property
    def jid(self) -> Jid:
        """The person, by phone number where that is known."""
        found = self.pn or self.lid
        if found is None:
            raise ValueError("a blocked user has an address")
        return found
