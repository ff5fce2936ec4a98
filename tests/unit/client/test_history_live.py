"""What happens live, before the history of it comes: it stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, SESSION, Account, Peer, stanza, text
from support.appstate import mutation
from support.handlers import handle_message
from support.history import BOB, GROUP, HistoryScene, chat, inline, piece, said
from waport.appstate.actions import (
    Action,
    ArchiveChat,
    DeleteMessageForMe,
    MarkChatRead,
    MessageRange,
    MessageRef,
    StarMessage,
)
from waport.client.app_state_effects import Effects
from waport.client.devices import Devices
from waport.client.features.chats import Chats
from waport.client.handlers.receipt import receipt_handler
from waport.client.retries import Retries
from waport.model import Ack, Chat, MessageAdded, MessageKey
from waport.wire import Jid, Node

OLD = [said("M2", "two", at=NOW - 50), said("M1", "one", at=NOW - 60)]


@pytest.fixture
async def scene(account: Account, tmp_path: Path) -> AsyncIterator[HistoryScene]:
    scene = HistoryScene(account, tmp_path)
    yield scene
    await scene.end()


async def take(scene: HistoryScene, jid: Jid = BOB, **more: Any) -> Chat:
    """The history of a chat comes, with two unread messages; the chat after it."""
    about = {"unreadCount": 2, "conversationTimestamp": NOW - 50, **more}
    await scene.take(inline(piece(conversations=[chat(jid, OLD, **about)])))
    found = await scene.read(lambda store: store.chats.get(jid))
    assert isinstance(found, Chat)
    return found


async def say(scene: HistoryScene, action: Action) -> None:
    await scene.account.write(lambda store: Effects(store, lambda _: None).apply(mutation(action)))


async def own_receipt(scene: HistoryScene, at: int) -> None:
    """Another device of the account reads the chat."""
    account = scene.account
    devices = Devices(account.database, SESSION, scene.queries)
    retries = Retries(account.database, SESSION, scene.queries, devices)
    node = Node(
        "receipt",
        {
            "id": "M2",
            "from": OWN_LID.with_device(0),
            "recipient": PEER_LID,
            "type": "read",
            "t": str(at),
        },
    )
    await account.handle(receipt_handler(retries), node)


async def test_without_news_the_history_says_what_is_unread(scene: HistoryScene) -> None:
    assert (await take(scene)).unread == 2
    unread = await scene.read(lambda store: store.messages.unread(BOB, 9))
    assert [key.id for key in unread] == ["M2", "M1"]


async def test_a_chat_read_on_another_device_is_read(scene: HistoryScene) -> None:
    await own_receipt(scene, NOW - 10)
    assert (await take(scene)).unread == 0
    assert await scene.read(lambda store: store.messages.unread(BOB, 9)) == []


async def test_one_read_there_before_is_not(scene: HistoryScene) -> None:
    await own_receipt(scene, NOW - 500)
    assert (await take(scene)).unread == 2


@pytest.mark.parametrize(("last", "unread"), [(NOW - 50, 0), (NOW - 500, 2)])
async def test_a_chat_read_by_app_state_is_read_up_to_its_range(
    scene: HistoryScene, last: int, unread: int
) -> None:
    await say(scene, MarkChatRead(BOB, True, MessageRange(last)))
    assert (await take(scene)).unread == unread


async def test_a_chat_that_was_brought_back_stays(scene: HistoryScene) -> None:
    await say(scene, ArchiveChat(BOB, False, MessageRange(NOW)))
    assert (await take(scene, archived=True)).archived is False


async def test_stars_and_deletions_wait_for_their_message(scene: HistoryScene) -> None:
    await say(scene, StarMessage(MessageRef(BOB, "M1", False), True))
    await say(scene, DeleteMessageForMe(MessageRef(BOB, "M2", False), False, 0))
    await take(scene)
    page = await scene.read(lambda store: store.messages.page(BOB, 9))
    assert [(message.key.id, message.starred) for message in page] == [("M1", True)]


async def test_what_was_read_here_stays_read_when_older_pieces_come(scene: HistoryScene) -> None:
    await take(scene)
    account, queries = scene.account, scene.queries
    chats = Chats(account.database, SESSION, queries, account.sink, _always, scene.clock)
    assert await chats.send_seen(BOB) == 2
    older = chat(BOB, [said("M0", at=NOW - 90)], unreadCount=2, conversationTimestamp=NOW - 50)
    await scene.take(inline(piece(conversations=[older]), chunkOrder=2))
    assert (await scene.read(lambda store: store.chats.get(BOB))).unread == 0
    assert await scene.read(lambda store: store.messages.unread(BOB, 9)) == []


async def _always() -> bool:
    return True


async def test_a_live_message_is_announced_once_and_its_history_is_silent(
    scene: HistoryScene, peer: Peer
) -> None:
    account = scene.account
    live = stanza(peer.encrypt(text("live")), "L1", PEER_LID)
    await account.handle(handle_message, live)
    # The two that the phone counted, and the one that came since.
    assert (await take(scene)).unread == 3
    added = [event for event in account.sink.recorded if isinstance(event, MessageAdded)]
    assert [event.message.text for event in added] == ["live"]


async def test_a_later_ack_is_not_lowered(scene: HistoryScene) -> None:
    mine = said("M5", from_me=True, status="DELIVERY_ACK")
    key = MessageKey(BOB, "M5", True, OWN_PN.bare)
    await scene.take(inline(piece(conversations=[chat(BOB, [mine])])))
    await scene.account.write(lambda store: store.messages.set_ack(BOB, "M5", Ack.READ))
    await scene.take(inline(piece(conversations=[chat(BOB, [mine])])))
    assert (await scene.read(lambda store: store.messages.get_exact(key))).ack is Ack.READ


async def test_the_name_of_a_group_that_is_known_stays(scene: HistoryScene) -> None:
    await scene.account.write(lambda store: store.chats.touch(GROUP, NOW - 5, name="New"))
    assert (await take(scene, GROUP, name="Old")).name == "New"
