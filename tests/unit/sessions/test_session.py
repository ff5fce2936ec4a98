from __future__ import annotations

import asyncio
from typing import Any

import pytest

from waport.client import Cause, Close
from waport.errors import SessionNotConnected, StoreError
from waport.model import SessionState
from waport.sessions import Session, session


class Client:
    """Runs until it is told how to end."""

    def __init__(self) -> None:
        self.end: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self.is_deaf = False
        self.state = SessionState.CONNECTING

    async def run(self) -> Close:
        return await asyncio.shield(self.end)

    def stop(self) -> None:
        if not self.is_deaf and not self.end.done():
            self.end.set_result(Close(Cause.STOPPED))


class Desk:
    def __init__(self) -> None:
        self.client: Any = Client()
        self.ends: list[Close] = []
        self.over = asyncio.Event()
        self.session = Session("main", self.client, on_end=self.on_end)

    def on_end(self, session: Session, close: Close) -> None:
        self.ends.append(close)
        self.over.set()


async def test_an_end_by_itself_is_told_once() -> None:
    desk = Desk()
    desk.session.start()
    desk.client.end.set_result(Close(Cause.REPLACED))
    await desk.over.wait()
    assert desk.session.has_ended
    await desk.session.stop()
    assert [close.cause for close in desk.ends] == [Cause.REPLACED]


@pytest.mark.parametrize("error", [StoreError("damaged"), ZeroDivisionError()])
async def test_credentials_that_can_not_be_used_and_our_own_faults_delete_nothing(
    error: Exception,
) -> None:
    desk = Desk()
    desk.session.start()
    desk.client.end.set_exception(error)
    await desk.over.wait()
    assert not desk.ends[0].action.forget


async def test_a_stop_is_not_told() -> None:
    desk = Desk()
    desk.session.start()
    await desk.session.stop()
    assert (desk.session.has_ended, desk.ends) == (True, [])
    await desk.session.stop()


async def test_a_session_that_was_never_started_can_be_stopped() -> None:
    desk = Desk()
    await desk.session.stop()
    assert desk.ends == []


async def test_a_client_that_does_not_stop_in_time_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "STOP_TIMEOUT_S", 0.01)
    desk = Desk()
    desk.client.is_deaf = True
    desk.session.start()
    await desk.session.stop()
    assert desk.ends == []
    desk.client.end.cancel()


async def test_only_a_connected_session_may_be_used() -> None:
    desk = Desk()
    with pytest.raises(SessionNotConnected):
        desk.session.require_connected()
    desk.client.state = SessionState.CONNECTED
    assert desk.session.require_connected() is desk.session
