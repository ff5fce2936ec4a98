"""What is known of a person."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid


@dataclass(frozen=True, slots=True)
class Contact:
    """A person's names; each is empty when unknown.

    Attributes:
        jid: the person, bare.
        name: from the own address book.
        push_name: what the person calls themselves.
        verified_name: of a business, as WhatsApp certified it.
    """

    jid: Jid
    name: str = ""
    push_name: str = ""
    verified_name: str = ""
