"""Damaged patches and snapshots of app state, every MAC of them made anew."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError as ProtobufError

from fuzz.mutate import mutate
from support.appstate import KEY_ID, NOW_MS, RING, Replica, chat, pin
from support.appstate_server import Device, Server
from support.chat_actions import BUSINESS_SAMPLES, CHAT_SAMPLES
from support.setting_actions import PEOPLE_SAMPLES, SETTING_SAMPLES
from waport.appstate import (
    Collection,
    Operation,
    SealedRecord,
    advance,
    index_mac,
    mutation_data,
    patch_mac,
    snapshot_mac,
    value_mac,
)
from waport.appstate.actions import write_action
from waport.appstate.codec import write_mutation
from waport.crypto import aes_cbc_encrypt
from waport.proto import pb
from waport.stanza.appstate import CollectionAnswer, CollectionRequest

from .damage import damage_json, damage_message
from .owner import owner, pass_time
from .watch import Growth

MAX_GROWTH = 20_000
OWN = RING.expand(KEY_ID)


def samples() -> Sequence[tuple[Collection, pb.SyncActionData]]:
    """A record of every action that we know."""
    made = []
    for action, collection, *_ in (
        *CHAT_SAMPLES,
        *BUSINESS_SAMPLES,
        *PEOPLE_SAMPLES,
        *SETTING_SAMPLES,
    ):
        mutation = write_action(action, timestamp_ms=NOW_MS).mutation
        made.append((collection, pb.SyncActionData.FromString(mutation_data(mutation))))
    return made


def damaged_record(sample: pb.SyncActionData, chosen: random.Random) -> SealedRecord:
    """A record with a damage inside and good MACs."""
    data = pb.SyncActionData()
    data.CopyFrom(sample)
    if chosen.random() < 0.4:
        data.index = _damaged_index(data.index, chosen)
    inside = data.SerializeToString() if chosen.random() < 0.2 else damage_message(data, chosen)
    try:
        index = pb.SyncActionData.FromString(inside).index
    except ProtobufError:
        # The next test is about records that are none.
        return damaged_record(sample, chosen)
    operation = Operation.REMOVE if chosen.random() < 0.1 else Operation.SET
    body = bytes(16) + aes_cbc_encrypt(OWN.value_encryption, bytes(16), inside)
    blob = body + value_mac(OWN, KEY_ID, operation, body)
    return SealedRecord(operation, index_mac(OWN, index), blob, KEY_ID)


def _damaged_index(index: bytes, chosen: random.Random) -> bytes:
    if chosen.random() < 0.3:
        return mutate(index, chosen)
    return json.dumps(damage_json(json.loads(index), chosen)).encode()


def sealed_patch(replica: Replica, records: Sequence[SealedRecord]) -> pb.SyncdPatch:
    """A patch on top of what a device knows, with good MACs."""
    after = advance(replica.state, records, replica.value_macs.get)
    patch = pb.SyncdPatch()
    for record in records:
        write_mutation(record, patch.mutations.add())
    patch.version.version = after.state.version
    patch.keyId.id = KEY_ID
    patch.snapshotMac = snapshot_mac(OWN, replica.collection, after.state)
    macs = [record.value_mac for record in records]
    patch.patchMac = patch_mac(
        OWN, replica.collection, after.state.version, patch.snapshotMac, macs
    )
    replica.keep(after.state, after.changes)
    return patch


async def give_all(device: Device, server: Server, chosen: random.Random) -> int:
    """Damaged records reach a device in patches, then in snapshots; how many records."""
    count = 0
    by_collection = samples()
    for _ in range(25):
        for collection in Collection:
            pool = [data for where, data in by_collection if where is collection]
            for _ in range(2):
                records = [damaged_record(chosen.choice(pool), chosen) for _ in range(2)]
                count += len(records)
                patch = sealed_patch(server.replicas[collection], records)
                server.logs[collection].append(patch.SerializeToString())
        await pass_time(device.clock, device.notified(*Collection))
    return count


async def take_all(server: Server, folder: Path, chosen: random.Random | None) -> int:
    """A device of a new account takes in what a server has, and goes on well; damaged records."""
    async with owner(folder) as account:
        device = await Device(account, server).ready()
        count = 0 if chosen is None else await give_all(device, server, chosen)
        server.write(Collection.REGULAR_LOW, pin(chat(3)))
        await pass_time(device.clock, device.notified(Collection.REGULAR_LOW))
        assert str(chat(3)) in await device.pinned()
        await device.background.cancel()
    return count


async def test_records_that_make_no_sense_change_nothing_else(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth, tried = Growth(), 0
    for number in range(3):
        server = Server()
        tried += await take_all(server, tmp_path / f"patches{number}", random.Random(31))
        # A snapshot gives them all at once.
        server.has_snapshots = True
        await take_all(server, tmp_path / f"snapshot{number}", None)
        growth.mark()
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("sealed records of app state", tried))


async def test_a_server_that_gives_out_damaged_patches_is_overcome(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chosen, growth, tried = random.Random(32), Growth(), 0
    low = Collection.REGULAR_LOW
    for number in range(3):
        server = Server(has_snapshots=True)
        async with owner(tmp_path / str(number)) as account:
            device = await Device(account, server).ready()

            def lie(_: CollectionRequest, answer: CollectionAnswer) -> CollectionAnswer:
                patches = [
                    damage_message(pb.SyncdPatch.FromString(each), chosen)
                    for each in answer.patches
                ]
                snapshot = answer.snapshot
                if snapshot is not None:
                    snapshot = mutate(snapshot, chosen)
                return CollectionAnswer(
                    answer.collection,
                    chosen.choice((answer.version, 0, 2**40)),
                    snapshot,
                    tuple(patches) * chosen.choice((1, 1, 2)),
                    answer.has_more,
                    answer.error,
                )

            for turn in range(60):
                server.write(low, pin(chat(turn % 50)))
                server.lies = [lie] * chosen.choice((1, 1, 2))
                tried += len(server.lies)
                await pass_time(device.clock, device.notified(low))
                server.lies = []
                await pass_time(device.clock, device.notified(low))
                # A key that does not exist was asked for; the phone says that it has none either.
                await pass_time(device.clock, device.sync.keys_shared())
                assert await device.is_even(low), turn
            await device.background.cancel()
        growth.mark()
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("damaged answers about app state", tried))
