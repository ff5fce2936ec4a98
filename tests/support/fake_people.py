"""People of an account without WhatsApp behind it, and its profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from waport.client import phone_numbers
from waport.errors import ConnectionClosed, InvalidInput, NotFound
from waport.model import About, BlockedUser, Contact, Group, OwnAccount
from waport.wire import Jid

from .fake_groups import FakeGroups, bytes_of


class Account(Protocol):
    """Whose people they are."""

    calls: list[tuple[object, ...]]
    people: dict[Jid, Contact]
    blocked: set[Jid]
    abouts: dict[Jid, About]
    pictures: dict[Jid, str]
    own: OwnAccount | None
    groups: FakeGroups

    def fail(self) -> None:
        """Raise what the test wants raised."""
        ...


@dataclass
class FakeContacts:
    """People who are known by name; nobody else has an account."""

    account: Account

    async def number_id(self, number: str | Jid) -> Jid | None:
        self.account.fail()
        jid = number if isinstance(number, Jid) else Jid(number, "s.whatsapp.net")
        return jid if jid in self.account.people else None

    async def is_registered(self, number: str | Jid) -> bool:
        return await self.number_id(number) is not None

    async def formatted_number(self, jid: Jid) -> str:
        return phone_numbers.format_number(self._number(jid))

    async def country_code(self, jid: Jid) -> str:
        return phone_numbers.country_code(self._number(jid))

    def _number(self, jid: Jid) -> str:
        self.account.fail()
        if not jid.is_pn:
            raise InvalidInput("the phone number of this contact is not known")
        return jid.user

    async def get(self, jid: Jid) -> Contact:
        self.account.fail()
        contact = self.account.people.get(jid)
        if contact is None:
            raise NotFound(404, "item-not-found")
        return contact

    async def known(self, people: Iterable[Jid]) -> Sequence[Contact]:
        return [self.account.people.get(jid, Contact(jid)) for jid in people]

    async def addresses(self, people: Iterable[Jid]) -> Sequence[tuple[Jid | None, Jid | None]]:
        self.account.fail()
        found: list[tuple[Jid | None, Jid | None]] = []
        for jid in people:
            known = self.account.people.get(jid, Contact(jid))
            found.append((jid if jid.is_pn else None, jid if jid.is_lid else known.lid))
        return found

    async def other_addresses(self, people: Iterable[Jid]) -> Mapping[Jid, Jid]:
        pairs = [(jid, known.lid) for jid, known in self.account.people.items() if known.lid]
        others = dict(pairs) | {lid: jid for jid, lid in pairs}
        return {jid: others[jid] for jid in people if jid in others}

    async def device_count(self, jid: Jid) -> int:
        await self.get(jid)
        return 2

    async def all(self) -> Sequence[Contact]:
        return list(self.account.people.values())

    async def about(self, jid: Jid) -> About | None:
        self.account.fail()
        return self.account.abouts.get(jid)

    async def picture_url(self, jid: Jid, *, preview: bool = False) -> str | None:
        self.account.fail()
        return self.account.pictures.get(jid)

    async def blocked(self) -> Sequence[BlockedUser]:
        self.account.fail()
        return [
            BlockedUser(None, jid) if jid.is_lid else BlockedUser(jid, None)
            for jid in self.account.blocked
        ]

    async def is_blocked(self, jid: Jid) -> bool:
        return jid in self.account.blocked

    async def block(self, jid: Jid) -> None:
        self._change("block", jid)

    async def unblock(self, jid: Jid) -> None:
        self._change("unblock", jid)

    def _change(self, what: str, jid: Jid) -> None:
        self.account.fail()
        if jid not in self.account.people:
            raise NotFound(404, "the number has no account")
        self.account.calls.append((what, jid))

    async def common_groups(self, jid: Jid) -> Sequence[Group]:
        self.account.fail()
        known: Mapping[Jid, Group] = self.account.groups.known
        return [group for group in known.values() if group.member(jid) is not None]


@dataclass
class FakeProfile:
    """What the account shows of itself."""

    account: Account

    async def own(self) -> OwnAccount:
        if self.account.own is None:
            raise ConnectionClosed("not linked", will_retry=False)
        return self.account.own

    async def set_about(self, text: str) -> None:
        self.account.fail()
        self.account.calls.append(("about", text))

    async def set_picture(self, source: Path | bytes) -> str:
        self.account.fail()
        self.account.calls.append(("own picture", bytes_of(source)))
        return "1"

    async def remove_picture(self) -> None:
        self.account.fail()
        self.account.calls.append(("no own picture",))
