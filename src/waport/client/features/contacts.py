"""People: who has an account, what they are called, what they show, and who is blocked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from ...errors import InvalidInput, NotAuthorized, NotFound, StanzaError, query_error
from ...model import About, BlockedUser, Contact, Group, NumberState, Registration
from ...stanza.contacts import MAX_NUMBERS, FetchAbout, FetchRegistrations, FetchUsername
from ...stanza.profile import FetchPicture
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..blocklist import BlockList, blocked_user, is_blocked
from ..clock import SYSTEM_CLOCK, Clock
from ..devices import Lacking
from ..encryption import learn_mapping
from ..fanout import canonical
from ..people import hidden, linked_own, named, number_of
from ..phone_numbers import country_code, format_number, phone_digits
from ..queries import Queries
from .settings import Settings

T = TypeVar("T")

HIDDEN = 401
"""The code with which the server refuses what somebody shows to others only."""


class Contacts:
    """The people of one account.

    A method that asks the server raises what the question may end in: QueryError, QueryTimeout,
    ConnectionClosed, StanzaError.

    Args:
        list_groups: gives the groups that we are in.
        fetch_devices: asks for people's devices and keeps them.
        address_book: writes what the devices share.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        list_groups: Callable[[], Awaitable[list[Group]]],
        fetch_devices: Callable[[list[Jid]], Awaitable[Lacking]],
        address_book: Callable[[], Settings],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._fetch_devices = fetch_devices
        self._address_book = address_book
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._list_groups = list_groups
        self._clock = clock
        self._block_list = BlockList(database, session_id, queries)

    # --- numbers -----------------------------------------------------------------------------

    async def exists(self, numbers: Iterable[str | Jid]) -> list[Registration]:
        """Whether numbers have an account, in the order given.

        Whatever is no phone number is `INVALID`, without a question to the server.

        Args:
            numbers: each with its country code, however it is written; or addresses by number.
        """
        asked = [(str(number), _digits(number)) for number in numbers]
        wanted = list(dict.fromkeys(digits for _, digits in asked if digits is not None))
        found: dict[str, Registration] = {}
        for start in range(0, len(wanted), MAX_NUMBERS):
            page = wanted[start : start + MAX_NUMBERS]
            query = FetchRegistrations(page, self._queries.next_id())
            answers = await self._queries.run(query, again=True)
            await self._keep(list(answers.values()))
            found |= answers
        return [
            Registration(text, NumberState.INVALID) if digits is None else _of(text, found[digits])
            for text, digits in asked
        ]

    async def number_id(self, number: str | Jid) -> Jid | None:
        """The account of a number, bare, by number; None when it has none.

        Its digits may be others than those given, as in countries that have lengthened their
        numbers. A hidden id stands for its number, where that is known.
        """
        if isinstance(number, Jid) and number.is_lid:
            hidden_id = number
            known = await self._read(lambda store: number_of(store, hidden_id))
            if known is None:
                return None
            number = known
        return (await self._look_up(number)).jid

    async def is_registered(self, number: str | Jid) -> bool:
        """Whether a number has an account."""
        return await self.number_id(number) is not None

    async def _look_up(self, number: str | Jid) -> Registration:
        (found,) = await self.exists([number])
        if found.error:
            raise query_error(found.error, "the number was not looked up")
        if found.state is NumberState.UNKNOWN:
            raise StanzaError("usync", "no answer about the number")
        return found

    async def formatted_number(self, jid: Jid) -> str:
        """A person's number in groups, as its country writes it.

        Raises:
            InvalidInput: the number of this hidden id is not known, or it is no person.
        """
        return format_number(await self._number(jid))

    async def country_code(self, jid: Jid) -> str:
        """The country code of a person's number, such as `351`.

        Raises:
            InvalidInput: the number is not known, or begins with no country code.
        """
        return country_code(await self._number(jid))

    async def _number(self, jid: Jid) -> str:
        number = await self._read(lambda store: number_of(store, jid))
        if number is None:
            raise InvalidInput("the phone number of this contact is not known")
        return number.user

    # --- people ------------------------------------------------------------------------------

    async def get(self, jid: Jid) -> Contact:
        """What is known of a person, of ourselves, or the name of a group.

        A number of which nothing is known is asked about.

        Raises:
            NotFound: the number has no account, or the group or channel is not known.
        """
        known = await self._read(lambda store: _known(store, jid))
        if known is not None:
            return known
        number = await self._read(lambda store: number_of(store, jid))
        if number is None:
            raise NotFound(404, "nobody is known under this address")
        found = await self._look_up(number)
        account = found.jid
        if account is None:
            raise NotFound(404, "the number has no account")
        # It may be somebody whom we know under other digits.
        known = await self._read(lambda store: _known(store, account))
        return known or Contact(
            account,
            is_business=bool(found.is_business),
            verified_name=found.verified_name,
            verified_level=found.verified_level,
            lid=found.lid,
        )

    async def addresses(self, people: Iterable[Jid]) -> list[tuple[Jid | None, Jid | None]]:
        """Number and hidden id of people, in the order given; None for what nobody tells.

        Numbers of which nothing is known are asked about.
        """
        asked = [jid.bare for jid in people]

        def job(store: UnitOfWork) -> list[tuple[Jid | None, Jid | None]]:
            own = linked_own(store)
            mine = (own.pn.bare, None if own.lid is None else own.lid.bare)
            found = [None if own.is_own(jid) else blocked_user(store, jid) for jid in asked]
            return [mine if each is None else (each.pn, each.lid) for each in found]

        found = await self._read(job)
        strangers = [pn for pn, lid in found if pn is not None and lid is None]
        if strangers:
            await self.exists(strangers)
            found = await self._read(job)
        return found

    async def other_addresses(self, people: Iterable[Jid]) -> dict[Jid, Jid]:
        """The hidden ids of numbers and the numbers of hidden ids, as far as they are stored."""
        asked = list(people)
        return await self._read(lambda store: store.addresses.others_of(asked))

    async def device_count(self, jid: Jid) -> int:
        """How many devices a person has, the phone among them.

        Raises:
            NotFound: there is no such account, or its devices are not told.
        """
        person = await self._read(lambda store: hidden(store, jid))
        await self._fetch_devices([person])
        known = await self._read(lambda store: store.addresses.devices(person))
        if known is None:
            raise NotFound(404, "the devices of this account are not known")
        return len(known.devices)

    async def known(self, people: Iterable[Jid]) -> list[Contact]:
        """What is stored of people, in the order given; of strangers no more than the address."""

        def job(store: UnitOfWork) -> list[Contact]:
            return [_known(store, jid) or Contact(canonical(store, jid)) for jid in people]

        return await self._read(job)

    async def all(self) -> list[Contact]:
        """Everybody who has a name or a private chat, channels included, by address."""
        return await self._read(lambda store: store.contacts.all())

    async def common_groups(self, jid: Jid) -> list[Group]:
        """The groups in which both we and somebody else are; asks for our groups."""
        person = jid.bare
        if not (person.is_pn or person.is_lid):
            raise InvalidInput("only people are in groups")
        groups = await self._list_groups()
        both = await self._read(lambda store: blocked_user(store, person))
        return [
            group
            for group in groups
            if not group.is_left
            and any(who is not None and group.member(who) for who in (both.pn, both.lid))
        ]

    async def save(self, jid: Jid, full_name: str, first_name: str = "") -> None:
        """Put a person into the address book, or give them another name there."""
        await self._address_book().set_contact(jid, full_name, first_name)

    async def remove(self, jid: Jid) -> None:
        """Take a person out of the address book."""
        await self._address_book().remove_contact(jid)

    # --- what they show ----------------------------------------------------------------------

    async def about(self, jid: Jid) -> About | None:
        """A person's about text; None when there is none, or it is hidden from us."""
        if not (jid.bare.is_pn or jid.bare.is_lid):
            raise InvalidInput("only people have an about text")
        who = await self._read(lambda store: named(store, jid, self._now()))
        query = FetchAbout(who.address, self._queries.next_id(), who.tokens)
        return await self._queries.run(query, again=True)

    async def username(self, jid: Jid) -> str:
        """The name by which a person may be found; empty when there is none."""
        if not (jid.bare.is_pn or jid.bare.is_lid):
            raise InvalidInput("only people have a username")
        who = await self._read(lambda store: named(store, jid, self._now()))
        query = FetchUsername(who.address, self._queries.next_id())
        return await self._queries.run(query, again=True)

    async def picture_url(self, jid: Jid, *, preview: bool = False) -> str | None:
        """Where the picture of a person or a group can be fetched for some time, unencrypted.

        Args:
            preview: the small one.

        Returns:
            None when there is none, or it is hidden from us.
        """
        if not (jid.is_user or jid.is_group or jid.is_newsletter):
            raise InvalidInput("people, groups and channels have pictures")
        who = await self._read(lambda store: named(store, jid, self._now()))
        try:
            picture = await self._queries.run(
                FetchPicture(who.address, preview, who.tokens), again=True
            )
        except NotFound:
            return None
        except NotAuthorized as exc:
            if exc.code != HIDDEN:
                raise
            return None
        return None if picture is None else picture.url

    # --- who is blocked ----------------------------------------------------------------------

    async def blocked(self) -> tuple[BlockedUser, ...]:
        """Who is blocked."""
        return await self._block_list.get()

    async def is_blocked(self, jid: Jid) -> bool:
        """Whether somebody is blocked, under whatever address."""
        person = await self._read(lambda store: blocked_user(store, jid))
        return is_blocked(await self._block_list.get(), person)

    async def block(self, jid: Jid) -> None:
        """Block somebody: what they send arrives no more."""
        await self._block_list.change(await self._person(jid), block=True)

    async def unblock(self, jid: Jid) -> None:
        """Block somebody no longer."""
        await self._block_list.change(await self._person(jid), block=False)

    async def _person(self, jid: Jid) -> BlockedUser:
        """A person with the hidden id, which the server wants; it is asked for if need be."""
        person = await self._read(lambda store: blocked_user(store, jid))
        if person.lid is not None or person.pn is None:
            return person
        found = await self.number_id(person.pn)
        if found is None:
            raise NotFound(404, "the number has no account")
        return await self._read(lambda store: blocked_user(store, found))

    # --- at the bottom -----------------------------------------------------------------------

    async def _keep(self, found: list[Registration]) -> None:
        """Learn who is who, and who of those whom we know is a business."""

        def job(store: UnitOfWork) -> None:
            for each in found:
                if each.jid is None:
                    continue
                if each.lid is not None:
                    learn_mapping(store, each.jid, each.lid)
                if each.is_business and _is_known(store, each.jid):
                    store.contacts.set_business(each.jid, each.verified_name, each.verified_level)
                elif each.is_business is False:
                    store.contacts.set_no_business(each.jid)

        await self._database.write(self._session_id, job)

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    def _now(self) -> int:
        return int(self._clock.unix())


def _digits(number: str | Jid) -> str | None:
    if isinstance(number, Jid):
        return phone_digits(number.user) if number.bare.is_pn else None
    return phone_digits(number)


def _of(text: str, found: Registration) -> Registration:
    return replace(found, query=text)


def _known(store: UnitOfWork, jid: Jid) -> Contact | None:
    """What is stored of somebody; None when nothing is, and only the server knows."""
    own = linked_own(store)
    if own.is_own(jid):
        credentials = store.devices.get()
        name = "" if credentials is None else credentials.push_name
        me = store.contacts.get(own.pn) or Contact(own.pn.bare)
        return replace(me, push_name=name, lid=None if own.lid is None else own.lid.bare)
    person = canonical(store, jid)
    known = store.contacts.get(person)
    if known is not None:
        return known
    if person.is_lid:
        # Hidden ids are not guessed: the server has named this one.
        return Contact(person, lid=person)
    chat = store.chats.get(person)
    if chat is None:
        return None
    return Contact(
        person,
        name="" if person.is_pn else chat.name,
        lid=store.addresses.lid_of(person) if person.is_pn else None,
    )


def _is_known(store: UnitOfWork, jid: Jid) -> bool:
    return store.contacts.get(jid) is not None or store.chats.get(jid) is not None
