"""The app-state collections of an account as companions see them."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.mini_media import MiniMedia
from waport.emulator.appstate import Mutation, Replica, SyncKey, apply_patch, build_patch
from waport.emulator.appstate_store import AppState
from waport.emulator.link import MediaPlace
from waport.emulator.saved import Saved
from waport.errors import CorruptRecord, CryptoError
from waport.proto import pb
from waport.wire import Node

KEY = SyncKey.create(1, 1_700_000_000_000)
KEYS = {KEY.id: KEY}


def pin(chat: str, pinned: bool = True) -> Mutation:
    value = pb.SyncActionValue(timestamp=1_700_000_000_000)
    value.pinAction.pinned = pinned
    return Mutation("SET", ("pin_v1", chat), value, 5)


def asked(name: str, version: int | None = None, patch: bytes | None = None) -> Node:
    attrs: dict[str, Any] = {"name": name, "return_snapshot": "false"}
    if version is not None:
        attrs["version"] = str(version)
    return Node("collection", attrs, None if patch is None else [Node("patch", {}, patch)])


def iq(*collections: Node) -> Node:
    attrs: dict[str, Any] = {"id": "7", "type": "set", "xmlns": "w:sync:app:state"}
    return Node("iq", attrs, [Node("sync", {}, list(collections))])


def one(answer: Node) -> Node:
    (collection,) = answer.child("sync").children("collection")
    return collection


class Announced(list[tuple[str, int, int]]):
    async def __call__(self, name: str, version: int, device: int) -> None:
        self.append((name, version, device))


class SlowMedia(MiniMedia):
    """A media host that takes so long that something else happens meanwhile, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        await self._wait()
        return await super().upload(kind, body)

    async def download(self, direct_path: str) -> bytes:
        await self._wait()
        return await super().download(direct_path)

    async def _wait(self) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()


@pytest.fixture
def announced() -> Announced:
    return Announced()


@pytest.fixture
def media() -> MiniMedia:
    return MiniMedia()


@pytest.fixture
def state(announced: Announced, media: MiniMedia) -> AppState:
    return AppState(announced, [KEY], media, page=2)


async def upload(state: AppState, name: str, replica: Replica, *mutations: Mutation) -> Replica:
    """Write as a companion and expect success."""
    patch, after = build_patch(name, replica, mutations, KEY)
    answer = await state.answer(1, iq(asked(name, replica.version, patch.SerializeToString())))
    assert one(answer).attr("type") == "result"
    assert one(answer).int_attr("version") == after.version
    return after


async def test_a_collection_that_was_never_written_is_empty(state: AppState) -> None:
    answer = await state.answer(1, iq(asked("regular", 0), asked("regular_high")))
    assert (answer.attr("type"), answer.attr("id")) == ("result", "7")
    for collection in answer.child("sync").children():
        assert collection.attr("type") == "result"
        assert collection.attr("version") == "0"
        assert collection.children() == []


async def test_what_one_companion_writes_another_reads(
    state: AppState, announced: Announced
) -> None:
    replica = await upload(state, "regular_low", Replica(), pin("1@s.whatsapp.net"))
    await upload(state, "regular_low", replica, pin("1@s.whatsapp.net", pinned=False))
    collection = one(await state.answer(2, iq(asked("regular_low", 0))))
    reader = Replica()
    seen = []
    for patch in collection.child("patches").children():
        reader, mutations = apply_patch(
            "regular_low", reader, pb.SyncdPatch.FromString(patch.data), KEYS
        )
        seen += [mutation.value.pinAction.pinned for mutation in mutations]
    assert seen == [True, False]
    assert announced == [("regular_low", 1, 1), ("regular_low", 2, 1)]


async def test_many_patches_come_in_pages(state: AppState) -> None:
    replica = Replica()
    for number in range(5):
        replica = await upload(state, "regular_low", replica, pin(f"{number}@s.whatsapp.net"))
    version, pages = 0, []
    while version < 5:
        collection = one(await state.answer(2, iq(asked("regular_low", version))))
        pages.append(len(collection.child("patches").children()))
        version = collection.int_attr("version")
        assert (collection.get("has_more_patches") == "true") == (version < 5)
    assert pages == [2, 2, 1]
    assert one(await state.answer(2, iq(asked("regular_low", 5)))).children() == []


async def test_an_upload_on_an_old_version_is_a_conflict(
    state: AppState, announced: Announced
) -> None:
    await upload(state, "regular_low", Replica(), pin("1@s.whatsapp.net"))
    late, _ = build_patch("regular_low", Replica(), [pin("2@s.whatsapp.net")], KEY)
    collection = one(await state.answer(2, iq(asked("regular_low", 0, late.SerializeToString()))))
    assert collection.attr("type") == "error"
    assert collection.child("error").attr("code") == "409"
    assert len(collection.child("patches").children()) == 1
    assert state.version("regular_low") == 1
    assert announced == [("regular_low", 1, 1)]


async def test_each_collection_is_answered_by_itself(state: AppState) -> None:
    answer = await state.answer(
        1,
        iq(
            asked("nonsense", 0), asked("regular", 9), asked("regular", -1), asked("regular_low", 0)
        ),
    )
    collections = answer.child("sync").children()
    assert [c.attr("type") for c in collections] == ["error", "error", "error", "result"]
    assert [c.child("error").attr("code") for c in collections[:3]] == ["404", "400", "400"]


