"""Credentials are created once, kept, and never silently replaced."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from sqlalchemy import column, func, select

from waport.appstate import Collection, Mutation, Operation, SyncKey
from waport.crypto import KeyPair
from waport.errors import CorruptRecord, StoreError
from waport.model import Call, CallStatus, Credentials, DeviceList, Group, LinkState
from waport.model.newsletter import Newsletter
from waport.signal import PreKey, SignedPreKey
from waport.store import Database, UnitOfWork
from waport.store.app_state_keys import KeyRequest
from waport.store.app_state_values import KeptRecord
from waport.store.dead_letters import bury
from waport.store.delivery_names import delivery_number
from waport.store.schema import metadata
from waport.wire import Jid, Node

from .conftest import MakeMessage, add_on

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
GROUP = Jid.parse("120363000000000001@g.us")
CHANNEL = Jid("120363000000000002", "newsletter")
OF_SESSIONS = [table for table in metadata.sorted_tables if "session_id" in table.c]


async def test_credentials_come_back_as_they_were(
    database: Database, credentials: Credentials
) -> None:
    assert await database.read("s", lambda work: work.devices.get()) is None
    await database.write("s", lambda work: work.devices.create(credentials))
    assert await database.read("s", lambda work: work.devices.get()) == credentials


async def test_credentials_without_a_link_come_back_as_they_were(
    database: Database, credentials: Credentials
) -> None:
    fresh = Credentials(
        credentials.noise, credentials.identity, 1, credentials.signed_pre_key, bytes(32)
    )
    await database.write("s", lambda work: work.devices.create(fresh))
    found = await database.read("s", lambda work: work.devices.get())
    assert found == fresh
    assert found is not None
    assert found.state is LinkState.NEW


async def test_credentials_are_created_only_once(
    database: Database, credentials: Credentials
) -> None:
    await database.write("s", lambda work: work.devices.create(credentials))
    other = replace(credentials, registration_id=1)
    with pytest.raises(StoreError, match="already"):
        await database.write("s", lambda work: work.devices.create(other))
    assert await database.read("s", lambda work: work.devices.get()) == credentials


async def test_saving_updates_what_is_there_and_creates_nothing(
    database: Database, credentials: Credentials
) -> None:
    with pytest.raises(StoreError, match="no credentials"):
        await database.write("s", lambda work: work.devices.save(credentials))
    await database.write("s", lambda work: work.devices.create(credentials))
    later = replace(credentials, next_pre_key_id=900, push_name="New", lid=None, login_counter=4)
    await database.write("s", lambda work: work.devices.save(later))
    assert await database.read("s", lambda work: work.devices.get()) == later


@pytest.mark.parametrize(
    "damage",
    [
        "registration_id = registration_id + 1",
        "state = 'new'",
        "push_name = ''",
        "lid = NULL",
        "pre_keys_uploaded = (1 = 0)",
        "noise_private = identity_private",
        "session_id = 'other'",
    ],
)
async def test_a_changed_row_is_an_error_and_stays(
    database: Database, credentials: Credentials, damage: str
) -> None:
    await database.write("s", lambda work: work.devices.create(credentials))
    await database.write("s", lambda work: work.devices._db.run(f"UPDATE credentials SET {damage}"))
    session_id = "other" if "session_id" in damage else "s"
    with pytest.raises(CorruptRecord):
        await database.read(session_id, lambda work: work.devices.get())
    with pytest.raises(StoreError, match="already"):
        await database.write(session_id, lambda work: work.devices.create(credentials))
    assert await database.session_ids() == [session_id]


async def test_a_flipped_byte_on_disk_is_found(tmp_path: Path, credentials: Credentials) -> None:
    path = tmp_path / "waport.db"
    database = await Database.open(f"sqlite:///{path}")
    await database.write("s", lambda work: work.devices.create(credentials))
    await database.close()
    data = bytearray(path.read_bytes())
    for name in (f.name for f in fields(Credentials)):
        value = getattr(credentials, name)
        secret = value.private if isinstance(value, KeyPair) else value
        if not isinstance(secret, bytes) or len(secret) < 16:
            continue
        at = data.index(secret)
        data[at + 3] ^= 0x10
        path.write_bytes(data)
        database = await Database.open(f"sqlite:///{path}")
        with pytest.raises(CorruptRecord):
            await database.read("s", lambda work: work.devices.get())
        await database.close()
        data[at + 3] ^= 0x10
    path.write_bytes(data)
    database = await Database.open(f"sqlite:///{path}")
    assert await database.read("s", lambda work: work.devices.get()) == credentials
    await database.close()


async def test_sessions_are_listed_in_the_order_of_their_creation(
    database: Database, credentials: Credentials
) -> None:
    for session_id in ("zoe", "adam", "mia"):
        await database.write(session_id, lambda work: work.devices.create(credentials))
    await database.write("adam", lambda work: work.devices.delete_session())
    await database.write("adam", lambda work: work.devices.create(credentials))
    assert await database.session_ids() == ["zoe", "mia", "adam"]


async def test_deleting_a_session_removes_its_rows_everywhere_and_no_others(
    database: Database, credentials: Credentials, make_message: MakeMessage
) -> None:
    def fill(work: UnitOfWork) -> None:
        work.devices.create(credentials)
        work.signal.put_session("15550001111.0", b"record")
        work.signal.put_session("15550001111.1", b"broken")
        work.signal.put_aside("15550001111.1")
        work.signal.put_identity("15550001111.0", bytes(32))
        work.signal.add_pre_keys([PreKey(1, KeyPair.generate())])
        work.signal.put_signed_pre_key(SignedPreKey.create(credentials.identity, 1))
        work.sender_keys.put(GROUP, "15550001111.0", b"record")
        work.sender_keys.mark_warm(GROUP, ["15550001111.0"])
        work.addresses.learn(ANN, ANN_LID)
        work.addresses.put_devices(DeviceList(ANN, (0, 1), 1, 2, 3))
        work.messages.add(make_message())
        work.messages.bump_retry(ANN, "3EB0", "15550001111.0")
        work.add_ons.put(add_on())
        work.add_ons.wait(ANN, "3EB1", 1)
        work.chats.touch(ANN, 1)
        work.groups.put(Group(GROUP))
        work.tokens.put(ANN_LID, b"token", 1)
        work.contacts.set_push_name(ANN, "Ann")
        work.sync_keys.put(SyncKey(b"key", bytes(32), 1))
        work.sync_keys.put_request(b"other", KeyRequest(1, 1))
        work.app_state.note_news(Collection.REGULAR)
        work.app_state.put_value_macs(Collection.REGULAR, 1, {b"index": b"value"})
        mutation = Mutation(Operation.SET, b'["label_edit","1"]', b"", 3, 1)
        work.app_state.add_pending(Collection.REGULAR, mutation)
        work.app_state.keep(KeptRecord("label_edit", mutation))
        work.app_state.note_applied(Collection.REGULAR, mutation)
        work.calls.put(Call("C", ANN, ANN, CallStatus.OFFER, 1))
        work.raw_stanzas.add("new", Node("notification", {"id": "N"}), 1)
        work.newsletters.put(Newsletter(CHANNEL))
        work.newsletters.name_post(CHANNEL, 1, "3EB0")
        event_id = work.event_log.append("message", "lane", "{}", deliver=True, webhooks=[1])
        bury(work.devices._db, [delivery_number(event_id, 1)], 1, 500)
        work.send_queue.add("id", ANN, b"stanza", 1)
        work.history.add_notice("id", 3, 1, b"notice")
        work.history.keep("kind", "name", b"data")

    def count(work: UnitOfWork) -> dict[str, int]:
        counts = {}
        for table in OF_SESSIONS:
            question = (
                select(func.count())
                .select_from(table)
                .where(column("session_id") == work.session_id)
            )
            counts[table.name] = work.devices._db.ask_once(question)[0][0]
        return counts

    for session_id in ("one", "two", "three"):
        await database.write(session_id, fill)
    everywhere = dict.fromkeys((table.name for table in OF_SESSIONS), 1)
    assert await database.read("one", count) == everywhere
    await database.write("one", lambda work: work.devices.delete_session())
    assert await database.read("one", count) == dict.fromkeys(
        (table.name for table in OF_SESSIONS), 0
    )
    assert await database.read("two", count) == everywhere

    await database.write("two", lambda work: work.devices.delete_session(keep_events=True))
    left = await database.read("two", count)
    assert {name for name, rows in left.items() if rows} == {
        "event_log",
        "deliveries",
        "delivery_lanes",
        "dead_letters",
    }
    assert await database.read("three", count) == everywhere
    assert await database.session_ids() == ["three"]


async def test_the_log_outlives_its_session(database: Database) -> None:
    def fill(work: UnitOfWork) -> None:
        work.event_log.append("message", "chat", '"told already"', deliver=False)
        work.event_log.append("disconnected", "", "{}", deliver=True)
        work.devices.delete_session(keep_events=True)

    await database.write("one", fill)
    (due,) = await database.due_deliveries({"one": []}, 2**62, lanes=10, rows=10)
    assert [[delivery.kind for delivery in lane] for lane in due.lanes] == [["disconnected"]]
    logged = await database.events_after(0, 10, "one")
    assert [event.kind for event in logged] == ["message", "disconnected"]
