from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from support.account import OWN_PN
from support.clock import TIMEOUT_S
from support.typing_phone import named
from support.whatsapp import failure, stream_error
from waport.client.pairing_codes import READY_TIMEOUT_S
from waport.errors import (
    ConnectionClosed,
    CorruptRecord,
    QrNotAvailable,
    QueryError,
    SessionAlreadyConnected,
    SessionNotConnected,
    SessionNotFound,
)
from waport.model import Disconnected, QrReady, SessionState
from waport.sessions import SessionFolders
from waport.sessions import manager as manager_module
from waport.store.devices import Devices
from waport.wire import Node

if TYPE_CHECKING:
    from .conftest import Sessions

BACKOFF = (2.4, 3.6)
REMOVED = stream_error(Node("conflict", {"type": "device_removed"}), code="401")


# --- starting ------------------------------------------------------------------------------------


async def test_starts_at_once_open_one_connection(sessions: Sessions) -> None:
    for connects in (1, 2):
        await asyncio.gather(*(sessions.manager.start("main") for _ in range(5)))
        await sessions.whatsapp.accept()
        assert [name for name, _ in sessions.manager.list()] == ["main"]
        await sessions.database.write("main", lambda _: None)
        assert sessions.whatsapp.connects == connects


async def test_a_connected_session_is_not_started_again(sessions: Sessions) -> None:
    await sessions.connect()
    session = sessions.manager.get("main")
    await sessions.manager.start("main")
    assert sessions.manager.get("main") is session
    assert sessions.whatsapp.connects == 1


async def test_a_session_that_shows_a_code_is_started_anew(sessions: Sessions) -> None:
    await sessions.manager.start("main")
    wire = await sessions.whatsapp.accept()
    wire.offer_refs(b"one")
    await sessions.sink.until(QrReady)
    with pytest.raises(SessionNotConnected):
        sessions.manager.client("main")
    assert sessions.manager.qr("main")
    await sessions.manager.start("main")
    await wire.closed()
    again = await sessions.whatsapp.accept()
    assert again.payload.devicePairingData == wire.payload.devicePairingData
    with pytest.raises(QrNotAvailable):
        sessions.manager.qr("main")


async def test_what_is_not_started_is_not_found(sessions: Sessions) -> None:
    for call in (sessions.manager.stop, sessions.manager.logout):
        with pytest.raises(SessionNotFound):
            await call("main")
    for ask in (sessions.manager.get, sessions.manager.client, sessions.manager.qr):
        with pytest.raises(SessionNotFound):
            ask("main")
    assert sessions.manager.state("main") is None


async def test_restoring_starts_every_session_and_one_failure_stops_no_other(
    sessions: Sessions,
) -> None:
    for name in ("a", "b", "c"):
        await sessions.link(name)
    make = sessions.folders.make

    def failing(session_id: str) -> None:
        if session_id == "b":
            raise PermissionError("read-only")
        make(session_id)

    sessions.folders.make = failing  # type: ignore[method-assign]
    await sessions.manager.restore()
    assert [name for name, _ in sessions.manager.list()] == ["a", "c"]


