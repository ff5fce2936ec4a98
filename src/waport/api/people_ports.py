"""What the routes about people need of the rooms below; the tests put fakes here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ..client.probe_files import Source
from ..model import About, BlockedUser, Contact, Group, OwnAccount
from ..wire import Jid


class ContactsPort(Protocol):
    """People; see `client.features.contacts`."""

    async def number_id(self, number: str | Jid) -> Jid | None:
        """The account of a number; None when it has none."""
        ...

    async def is_registered(self, number: str | Jid) -> bool: ...

    async def formatted_number(self, jid: Jid) -> str:
        """A number as its country writes it; InvalidInput where it is not known."""
        ...

    async def country_code(self, jid: Jid) -> str: ...

    async def get(self, jid: Jid) -> Contact:
        """What is known of a person; NotFound when the number has no account."""
        ...

    async def known(self, people: Iterable[Jid]) -> Sequence[Contact]:
        """What is stored of people; of strangers the address alone."""
        ...

    async def addresses(self, people: Iterable[Jid]) -> Sequence[tuple[Jid | None, Jid | None]]:
        """Number and hidden id of people."""
        ...

    async def other_addresses(self, people: Iterable[Jid]) -> Mapping[Jid, Jid]:
        """The stored hidden ids of numbers, and numbers of hidden ids."""
        ...

    async def device_count(self, jid: Jid) -> int:
        """How many devices a person has; NotFound when there is no such account."""
        ...

    async def all(self) -> Sequence[Contact]:
        """Everybody who has a name or a private chat, channels included."""
        ...

    async def about(self, jid: Jid) -> About | None: ...

    async def picture_url(self, jid: Jid, *, preview: bool = False) -> str | None: ...

    async def blocked(self) -> Sequence[BlockedUser]: ...

    async def is_blocked(self, jid: Jid) -> bool: ...

    async def block(self, jid: Jid) -> None:
        """Block somebody; NotFound when the number has no account."""
        ...

    async def unblock(self, jid: Jid) -> None: ...

    async def common_groups(self, jid: Jid) -> Sequence[Group]:
        """The groups in which both we and somebody else are."""
        ...


class ProfilePort(Protocol):
    """What the account shows of itself; see `client.features.profile`."""

    async def own(self) -> OwnAccount:
        """The account; ConnectionClosed when it is not linked."""
        ...

    async def set_about(self, text: str) -> None: ...

    async def set_picture(self, source: Source) -> str: ...

    async def remove_picture(self) -> None: ...
