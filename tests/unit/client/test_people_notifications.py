"""What the server tells of people by itself: another number, another picture, own settings."""

from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.handlers import on_notification
from waport.client.handlers.account_sync import account_sync_handler
from waport.client.handlers.contacts import picture_handler
from waport.client.handlers.notices import Unread
from waport.client.prekeys import PreKeys
from waport.client.queries import Queries
from waport.client.work import Work
from waport.errors import StanzaError
from waport.model import (
    AddOn,
    AddOnKind,
    Chat,
    Contact,
    DeviceList,
    Message,
    MessageKey,
    MessageKind,
    NumberChanged,
)
from waport.store import UnitOfWork
from waport.wire import Jid, Node

NEW = Jid("15550008888", "s.whatsapp.net")
NEW_LID = Jid("100000000000008", "lid")
CAROL = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")
GROUP = Jid("120363000000000001", "g.us")


async def notify(account: Account, kind: str, *children: Node, **attrs: Any) -> Work:
    queries = Queries(5)
    handler = on_notification(account, PreKeys(account.database, SESSION, queries), queries)
    named = {name.rstrip("_"): value for name, value in attrs.items()}
    node = Node("notification", {"id": "N1", "type": kind, **named}, list(children))
    work = await account.handle(handler, node)
    (ack,) = work.replies
    assert (ack.tag, ack.get("class"), ack.get("type")) == ("ack", "notification", kind)
    return work


async def modify(account: Account, **attrs: Any) -> list[NumberChanged]:
    before = len(account.sink.recorded)
    await notify(account, "contacts", Node("modify", attrs), from_=PEER_PN)
    told = account.sink.recorded[before:]
    return [event for event in told if isinstance(event, NumberChanged)]


def message(chat: Jid, message_id: str, *, from_me: bool = False) -> Message:
    key = MessageKey(chat, message_id, from_me, OWN_PN.bare if from_me else chat)
    return Message(key, NOW, b"\x0a\x02hi", MessageKind.TEXT)


async def talk(account: Account) -> None:
    """A chat with the peer, who is in the address book: a message each way, and a reaction."""

    def job(store: UnitOfWork) -> None:
        mine = message(PEER_PN, "MINE", from_me=True)
        for each in (message(PEER_PN, "THEIRS"), mine):
            store.messages.add(each)
        store.chats.touch(PEER_PN, NOW, 1)
        store.contacts.set_name(PEER_PN, "Bob")
        reaction = MessageKey(PEER_PN, "R", False, PEER_PN)
        store.add_ons.put(AddOn(mine.key, AddOnKind.REACTION, PEER_PN, reaction, b"+", NOW * 1000))
        for user in (PEER_PN, NEW):
            store.addresses.put_devices(DeviceList(user, (0,), 1, 1, NOW))

    await account.write(job)


@pytest.mark.parametrize(
    "attrs",
    [
        {"old": PEER_PN, "new": NEW},
        {"old": PEER_PN, "new": NEW, "old_lid": PEER_LID, "new_lid": PEER_LID},
        {"old": PEER_PN, "new": NEW, "old_lid": PEER_LID, "new_lid": NEW_LID},
        {"old": PEER_LID, "new": NEW},
    ],
)
async def test_a_new_number_takes_the_chat_along_and_is_told_once(
    account: Account, attrs: dict[str, Any]
) -> None:
    await talk(account)
    assert await modify(account, **attrs) == [NumberChanged(PEER_PN, NEW, True)]
    if attrs["old"] == PEER_PN:
        assert await modify(account, **attrs) == []

    def look(store: UnitOfWork) -> Any:
        mine, theirs = store.messages.get(NEW, "MINE"), store.messages.get(NEW, "THEIRS")
        assert mine is not None
        assert theirs is not None
        (reaction,) = store.add_ons.of(mine.key, AddOnKind.REACTION)
        known = store.contacts.get(NEW)
        return (
            theirs.key.sender,
            reaction.sender,
            store.chats.get(NEW),
            [store.chats.get(PEER_PN), store.contacts.get(PEER_PN)],
            known and known.name,
            [store.addresses.devices(user) for user in (PEER_PN, NEW)],
        )

    assert await account.read(look) == (
        NEW,
        NEW,
        Chat(NEW, unread=1, timestamp=NOW),
        [None, None],
        "Bob",
        [None, None],
    )
    lid = attrs.get("new_lid")
    if lid is not None:
        assert await account.read(lambda store: store.addresses.lid_of(NEW)) == lid