async def test_credentials_that_can_not_be_read_end_the_session_and_stay_as_they_are(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sessions.link()
    good = await sessions.credentials()
    with monkeypatch.context() as patch:

        def corrupt(self: Devices) -> None:
            raise CorruptRecord("damaged")

        patch.setattr(Devices, "get", corrupt)
        await sessions.manager.start("main")
        await sessions.ended(sessions.manager.get("main"))
    assert sessions.manager.state("main") is SessionState.DISCONNECTED
    assert sessions.whatsapp.connects == 0
    assert await sessions.credentials() == good
    # Mended, it starts as before.
    await sessions.manager.start("main")
    await sessions.log_in()


# --- stopping ------------------------------------------------------------------------------------


async def test_stopping_keeps_everything_and_tells_nobody(sessions: Sessions) -> None:
    wire = await sessions.connect()
    await sessions.manager.stop("main")
    await wire.closed()
    assert sessions.manager.state("main") is None
    assert await sessions.credentials() is not None
    assert sessions.folder().is_dir()
    assert sessions.sink.of(Disconnected) == []
    await sessions.manager.start("main")
    await sessions.log_in()


async def test_restarting_closes_the_old_connection_first(sessions: Sessions) -> None:
    wire = await sessions.connect()
    old = sessions.manager.get("main")
    await sessions.manager.restart("main")
    await wire.closed()
    assert old.has_ended
    await sessions.log_in()
    await sessions.manager.restart("unknown")
    assert sessions.manager.state("unknown") is not None


async def test_a_closed_manager_leaves_no_session(sessions: Sessions) -> None:
    wires = [await sessions.connect(name) for name in ("a", "b")]
    await sessions.manager.close()
    for wire in wires:
        await wire.closed()
    assert sessions.manager.list() == []
    assert sessions.sink.of(Disconnected) == []


# --- ends ----------------------------------------------------------------------------------------


async def test_terminating_unlinks_and_deletes_everything_in_silence(sessions: Sessions) -> None:
    wire = await sessions.connect()
    terminating = asyncio.create_task(sessions.manager.terminate("main"))
    request = await wire.hear("iq", xmlns="md")
    assert request.child("remove-companion-device").jid("jid") == OWN_PN
    wire.answer(request)
    assert await terminating is True
    assert sessions.manager.state("main") is None
    assert await sessions.credentials() is None
    assert not sessions.folder().exists()
    assert sessions.sink.of(Disconnected) == []


@pytest.mark.parametrize("how", ["refusal", "silence", "end"])
async def test_terminating_does_not_depend_on_the_server(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(manager_module, "UNLINK_TIMEOUT_S", 5 if how != "silence" else 0.05)
    wire = await sessions.connect()
    terminating = asyncio.create_task(sessions.manager.terminate("main"))
    request = await wire.hear("iq", xmlns="md")
    if how == "refusal":
        wire.refuse(request, 500)
    elif how == "end":
        wire.say(REMOVED)
    # An end by the server while we ask is an unlinking, too.
    assert await terminating is (how == "end")
    assert await sessions.credentials() is None
    assert sessions.sink.of(Disconnected) == []


async def test_terminating_during_a_reconnect_brings_nothing_back(sessions: Sessions) -> None:
    wire = await sessions.connect()
    wire.hang_up()
    await sessions.clock.sleeping(*BACKOFF)
    assert await sessions.manager.terminate("main") is False
    assert sessions.clock.asked() == []
    sessions.clock.advance(1000)
    await sessions.database.write("main", lambda _: None)
    assert sessions.whatsapp.connects == 1
    assert sessions.manager.state("main") is None
    assert await sessions.credentials() is None


async def test_terminating_what_hangs_in_its_connect_does_not_hang(sessions: Sessions) -> None:
    sessions.whatsapp.is_hanging = True
    await sessions.manager.start("main")
    await sessions.reaches("main", SessionState.CONNECTING)
    async with asyncio.timeout(5):
        await sessions.manager.terminate("main")
    assert await sessions.credentials() is None


async def test_terminating_what_is_not_started_deletes_it(sessions: Sessions) -> None:
    await sessions.link()
    sessions.folders.make("main")
    assert await sessions.manager.terminate("main") is False
    assert await sessions.manager.terminate("never-there") is None
    assert await sessions.credentials() is None
    assert not sessions.folder().exists()


async def test_a_logout_is_told_once_and_last(sessions: Sessions) -> None:
    wire = await sessions.connect()
    leaving = asyncio.create_task(sessions.manager.logout("main"))
    wire.answer(await wire.hear("iq", xmlns="md"))
    wire.say(REMOVED)
    await leaving
    assert sessions.sink.of(Disconnected) == [Disconnected("logged_out")]
    assert sessions.sink.published[-1] == Disconnected("logged_out")
    assert await sessions.credentials() is None
    assert not sessions.folder().exists()


async def test_a_logout_that_the_server_ends_before_it_answers_is_told_once(
    sessions: Sessions,
) -> None:
    wire = await sessions.connect()
    leaving = asyncio.create_task(sessions.manager.logout("main"))
    await wire.hear("iq", xmlns="md")
    wire.say(REMOVED)
    await leaving
    assert sessions.sink.of(Disconnected) == [Disconnected("logged_out")]


async def test_a_session_that_the_phone_ends_is_cleared_away(sessions: Sessions) -> None:
    wire = await sessions.connect()
    wire.say(REMOVED)
    await sessions.reaches("main", None)
    async with asyncio.timeout(TIMEOUT_S):
        while sessions.folder().exists():
            await sessions.database.write("main", lambda _: None)
    assert sessions.sink.published[-1] == Disconnected("logged_out")
    assert await sessions.credentials() is None
    # Started again, it is a stranger.
    await sessions.manager.start("main")
    again = await sessions.whatsapp.accept()
    assert again.payload.HasField("devicePairingData")


async def test_a_folder_that_can_not_be_removed_is_reported(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: SessionFolders, session_id: str) -> None:
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(SessionFolders, "remove", refuse)
    wire = await sessions.connect()
    wire.say(REMOVED)
    await sessions.reaches("main", None)
    async with asyncio.timeout(TIMEOUT_S):
        while "session main was not erased" not in caplog.text:
            await sessions.database.write("main", lambda _: None)
    assert await sessions.credentials() is None


async def test_a_start_right_after_the_end_is_not_cleared_away(sessions: Sessions) -> None:
    wire = await sessions.connect()
    old = sessions.manager.get("main")
    wire.say(REMOVED)
    await sessions.ended(old)
    await sessions.manager.start("main")
    again = await sessions.whatsapp.accept()
    again.offer_refs(b"ref")
    await sessions.sink.until(QrReady)
    assert await sessions.credentials() is not None
    assert sessions.manager.state("main") is SessionState.QR


async def test_a_session_that_ended_otherwise_stays_and_can_be_started(
    sessions: Sessions,
) -> None:
    wire = await sessions.connect()
    wire.say(stream_error(Node("conflict", {"type": "replaced"})))
    await sessions.reaches("main", SessionState.DISCONNECTED)
    await sessions.ended(sessions.manager.get("main"))
    await sessions.manager.start("main")
    await sessions.log_in()


# --- codes ---------------------------------------------------------------------------------------


async def test_a_code_of_an_unknown_session_starts_it(sessions: Sessions) -> None:
    asking = asyncio.create_task(sessions.manager.request_pairing_code("main", "15550001111"))
    wire = await sessions.whatsapp.accept()
    wire.offer_refs(b"ref")
    wire.answer(await wire.hear("iq", type="set"), named(b"REF"))
    assert len(await asking) == 8
    assert sessions.manager.state("main") is SessionState.PAIRING


async def test_a_code_for_a_linked_account_is_refused_connected_or_not(
    sessions: Sessions,
) -> None:
    wire = await sessions.connect()
    with pytest.raises(SessionAlreadyConnected):
        await sessions.manager.request_pairing_code("main", "15550001111")
    wire.hang_up()
    await sessions.clock.sleeping(*BACKOFF)
    asking = asyncio.create_task(sessions.manager.request_pairing_code("main", "15550001111"))
    await sessions.clock.sleeping(READY_TIMEOUT_S)
    sessions.clock.advance(BACKOFF[1])
    with pytest.raises(SessionAlreadyConnected):
        await asking


async def test_a_session_that_ends_while_a_code_is_asked_for_is_not_found(
    sessions: Sessions,
) -> None:
    asking = asyncio.create_task(sessions.manager.request_pairing_code("main", "15550001111"))
    await sessions.whatsapp.accept()
    await sessions.clock.sleeping(READY_TIMEOUT_S)
    await sessions.manager.stop("main")
    with pytest.raises(SessionNotFound):
        await asking


async def test_a_code_that_the_server_refuses_is_an_error_of_the_call(sessions: Sessions) -> None:
    asking = asyncio.create_task(sessions.manager.request_pairing_code("main", "15550001111"))
    wire = await sessions.whatsapp.accept()
    wire.offer_refs(b"ref")
    wire.refuse(await wire.hear("iq", type="set"), 429)
    with pytest.raises(QueryError):
        await asking
    asking = asyncio.create_task(sessions.manager.request_pairing_code("main", "15550001111"))
    await wire.hear("iq", type="set")
    wire.hang_up()
    with pytest.raises(ConnectionClosed):
        await asking


async def test_a_code_of_a_session_that_has_ended_starts_it_again(sessions: Sessions) -> None:
    await sessions.manager.start("main")
    (await sessions.whatsapp.accept()).say(failure(reason="409"))
    await sessions.ended(sessions.manager.get("main"))
    asking = asyncio.create_task(sessions.manager.request_pairing_code("main", "15550001111"))
    wire = await sessions.whatsapp.accept()
    wire.offer_refs(b"ref")
    wire.answer(await wire.hear("iq", type="set"), named(b"REF"))
    await asking
