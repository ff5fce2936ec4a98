"""The list of chats: read receipts, unread marks, clearing and deleting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.account import NOW, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.asking import Asked
from support.groups import CAROL_LID, CAROL_PN, GROUP, group
from waport.client.clock import Clock
from waport.client.features import chats as chats_module
from waport.client.features.chats import Chats
from waport.client.queries import Queries
from waport.errors import ConnectionClosed, NotFound, QueryError
from waport.model import (
    Ack,
    AddressingMode,
    Chat,
    ChatRemoved,
    ChatSummary,
    Contact,
    Message,
    MessageKey,
    MessageKind,
    UnreadChanged,
)
from waport.proto import pb
from waport.store import UnitOfWork
from waport.wire import STATUS, Jid

NEWS = Jid("120363000000000002", "newsletter")


class Moment(Clock):
    def unix(self) -> float:
        return float(NOW)


class World:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.queries = Queries(5)
        self.server = Asked(self.queries, lambda _: [])
        self.sends = True
        self.asked = 0
        self.chats = Chats(
            account.database, SESSION, self.queries, account.sink, self._sends, Moment()
        )

    async def _sends(self) -> bool:
        self.asked += 1
        return self.sends

    async def receive(self, chat: Jid, *ids: str, sender: Jid | None = None, **fields: Any) -> None:
        """Messages of others come in."""

        def job(store: UnitOfWork) -> None:
            for message_id in ids:
                store.messages.add(message(chat, message_id, sender=sender, **fields))
                store.chats.touch(chat, NOW, 1)

        await self.account.write(job)

    async def read(self, job: Callable[[UnitOfWork], Any]) -> Any:
        return await self.account.read(job)

    async def unread(self, chat: Jid) -> int:
        summary: Chat = await self.read(lambda store: store.chats.get(chat))
        return summary.unread_count

    def receipts(self) -> list[tuple[dict[str, Any], list[str]]]:
        """The attributes of each receipt without its ids, and the ids."""
        found = []
        for node in self.server.sent:
            assert (node.tag, node.get("t")) == ("receipt", str(NOW))
            listing = node.find("list")
            more = [] if listing is None else [item.attr("id") for item in listing.children()]
            attrs = {n: v for n, v in node.attrs.items() if n not in ("id", "t")}
            found.append((attrs, [node.attr("id"), *more]))
        return found


def message(chat: Jid, message_id: str, *, sender: Jid | None = None, **fields: Any) -> Message:
    key = MessageKey(chat, message_id, sender == OWN_PN.bare, sender or chat)
    values: dict[str, Any] = {
        "timestamp": NOW,
        "content": pb.Message(conversation=message_id).SerializeToString(),
        "kind": MessageKind.TEXT,
        "ack": Ack.SERVER,
        **fields,
    }
    return Message(key, **values)


@pytest.fixture
def talks(account: Account) -> World:
    return World(account)


# --- read receipts -------------------------------------------------------------------------------


@pytest.mark.parametrize("chat", [PEER_PN, PEER_LID])
async def test_the_unread_messages_of_a_person_are_told_in_one_receipt(
    talks: World, chat: Jid
) -> None:
    await talks.receive(PEER_PN, "A", "B", "C")
    await talks.receive(CAROL_PN, "D")
    assert await talks.chats.send_seen(chat) == 3
    assert talks.receipts() == [({"to": PEER_LID, "type": "read"}, ["A", "B", "C"])]
    assert await talks.unread(PEER_PN) == 0
    assert await talks.unread(CAROL_PN) == 1
    stored = await talks.read(lambda store: store.messages.page(PEER_PN, 9))
    assert {each.ack for each in stored} == {Ack.READ}
    (event,) = talks.account.sink.of(UnreadChanged)
    assert (event.chat.jid, event.count) == (PEER_PN, 0)


async def test_what_was_read_or_is_our_own_is_not_told_again(talks: World) -> None:
    await talks.receive(PEER_PN, "OLD", ack=Ack.READ)
    await talks.receive(PEER_PN, "NEW")
    await talks.account.write(
        lambda store: store.messages.add(message(PEER_PN, "MINE", sender=OWN_PN.bare))
    )
    assert await talks.chats.send_seen(PEER_PN) == 1
    assert await talks.chats.send_seen(PEER_PN) == 0
    assert [ids for _, ids in talks.receipts()] == [["NEW"]]
    assert await talks.unread(PEER_PN) == 0


async def test_no_more_messages_are_told_than_the_chat_counts_as_unread(talks: World) -> None:
    await talks.receive(PEER_PN, "READ ELSEWHERE", timestamp=NOW - 9)
    await talks.account.write(lambda store: store.chats.mark_read(PEER_PN))
    await talks.receive(PEER_PN, "NEW")
    assert await talks.chats.send_seen(PEER_PN) == 1
    assert [ids for _, ids in talks.receipts()] == [["NEW"]]


@pytest.mark.parametrize(
    ("mode", "authors"),
    [
        (AddressingMode.LID, [PEER_LID, CAROL_LID]),
        (AddressingMode.PN, [PEER_PN, CAROL_PN]),
        (None, [PEER_LID, CAROL_LID]),
    ],
)
async def test_a_group_gets_a_receipt_for_each_author_as_it_names_them(
    talks: World, mode: AddressingMode | None, authors: list[Jid]
) -> None:
    def job(store: UnitOfWork) -> None:
        store.addresses.learn(CAROL_PN, CAROL_LID)
        if mode is not None:
            store.groups.put(group(fetched_at=NOW, mode=mode))

    await talks.account.write(job)
    for message_id, sender in (("A", PEER_PN), ("B", CAROL_PN), ("C", PEER_PN)):
        await talks.receive(GROUP, message_id, sender=sender)
    assert await talks.chats.send_seen(GROUP) == 3
    assert talks.receipts() == [
        ({"to": GROUP, "type": "read", "participant": authors[0]}, ["A", "C"]),
        ({"to": GROUP, "type": "read", "participant": authors[1]}, ["B"]),
    ]


async def test_two_authors_who_use_one_id_are_both_read(talks: World) -> None:
    await talks.receive(GROUP, "A", sender=PEER_PN)
    await talks.receive(GROUP, "A", sender=CAROL_PN)
    assert await talks.chats.send_seen(GROUP) == 2
    assert await talks.read(lambda store: store.messages.unread(GROUP, 9)) == []


async def test_a_receipt_names_256_messages_at_most(talks: World) -> None:
    ids = [f"M{number:04}" for number in range(600)]
    await talks.receive(PEER_PN, *ids)
    assert await talks.chats.send_seen(PEER_PN) == 600
    told = [ids for _, ids in talks.receipts()]
    assert [len(each) for each in told] == [256, 256, 88]
    assert [each for part in told for each in part] == ids


async def test_only_so_many_are_told_and_all_count_as_read(
    talks: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats_module, "MAX_SEEN", 2)
    await talks.receive(PEER_PN, "A", "B", "C")
    assert await talks.chats.send_seen(PEER_PN) == 2
    assert [ids for _, ids in talks.receipts()] == [["B", "C"]]
    assert await talks.unread(PEER_PN) == 0


async def test_status_posts_are_read_by_their_authors_hidden_ids(talks: World) -> None:
    await talks.receive(STATUS, "A", sender=PEER_PN)
    await talks.chats.send_seen(STATUS)
    assert talks.receipts() == [({"to": STATUS, "type": "read", "participant": PEER_LID}, ["A"])]


async def test_posts_of_a_channel_are_read_without_a_receipt(talks: World) -> None:
    await talks.receive(NEWS, "A")
    assert await talks.chats.send_seen(NEWS) == 1
    assert (talks.server.sent, talks.asked, await talks.unread(NEWS)) == ([], 0, 0)


@pytest.mark.parametrize(
    ("sends", "privately", "kind", "asked"),
    [
        (True, None, "read", 1),
        (False, None, "read-self", 1),
        (True, True, "read-self", 0),
        (False, False, "read", 0),
    ],
)
async def test_privacy_decides_who_is_told_unless_the_caller_does(
    talks: World, sends: bool, privately: bool | None, kind: str, asked: int
) -> None:
    talks.sends = sends
    await talks.receive(PEER_PN, "A")
    await talks.chats.send_seen(PEER_PN, privately=privately)
    ((attrs, _),) = talks.receipts()
    assert (attrs["type"], talks.asked) == (kind, asked)


async def test_a_chat_with_nothing_unread_asks_and_sends_nothing(talks: World) -> None:
    assert await talks.chats.send_seen(PEER_PN) == 0
    talks.server.hang_up()
    assert await talks.chats.send_seen(GROUP) == 0
    assert (talks.server.sent, talks.asked) == ([], 0)


async def test_without_a_connection_a_chat_stays_unread(talks: World) -> None:
    await talks.receive(PEER_PN, "A")
    talks.server.hang_up()
    with pytest.raises(ConnectionClosed):
        await talks.chats.send_seen(PEER_PN)
    assert await talks.unread(PEER_PN) == 1
    talks.queries.attach(talks.server)  # type: ignore[arg-type]
    assert await talks.chats.send_seen(PEER_PN) == 1


async def test_a_privacy_setting_that_is_not_known_sends_nothing(
    talks: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> bool:
        raise QueryError(500, "no")

    monkeypatch.setattr(talks.chats, "_sends_read_receipts", fails)
    await talks.receive(PEER_PN, "A")
    with pytest.raises(QueryError):
        await talks.chats.send_seen(PEER_PN)
    assert (talks.server.sent, await talks.unread(PEER_PN)) == ([], 1)


async def test_what_comes_while_we_read_stays_unread(
    talks: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def meanwhile() -> bool:
        await talks.receive(PEER_PN, "LATER")
        return True

    monkeypatch.setattr(talks.chats, "_sends_read_receipts", meanwhile)
    await talks.receive(PEER_PN, "A", "B")
    assert await talks.chats.send_seen(PEER_PN) == 2
    assert await talks.unread(PEER_PN) == 1
    (left,) = await talks.read(lambda store: store.messages.unread(PEER_PN, 9))
    assert left.id == "LATER"


async def test_a_chat_marked_as_unread_is_read_without_a_receipt(talks: World) -> None:
    await talks.receive(PEER_PN, "A")
    await talks.chats.send_seen(PEER_PN)
    await talks.chats.mark_unread(PEER_LID)
    assert await talks.unread(PEER_PN) == -1
    talks.server.sent.clear()
    assert await talks.chats.send_seen(PEER_LID) == 0
    assert (talks.server.sent, await talks.unread(PEER_PN)) == ([], 0)
    await talks.chats.mark_unread(CAROL_PN)
    assert await talks.read(lambda store: store.chats.get(CAROL_PN)) is None
    assert [event.count for event in talks.account.sink.of(UnreadChanged)] == [0, -1, 0]


# --- lists ---------------------------------------------------------------------------------------


async def test_the_list_leaves_the_status_feed_out(talks: World) -> None:
    await talks.receive(PEER_PN, "A")
    await talks.receive(STATUS, "S", sender=PEER_PN)
    (only,) = await talks.chats.all()
    assert (only.chat.jid, only.last and only.last.key.id, only.title) == (
        PEER_PN,
        "A",
        PEER_PN.user,
    )
    assert await talks.chats.get(PEER_LID) == only


async def test_with_a_person_there_always_is_a_chat(talks: World) -> None:
    await talks.account.write(lambda store: store.contacts.set_push_name(CAROL_PN, "Carol"))
    known = await talks.chats.get(CAROL_PN)
    assert known == ChatSummary(Chat(CAROL_PN), None, Contact(CAROL_PN, push_name="Carol"))
    assert (await talks.chats.get(CAROL_LID)).title == CAROL_LID.user
    for jid in (GROUP, NEWS):
        with pytest.raises(NotFound):
            await talks.chats.get(jid)


# --- removing ------------------------------------------------------------------------------------


async def test_a_cleared_chat_stays_on_the_list_without_messages(
    talks: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats_module, "CLEAR_STEP", 2)
    await talks.receive(PEER_PN, "A", "B", "C", "D")
    await talks.receive(CAROL_PN, "E")
    assert await talks.chats.clear(PEER_LID) == 4
    assert await talks.chats.clear(PEER_PN) == 0
    found = await talks.chats.all()
    assert {(s.chat.jid, s.chat.unread, s.last is None) for s in found} == {
        (PEER_PN, 0, True),
        (CAROL_PN, 1, False),
    }


async def test_starred_messages_can_be_kept(talks: World) -> None:
    await talks.receive(PEER_PN, "A", "B")
    await talks.account.write(lambda store: store.messages.star(PEER_PN, "A", True))
    assert await talks.chats.clear(PEER_PN, keep_starred=True) == 1
    (left,) = await talks.read(lambda store: store.messages.page(PEER_PN, 9))
    assert left.key.id == "A"


async def test_a_deleted_chat_comes_back_with_its_next_message(talks: World) -> None:
    await talks.receive(PEER_PN, "A")
    await talks.chats.delete(PEER_LID)
    assert await talks.chats.all() == []
    await talks.chats.delete(CAROL_PN)
    (removed,) = talks.account.sink.of(ChatRemoved)
    assert removed.chat.jid == PEER_PN
    await talks.receive(PEER_PN, "B")
    (only,) = await talks.chats.all()
    assert (only.chat.unread, only.last and only.last.key.id) == (1, "B")


async def test_what_comes_while_a_chat_is_deleted_is_kept(
    talks: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talks.receive(PEER_PN, "A")
    clear = talks.chats.clear

    async def meanwhile(chat: Jid) -> int:
        removed = await clear(chat)
        await talks.receive(PEER_PN, "B")
        return removed

    monkeypatch.setattr(talks.chats, "clear", meanwhile)
    await talks.chats.delete(PEER_PN)
    (only,) = await talks.chats.all()
    assert (only.chat.unread, only.last and only.last.key.id) == (1, "B")
