"""Events of the library: none is lost to its one reader."""

from __future__ import annotations

import asyncio

import pytest

from support.account import OWN_PN, PEER_PN
from waport import library
from waport.errors import ConnectionClosed
from waport.library import Client
from waport.model import ChatTimerChanged, DomainEvent, Ready

READY = Ready(OWN_PN.bare, "Me")


def event(number: int) -> DomainEvent:
    return ChatTimerChanged(PEER_PN, 86_400, PEER_PN, number)


@pytest.fixture
def client() -> Client:
    return Client("unused.db")


async def taken(client: Client, count: int) -> list[DomainEvent]:
    found = []
    async with asyncio.timeout(5):
        async for each in client.events():
            found.append(each)
            if len(found) == count:
                break
    return found


async def test_what_came_before_the_account_was_ready_is_told_all_the_same(client: Client) -> None:
    client._events.publish("main", [event(1), event(2), READY, event(3)])
    assert await client.ready() == READY
    assert await taken(client, 3) == [event(1), event(2), event(3)]


async def test_who_gives_up_waiting_loses_nothing(client: Client) -> None:
    client._events.publish("main", [event(1)])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.ready()
    assert await taken(client, 1) == [event(1)]


async def test_after_the_end_everybody_is_told_that_it_ended(client: Client) -> None:
    client._events.publish("main", [event(1)])
    client._events.close()
    assert await taken(client, 9) == [event(1)]
    assert await taken(client, 9) == []
    with pytest.raises(ConnectionClosed):
        await client.ready()


async def test_of_too_many_the_latest_are_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MAX_WAITING", 2)
    client._events.publish("main", [event(1), event(2), event(3)])
    assert await taken(client, 2) == [event(2), event(3)]