async def test_a_stranger_with_a_new_number_is_told_too(account: Account) -> None:
    assert await modify(account, old=CAROL, new=NEW) == [NumberChanged(CAROL, NEW, False)]
    assert await modify(account, old=CAROL, new=NEW) == []


async def test_what_is_told_of_the_chat_stays_in_order(account: Account) -> None:
    await talk(account)
    await account.write(
        lambda store: store.event_log.append("message", str(PEER_PN), "{}", deliver=True)
    )
    await modify(account, old=PEER_PN, new=NEW)
    (due,) = await account.database.due_deliveries({SESSION: ()}, 0, lanes=9, rows=9)
    assert [[delivery.lane for delivery in lane] for lane in due.lanes] == [[str(NEW)]]


@pytest.mark.parametrize(
    "attrs",
    [
        {"old": PEER_PN, "new": PEER_PN},
        {"old": PEER_PN, "new": PEER_LID},
        {"old": PEER_PN, "new": OWN_PN},
        {"old": OWN_PN, "new": NEW},
        {"old": PEER_PN, "new": NEW, "new_lid": OWN_LID},
        {"old": PEER_PN, "new": GROUP},
        {"old": PEER_PN},
        {},
    ],
)
async def test_what_is_no_change_of_another_person_changes_nothing(
    account: Account, attrs: dict[str, Any]
) -> None:
    await talk(account)
    assert await modify(account, **attrs) == []
    assert await account.read(lambda store: store.chats.get(PEER_PN)) is not None
    assert await account.read(lambda store: store.addresses.lid_of(PEER_PN)) == PEER_LID


@pytest.mark.parametrize("kind", ["picture", "status"])
async def test_the_hidden_id_of_somebody_who_shows_something_new_is_learned(
    account: Account, kind: str
) -> None:
    await notify(account, kind, Node("set"), from_=CAROL, lid=CAROL_LID)
    assert await account.read(lambda store: store.addresses.lid_of(CAROL)) == CAROL_LID
    await notify(account, kind, Node("delete"), from_=PEER_PN)
    await notify(account, kind, from_=OWN_PN, lid=CAROL_LID)
    assert await account.read(lambda store: store.addresses.pn_of(CAROL_LID)) == CAROL


@pytest.mark.parametrize("child", [Node("update", {"hash": "x"}), Node("sync"), Node("odd")])
async def test_other_news_of_contacts_is_acked(account: Account, child: Node) -> None:
    work = await notify(account, "contacts", child, from_=PEER_PN)
    assert (work.follow_ups, account.sink.recorded) == ([], [])


async def test_pictures_of_groups_are_left_to_who_knows_groups(account: Account) -> None:
    seen = []
    handler = picture_handler(lambda _, node: seen.append(node))
    node = Node("notification", {"id": "1", "type": "picture", "from": GROUP})
    work = await account.handle(handler, node)
    assert (seen, work.replies) == ([node], [])


@pytest.mark.parametrize(
    ("child", "asks"),
    [
        (Node("privacy", {}, [Node("category", {"name": "last", "value": "none"})]), True),
        (Node("category", {"name": "last", "value": "none"}), True),
        (Node("blocklist", {"dhash": "x"}), False),
        (Node("picture"), False),
        (Node("devices"), False),
        (Node("notice"), False),
    ],
)
async def test_privacy_settings_are_asked_for_anew_when_another_device_changed_them(
    account: Account, child: Node, asks: bool
) -> None:
    async def changed() -> None:
        return None

    node = Node("notification", {"id": "1", "type": "account_sync", "from": OWN_PN}, [child])
    work = await account.handle(account_sync_handler(changed, Unread()), node)
    assert work.follow_ups == ([changed] if asks else [])
    assert len(work.replies) == 1


async def test_a_notification_without_an_id_is_refused(account: Account) -> None:
    node = Node("notification", {"type": "account_sync", "from": OWN_PN})
    with pytest.raises(StanzaError):
        await account.handle(account_sync_handler(lambda: None, Unread()), node)  # type: ignore[arg-type]


async def test_names_of_a_hidden_id_go_to_the_number_once_it_is_known(account: Account) -> None:
    await account.write(lambda store: store.contacts.set_push_name(CAROL_LID, "Carol"))
    await notify(account, "picture", Node("set"), from_=CAROL, lid=CAROL_LID)
    everybody = await account.read(lambda store: store.contacts.all())
    assert everybody == [Contact(CAROL, push_name="Carol", lid=CAROL_LID)]
