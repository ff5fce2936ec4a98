"""The server's part of app state: snapshots, files, and what can be made to go wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest

from support.mini_media import MiniMedia
from waport.emulator.appstate import (
    Mutation,
    Replica,
    SyncKey,
    apply_patch,
    build_patch,
    decrypt_mutation,
    expand_key,
    index_mac,
    lthash,
    snapshot_mac,
)
from waport.emulator.appstate_faults import KINDS, StateFault
from waport.emulator.appstate_files import StateFiles
from waport.emulator.appstate_store import AppState
from waport.emulator.saved import Saved
from waport.errors import CryptoError, DecryptError, InvalidInput, MediaError, NotFound
from waport.proto import pb
from waport.wire import Node

KEY = SyncKey.create(1, 1_700_000_000_000)
LOW = "regular_low"


def pin(number: int, pinned: bool = True) -> Mutation:
    value = pb.SyncActionValue(timestamp=1_700_000_000_000)
    value.pinAction.pinned = pinned
    return Mutation("SET", ("pin_v1", f"{number}@s.whatsapp.net"), value, 5)


def unpin(number: int) -> Mutation:
    return Mutation("REMOVE", ("pin_v1", f"{number}@s.whatsapp.net"), pb.SyncActionValue(), 5)


class Told(list[tuple[str, int, int]]):
    async def __call__(self, name: str, version: int, device: int) -> None:
        self.append((name, version, device))


@pytest.fixture
def media() -> MiniMedia:
    return MiniMedia()


@pytest.fixture
def state(media: MiniMedia) -> AppState:
    return AppState(Told(), [KEY], media, page=3, snapshot_after=lambda: 0)


def keys(state: AppState) -> dict[bytes, SyncKey]:
    return {key.id: key for key in state.keys}


async def ask(
    state: AppState,
    version: int | None = None,
    *,
    name: str = LOW,
    snapshot: bool = False,
    patch: bytes | None = None,
) -> Node:
    attrs: dict[str, Any] = {"name": name, "return_snapshot": str(snapshot).lower()}
    if version is not None:
        attrs["version"] = str(version)
    node = Node("collection", attrs, None if patch is None else [Node("patch", {}, patch)])
    iq = Node("iq", {"id": "7", "type": "set"}, [Node("sync", {}, [node])])
    (answer,) = (await state.answer(1, iq)).child("sync").children("collection")
    return answer


def patches_of(answer: Node) -> list[pb.SyncdPatch]:
    holder = answer.find("patches")
    given = [] if holder is None else holder.children("patch")
    return [pb.SyncdPatch.FromString(patch.data) for patch in given]


async def snapshot_of(state: AppState, media: MiniMedia, answer: Node) -> pb.SyncdSnapshot:
    reference = pb.ExternalBlobReference.FromString(answer.child("snapshot").data)
    return pb.SyncdSnapshot.FromString(await StateFiles(media).get(reference))


def read(state: AppState, patches: Sequence[pb.SyncdPatch]) -> Replica:
    replica = Replica()
    for patch in patches:
        replica, _ = apply_patch(LOW, replica, patch, keys(state))
    return replica


# --- snapshots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, 0, 2])
async def test_a_snapshot_holds_the_newest_records_and_its_mac_is_right(
    state: AppState, media: MiniMedia, version: int | None
) -> None:
    await state.write(LOW, [pin(1), pin(2), pin(3)])
    await state.write(LOW, [pin(2, False), unpin(3)])
    answer = await ask(state, version, snapshot=True)
    assert (answer.attr("type"), answer.attr("version")) == ("result", "2")
    assert answer.find("patches") is None
    assert answer.get("has_more_patches") is None
    snapshot = await snapshot_of(state, media, answer)
    assert snapshot.version.version == 2
    opened = [
        decrypt_mutation(pb.SyncdMutation(record=record), keys(state))
        for record in snapshot.records
    ]
    assert {each.index[1]: each.value.pinAction.pinned for each in opened} == {
        "1@s.whatsapp.net": True,
        "2@s.whatsapp.net": False,
    }
    macs = [record.value.blob[-32:] for record in snapshot.records]
    hashed = lthash(bytes(128), [], macs)
    assert snapshot.mac == snapshot_mac(expand_key(KEY.data), hashed, 2, LOW)
    assert snapshot.keyId.id == KEY.id


async def test_a_single_patch_makes_a_snapshot_too(state: AppState) -> None:
    await state.write(LOW, [pin(1)])
    assert (await ask(state, snapshot=True)).find("snapshot") is not None


async def test_short_logs_may_be_given_instead_of_a_snapshot(media: MiniMedia) -> None:
    state = AppState(Told(), [KEY], media, snapshot_after=lambda: 2)
    for number in range(2):
        await state.write(LOW, [pin(number)])
    assert len(patches_of(await ask(state, 1, snapshot=True))) == 2
    await state.write(LOW, [pin(3)])
    assert (await ask(state, snapshot=True)).find("snapshot") is not None


async def test_a_collection_that_was_never_written_has_no_snapshot(state: AppState) -> None:
    answer = await ask(state, 0, snapshot=True)
    assert (answer.attr("type"), answer.attr("version")) == ("result", "0")
    assert answer.children() == []


async def test_whoever_lacks_forgotten_patches_gets_a_snapshot(
    state: AppState, media: MiniMedia
) -> None:
    for number in range(4):
        await state.write(LOW, [pin(number)])
    state.server.log(LOW).forgotten = 3
    assert (await ask(state, 2)).find("snapshot") is not None
    assert len(patches_of(await ask(state, 3))) == 1
    late, _ = build_patch(LOW, Replica(), [pin(9)], KEY)
    answer = await ask(state, 0, patch=late.SerializeToString())
    assert answer.child("error").attr("code") == "409"
    assert (await snapshot_of(state, media, answer)).version.version == 4


async def test_the_upload_is_stored_as_it_came_but_for_the_version(state: AppState) -> None:
    patch, _ = build_patch(LOW, Replica(), [pin(1)], KEY)
    patch.deviceIndex = 3
    answer = await ask(state, 0, patch=patch.SerializeToString())
    assert (answer.attr("type"), answer.attr("version")) == ("result", "1")
    assert answer.children() == []
    (stored,) = patches_of(await ask(state, 0))
    patch.version.version = 1
    assert stored == patch
    told = state.server.announce
    assert isinstance(told, Told)
    assert told == [(LOW, 1, 1)]


async def test_a_conflict_comes_in_pages_like_any_other_fetch(state: AppState) -> None:
    for number in range(5):
        await state.write(LOW, [pin(number)])
    late, _ = build_patch(LOW, Replica(), [pin(9)], KEY)
    answer = await ask(state, 0, patch=late.SerializeToString())
    assert answer.child("error").attr("code") == "409"
    assert [patch.version.version for patch in patches_of(answer)] == [1, 2, 3]
    assert (answer.attr("version"), answer.get("has_more_patches")) == ("3", "true")


# --- files ---------------------------------------------------------------------------------------


async def test_many_mutations_of_the_phone_lie_in_a_file(state: AppState, media: MiniMedia) -> None:
    await state.write(LOW, [pin(number) for number in range(101)])
    (patch,) = patches_of(await ask(state, 0))
    assert not patch.mutations
    assert len(await StateFiles(media).mutations(patch)) == 101
    assert patch.externalMutations.fileSizeBytes == len(*media.files.values())
    assert len(state.read(LOW)) == 101
    snapshot = await snapshot_of(state, media, await ask(state, snapshot=True))
    assert len(snapshot.records) == 101


async def test_a_companion_may_upload_a_file_of_mutations(
    state: AppState, media: MiniMedia
) -> None:
    patch, _ = build_patch(LOW, Replica(), [pin(1), pin(2)], KEY)
    file = pb.SyncdMutations(mutations=patch.mutations).SerializeToString()
    patch.externalMutations.CopyFrom(await StateFiles(media).put(file))
    del patch.mutations[:]
    assert (await ask(state, 0, patch=patch.SerializeToString())).attr("type") == "result"
    assert len(state.read(LOW)) == 2
    again = AppState.load(Saved(json.loads(json.dumps(state.dump())), "state"), Told(), media)
    assert len(again.read(LOW)) == 2


async def test_an_upload_whose_file_is_not_there_is_refused(state: AppState) -> None:
    patch, _ = build_patch(LOW, Replica(), [pin(1)], KEY)
    del patch.mutations[:]
    patch.externalMutations.directPath = "/v/nowhere"
    answer = await ask(state, 0, patch=patch.SerializeToString())
    assert answer.child("error").attr("code") == "400"
    assert state.version(LOW) == 0


@pytest.mark.parametrize("field", ["fileEncSha256", "fileSha256", "mediaKey"])
async def test_a_file_that_is_not_what_its_reference_says_is_refused(
    media: MiniMedia, field: str
) -> None:
    files = StateFiles(media)
    reference = await files.put(b"data")
    setattr(reference, field, bytes(32))
    with pytest.raises(MediaError):
        await files.get(reference)


async def test_a_file_from_before_is_still_there_after_a_restart(
    state: AppState, media: MiniMedia
) -> None:
    await state.write(LOW, [pin(number) for number in range(150)])
    state.server.log(LOW).forgotten = 1
    saved = json.loads(json.dumps(state.dump()))
    again = AppState.load(Saved(saved, "app state"), Told(), media)
    assert again.server.log(LOW).records == state.server.log(LOW).records
    assert (await ask(again, 0)).find("snapshot") is not None
    assert again.server.log(LOW).forgotten == 1
    assert len(again.read(LOW)) == 150


async def test_a_state_from_before_there_were_files_is_read(
    state: AppState, media: MiniMedia
) -> None:
    await state.write(LOW, [pin(1)])
    saved = json.loads(json.dumps(state.dump()))
    for name in ("files", "forgotten", "diverged"):
        del saved[name]
    assert len(AppState.load(Saved(saved, "app state"), Told(), media).read(LOW)) == 1


# --- keys and copies -----------------------------------------------------------------------------


async def test_a_new_key_encrypts_and_the_old_one_still_decrypts(state: AppState) -> None:
    await state.write(LOW, [pin(1)])
    key = state.new_key(1_800_000_000_000)
    assert int.from_bytes(key.id[2:], "big") == 2
    await state.write(LOW, [pin(2)])
    first, second = patches_of(await ask(state, 0))
    assert (first.keyId.id, second.keyId.id) == (KEY.id, key.id)
    assert len(state.read(LOW)) == 2


async def test_a_copy_is_all_that_a_companion_needs(state: AppState) -> None:
    await state.write(LOW, [pin(1), pin(2)])
    state.new_key(1)
    await state.write(LOW, [pin(3), unpin(2)])
    copy = pb.SyncdSnapshotRecovery.FromString(gzip.decompress(state.copy(LOW)))
    assert (copy.version.version, copy.collectionName) == (2, LOW)
    replica = read(state, patches_of(await ask(state, 0)))
    assert copy.collectionLthash == replica.lthash
    # `unpin(2)` was sealed with the new key, which names the record in another way.
    found = {
        index_mac(expand_key(keys(state)[each.keyId].data), each.value.index): each.mac
        for each in copy.mutationRecords
    }
    assert found == replica.value_macs
    with pytest.raises(InvalidInput):
        state.copy("nonsense")


async def test_a_diverged_patch_has_a_good_mac_and_another_idea_of_all_records(
    state: AppState,
) -> None:
    await state.write(LOW, [pin(1)], diverged=True)
    (patch,) = patches_of(await ask(state, 0))
    with pytest.raises(CryptoError, match="snapshot"):
        apply_patch(LOW, Replica(), patch, keys(state))
    apply_patch(LOW, Replica(), patch, keys(state), diverged=True)
    await state.write(LOW, [pin(2)])
    again = AppState.load(Saved(json.loads(json.dumps(state.dump())), "s"), Told(), MiniMedia())
    assert len(again.read(LOW)) == 2


# --- trouble -------------------------------------------------------------------------------------


async def spoilt(state: AppState, kind: str, **ask_for: Any) -> Node:
    """The one answer that goes wrong; the next one is good again."""
    state.server.faults.order(StateFault(kind))
    answer = await ask(state, 0, **ask_for)
    good = await ask(state, 0, **ask_for)
    if "snapshot" not in ask_for and "patch" not in ask_for:
        read(state, patches_of(good)[:1])
    return answer


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("patch-mac", CryptoError),
        ("value-mac", CryptoError),
        ("index-mac", CryptoError),
        ("short-value", CryptoError),
        ("key-id", DecryptError),
    ],
)
async def test_a_patch_that_does_not_verify(
    state: AppState, kind: str, error: type[Exception]
) -> None:
    await state.write(LOW, [pin(1)])
    await state.write(LOW, [pin(2)])
    answer = await spoilt(state, kind)
    first, last = patches_of(answer)
    replica, _ = apply_patch(LOW, Replica(), first, keys(state))
    with pytest.raises(error):
        apply_patch(LOW, replica, last, keys(state))


async def test_patches_that_lack_something(state: AppState) -> None:
    await state.write(LOW, [pin(1)])
    await state.write(LOW, [pin(2)])
    assert [p.version.version for p in patches_of(await spoilt(state, "gap"))] == [2]
    assert [p.version.version for p in patches_of(await spoilt(state, "repeat"))] == [2, 1, 1, 2]
    assert patches_of(await spoilt(state, "no-version"))[-1].HasField("version") is False
    assert patches_of(await spoilt(state, "no-macs"))[-1].patchMac == b""
    assert patches_of(await spoilt(state, "exit-code"))[-1].exitCode.code == 5
    both = patches_of(await spoilt(state, "inline-and-file"))[-1]
    assert both.HasField("externalMutations")
    assert both.mutations
    (mutation,) = patches_of(await spoilt(state, "operation"))[-1].mutations
    assert mutation.SerializeToString().endswith(b"\x08\x09")


async def test_more_is_announced_for_ever(state: AppState) -> None:
    await state.write(LOW, [pin(1)])
    answer = await spoilt(state, "endless")
    assert answer.get("has_more_patches") == "true"
    assert answer.children() == []


async def test_files_that_lead_astray(state: AppState, media: MiniMedia) -> None:
    await state.write(LOW, [pin(number) for number in range(101)])
    reference = pb.ExternalBlobReference.FromString(
        (await spoilt(state, "file-hash", snapshot=True)).child("snapshot").data
    )
    with pytest.raises(MediaError):
        await StateFiles(media).get(reference)
    state.server.faults.order(StateFault("file-gone"))
    (patch,) = patches_of(await ask(state, 0))
    with pytest.raises(NotFound):
        await StateFiles(media).mutations(patch)


async def test_refusals_and_late_uploads(state: AppState) -> None:
    faults = state.server.faults
    faults.order(StateFault("error", code=503))
    assert (await ask(state, 0)).child("error").attr("code") == "503"
    patch, _ = build_patch(LOW, Replica(), [pin(1)], KEY)
    faults.order(StateFault("conflict", count=2))
    assert (await ask(state, 0)).attr("type") == "result"
    for _ in range(2):
        answer = await ask(state, 0, patch=patch.SerializeToString())
        assert answer.child("error").attr("code") == "409"
    assert (await ask(state, 0, patch=patch.SerializeToString())).attr("type") == "result"


async def test_orders_wait_for_their_collection_and_can_be_forgotten(state: AppState) -> None:
    await state.write(LOW, [pin(1)])
    faults = state.server.faults
    faults.order(StateFault("endless", "regular"))
    assert patches_of(await ask(state, 0))
    assert (await ask(state, 0, name="regular")).get("has_more_patches") == "true"
    for kind in KINDS:
        faults.order(StateFault(kind))
    faults.clear()
    assert patches_of(await ask(state, 0))
    with pytest.raises(InvalidInput):
        StateFault("nonsense")
