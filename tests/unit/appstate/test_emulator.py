"""Against the emulator's app state, which shares no code with ours."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from support.appstate import CHAT, KEY_ID, KEYS, NOW_MS, Replica, chat, pin, removal
from support.mini_media import MiniMedia
from waport.appstate import Collection, Mutation, Operation, following, parse_patch, rebase
from waport.appstate.actions import (
    Action,
    LinkPreviews,
    PinChat,
    PushName,
    read_action,
    write_action,
)
from waport.emulator.appstate import COLLECTIONS, SyncKey
from waport.emulator.appstate import Mutation as PhoneMutation
from waport.emulator.appstate_store import AppState
from waport.proto import pb
from waport.stanza.appstate import (
    CollectionAnswer,
    CollectionRequest,
    SyncCollections,
)

LOW = Collection.REGULAR_LOW


class Phone:
    """The emulator's phone and server of one account, and what it announced."""

    def __init__(self, page: int = 20) -> None:
        self.announced: list[tuple[str, int, int]] = []
        keys = [SyncKey(KEY_ID, KEYS[KEY_ID], 0)]
        self.state = AppState(self._announce, keys, MiniMedia(), page=page)

    async def _announce(self, collection: str, version: int, device: int) -> None:
        self.announced.append((collection, version, device))

    async def ask(self, request: CollectionRequest) -> CollectionAnswer:
        query = SyncCollections([request])
        reply = await self.state.answer(1, query.request())
        assert reply.attrs["type"] == "result"
        (answer,) = query.parse(reply)
        return answer

    async def write(self, *mutations: Mutation, collection: Collection = LOW) -> None:
        await self.state.write(collection, [phone_mutation(each) for each in mutations])

    def read(self) -> dict[tuple[str, ...], bool]:
        """The pins that the phone sees."""
        return {
            index: value.pinAction.pinned for index, value in self.state.read(LOW.value).items()
        }


def phone_mutation(mutation: Mutation) -> PhoneMutation:
    action = read_action(mutation)
    assert isinstance(action, PinChat)
    return PhoneMutation(
        "SET" if mutation.operation is Operation.SET else "REMOVE",
        ("pin_v1", str(action.chat)),
        pb.SyncActionValue.FromString(mutation.value),
        mutation.version,
    )


async def catch_up(phone: Phone, replica: Replica) -> list[Action]:
    """Fetch until there is no more."""
    actions = []
    has_more = True
    while has_more:
        answer = await phone.ask(CollectionRequest(replica.collection, replica.state.version))
        assert answer.error is None
        actions.extend(take(replica, answer.patches))
        has_more = answer.has_more
    return actions


def take(replica: Replica, patches: Iterable[bytes]) -> list[Action]:
    actions = []
    for patch in following(replica.state, [parse_patch(data) for data in patches]):
        applied = replica.apply(patch)
        assert applied.agrees
        actions.extend(read_action(mutation) for mutation in applied.effects)
    return actions


async def upload(phone: Phone, replica: Replica, *mutations: Mutation) -> CollectionAnswer:
    built = replica.build(*mutations)
    answer = await phone.ask(
        CollectionRequest(replica.collection, built.base.version, patch=built.patch())
    )
    if answer.error is None:
        assert answer.version == built.state.version
        replica.keep(built.state, built.changes)
    return answer


def test_both_know_the_same_collections() -> None:
    assert tuple(Collection) == COLLECTIONS


async def test_what_the_phone_writes_is_read() -> None:
    phone, ours = Phone(page=2), Replica()
    await phone.write(pin(), pin(chat(1)))
    await phone.write(pin(pinned=False), removal(chat(1)))
    await phone.write(pin(chat(2)))
    assert await catch_up(phone, ours) == [
        PinChat(CHAT, True),
        PinChat(chat(1), True),
        PinChat(CHAT, False),
        PinChat(chat(1), False),
        PinChat(chat(2), True),
    ]
    assert ours.state.version == 3
    assert len(ours.value_macs) == 2


async def test_a_snapshot_that_comes_as_patches_counts_from_the_beginning() -> None:
    phone = Phone()
    await phone.write(pin())
    answer = await phone.ask(CollectionRequest(LOW, 7, wants_snapshot=True))
    assert answer.snapshot is None
    assert take(Replica(), answer.patches) == [PinChat(CHAT, True)]


async def test_what_we_write_is_read_by_the_phone() -> None:
    phone, ours = Phone(), Replica()
    for mutations in ([pin(), pin(chat(1))], [pin(pinned=False)], [removal(chat(1))]):
        answer = await upload(phone, ours, *mutations)
        assert answer.error is None
    assert phone.read() == {("pin_v1", str(CHAT)): False}
    assert phone.announced == [("regular_low", version, 1) for version in (1, 2, 3)]


async def test_both_write_in_turns() -> None:
    phone, ours = Phone(), Replica()
    for turn in range(6):
        if turn % 2:
            assert (await upload(phone, ours, pin(chat(turn)))).error is None
        else:
            await phone.write(pin(chat(turn)), pin(chat(turn - 1), False))
            await catch_up(phone, ours)
    assert len(phone.read()) == len(ours.value_macs) == 7


async def test_a_conflict_is_settled_and_uploaded_again() -> None:
    phone, ours = Phone(), Replica()
    await upload(phone, ours, pin())
    await phone.write(pin(chat(1), at=NOW_MS + 5), pin(chat(2), at=NOW_MS - 5))
    pending = (pin(chat(1), False), pin(chat(2), False), pin(chat(3)))
    answer = await upload(phone, ours, *pending)
    assert answer.error is not None
    assert answer.error.is_conflict
    assert ours.state.version == 1
    downloaded: list[Mutation] = []
    for patch in following(ours.state, [parse_patch(data) for data in answer.patches]):
        downloaded.extend(ours.apply(patch).effects)
    rebased = rebase(pending, downloaded)
    assert rebased.pending == pending[1:]
    assert rebased.dropped == pending[:1]
    assert (await upload(phone, ours, *rebased.pending)).error is None
    assert phone.read() == {
        ("pin_v1", str(CHAT)): True,
        ("pin_v1", str(chat(1))): True,
        ("pin_v1", str(chat(2))): False,
        ("pin_v1", str(chat(3))): True,
    }


@pytest.mark.parametrize("version", [3, 99])
async def test_a_version_that_never_was_is_refused_for_good(version: int) -> None:
    answer = await Phone().ask(CollectionRequest(LOW, version))
    assert answer.error is not None
    assert answer.error.is_fatal


async def test_settings_are_read_by_the_phone() -> None:
    phone = Phone()
    for action in (PushName("Bruno"), LinkPreviews(True)):
        pending = write_action(action, timestamp_ms=NOW_MS)
        ours = Replica(pending.collection)
        assert (await upload(phone, ours, pending.mutation)).error is None
        (value,) = phone.state.read(pending.collection.value).values()
        assert value.SerializeToString() == pending.mutation.value
