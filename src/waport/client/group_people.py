"""Who is who in a group: numbers and hidden ids, as far as they are known.

All of it works on the store in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..model.group import (
    AddressingMode,
    Group,
    GroupChange,
    GroupMember,
    JoinRequest,
    ParticipantResult,
)
from ..store import UnitOfWork
from ..wire import Jid
from .encryption import learn_mapping
from .fanout import canonical


def resolve_people(
    store: UnitOfWork, addressing: AddressingMode, people: Iterable[Jid], group: Group | None = None
) -> tuple[GroupMember, ...]:
    """People as a group names them, each once.

    Args:
        addressing: how the group names its members; who is not known so keeps the address given.
        people: addresses of either kind.
        group: names its members as it lists them.
    """
    found: dict[Jid, GroupMember] = {}
    for jid in people:
        person = None if group is None else group.member(jid)
        person = person or _person(store, addressing, jid.bare)
        found.setdefault(person.jid, person)
    return tuple(found.values())


def _person(store: UnitOfWork, addressing: AddressingMode, jid: Jid) -> GroupMember:
    pn = jid if jid.is_pn else store.addresses.pn_of(jid)
    lid = jid if jid.is_lid else store.addresses.lid_of(jid)
    named = lid if addressing is AddressingMode.LID else pn
    return GroupMember(named or jid, pn, lid)


def completed(store: UnitOfWork, member: GroupMember) -> GroupMember:
    """A member with the address that the server did not show, where we know it."""
    if member.pn is None and member.lid is not None:
        return replace(member, pn=store.addresses.pn_of(member.lid))
    if member.lid is None and member.pn is not None:
        return replace(member, lid=store.addresses.lid_of(member.pn))
    return member


def all_completed(store: UnitOfWork, members: Iterable[GroupMember]) -> tuple[GroupMember, ...]:
    """The same for many."""
    listed = list(members)
    pns = store.addresses.pns_of(m.lid for m in listed if m.pn is None and m.lid is not None)
    lids = store.addresses.lids_of(m.pn for m in listed if m.lid is None and m.pn is not None)
    return tuple(
        replace(member, pn=pns.get(member.lid))
        if member.pn is None and member.lid is not None
        else replace(member, lid=lids.get(member.pn))
        if member.lid is None and member.pn is not None
        else member
        for member in listed
    )


def numbered(store: UnitOfWork, change: GroupChange) -> GroupChange:
    """A change with the phone numbers that we know."""
    if not change.members:
        return change
    shown = (*change.pns, *(None,) * len(change.members))
    pns = tuple(pn or number_of(store, jid) for jid, pn in zip(change.members, shown, strict=False))
    return replace(change, pns=pns)


def number_of(store: UnitOfWork, jid: Jid) -> Jid | None:
    """A person's phone number, where it is known; bare."""
    number = canonical(store, jid)
    return number if number.is_pn else None


def learned_number(store: UnitOfWork, jid: Jid, shown: Jid | None) -> Jid | None:
    """A person's phone number: the one that is shown, which is learned, else what we know."""
    if shown is None:
        return number_of(store, jid)
    if jid.is_lid:
        learn_mapping(store, shown, jid)
    return shown


def numbered_results(
    store: UnitOfWork, results: Iterable[ParticipantResult]
) -> tuple[ParticipantResult, ...]:
    """Results with the phone numbers that we know; those that they show are learned."""
    return tuple(
        replace(result, pn=learned_number(store, result.jid, result.pn)) for result in results
    )


def results_in(group: Group, people: Iterable[GroupMember]) -> tuple[ParticipantResult, ...]:
    """What came of people who were to be in a group, told by who is in it now."""
    results = []
    for person in people:
        names = (person.jid, person.pn, person.lid)
        is_in = any(name is not None and group.member(name) is not None for name in names)
        results.append(ParticipantResult(person.jid, person.pn, 200 if is_in else 0))
    return tuple(results)


def numbered_request(store: UnitOfWork, request: JoinRequest) -> JoinRequest:
    """A join request with the phone number if we know it; one that it shows is learned."""
    if request.pn is None:
        return replace(request, pn=number_of(store, request.jid))
    if request.jid.is_lid:
        learn_mapping(store, request.pn, request.jid)
    return request