@pytest.mark.parametrize(
    "bad",
    [
        Node("iq", {"id": "1", "type": "set"}),
        iq(*(asked("regular", 0) for _ in range(21))),
    ],
    ids=["no sync", "too many collections"],
)
async def test_a_malformed_question_is_refused(state: AppState, bad: Node) -> None:
    answer = await state.answer(1, bad)
    assert answer.attr("type") == "error"
    assert answer.child("error").attr("code") == "400"


@pytest.mark.parametrize("content", [b"\xff\xff", None], ids=["no protobuf", "no bytes"])
async def test_an_unreadable_patch_is_refused(state: AppState, content: bytes | None) -> None:
    node = asked("regular", 0, b"")
    node.children()[0].content = content
    collection = one(await state.answer(1, iq(node)))
    assert collection.child("error").attr("code") == "400"
    assert state.version("regular") == 0


async def test_the_phone_reads_and_writes_after_its_companions(state: AppState) -> None:
    await upload(state, "regular_low", Replica(), pin("1@s.whatsapp.net"))
    await state.write("regular_low", [pin("2@s.whatsapp.net")])
    assert set(state.read("regular_low")) == {
        ("pin_v1", "1@s.whatsapp.net"),
        ("pin_v1", "2@s.whatsapp.net"),
    }
    removal = Mutation("REMOVE", ("pin_v1", "1@s.whatsapp.net"), pb.SyncActionValue(), 5)
    await state.write("regular_low", [removal])
    assert set(state.read("regular_low")) == {("pin_v1", "2@s.whatsapp.net")}


async def test_the_phone_does_not_build_on_a_forged_patch(state: AppState) -> None:
    patch, _ = build_patch("regular_low", Replica(), [pin("1@s.whatsapp.net")], KEY)
    patch.patchMac = os.urandom(32)
    await state.answer(1, iq(asked("regular_low", 0, patch.SerializeToString())))
    with pytest.raises(CryptoError):
        await state.write("regular_low", [pin("2@s.whatsapp.net")])
    assert state.version("regular_low") == 1


async def test_collections_survive_a_restart(
    state: AppState, announced: Announced, media: MiniMedia
) -> None:
    await upload(state, "regular_low", Replica(), pin("1@s.whatsapp.net"))
    saved = json.loads(json.dumps(state.dump()))
    again = AppState.load(Saved(saved, "app state"), announced, media)
    await again.write("regular_low", [pin("2@s.whatsapp.net")])
    assert again.version("regular_low") == 2
    assert len(again.read("regular_low")) == 2


@pytest.mark.parametrize(
    "saved",
    [{}, {"keys": [], "patches": {}}, {"keys": [{}], "patches": {}}, {"keys": 1, "patches": 2}],
)
def test_a_damaged_state_is_an_error(saved: dict[str, Any], announced: Announced) -> None:
    with pytest.raises(CorruptRecord):
        AppState.load(Saved(saved, "app state"), announced, MiniMedia())


# --- two at a time -------------------------------------------------------------------------------


async def test_the_phone_writes_behind_what_came_while_its_file_was_stored(
    announced: Announced,
) -> None:
    media = SlowMedia()
    state = AppState(announced, [KEY], media)
    media.meanwhile = lambda: upload(state, "regular_low", Replica(), pin("other@s.whatsapp.net"))
    many = [pin(f"{number}@s.whatsapp.net") for number in range(150)]
    await state.write("regular_low", many)
    assert announced == [("regular_low", 1, 1), ("regular_low", 2, 0)]
    assert len(state.read("regular_low")) == 151  # which checks every MAC


async def test_an_upload_is_late_if_another_came_while_its_file_was_fetched(
    announced: Announced,
) -> None:
    media = SlowMedia()
    state = AppState(announced, [KEY], media)
    patch, _ = build_patch("regular_low", Replica(), [pin("1@s.whatsapp.net")], KEY)
    file = pb.SyncdMutations(mutations=patch.mutations).SerializeToString()
    patch.externalMutations.CopyFrom(await state.server.files.put(file))
    del patch.mutations[:]
    media.meanwhile = lambda: state.write("regular_low", [pin("2@s.whatsapp.net")])
    answer = one(await state.answer(1, iq(asked("regular_low", 0, patch.SerializeToString()))))
    assert answer.child("error").attr("code") == "409"
    assert len(answer.child("patches").children("patch")) == 1
    assert [index[1] for index in state.read("regular_low")] == ["2@s.whatsapp.net"]


async def test_a_snapshot_has_the_version_that_is_said_beside_it(announced: Announced) -> None:
    media = SlowMedia()
    state = AppState(announced, [KEY], media, snapshot_after=lambda: 0)
    await state.write("regular_low", [pin("1@s.whatsapp.net")])
    media.meanwhile = lambda: state.write("regular_low", [pin("2@s.whatsapp.net")])
    wanted = Node("collection", {"name": "regular_low", "return_snapshot": "true"})
    answer = one(await state.answer(1, iq(wanted)))
    reference = pb.ExternalBlobReference.FromString(answer.child("snapshot").data)
    snapshot = pb.SyncdSnapshot.FromString(await state.server.files.get(reference))
    assert answer.int_attr("version") == snapshot.version.version == 1
