"""Looking into what is stored of messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.groups import CAROL_PN as CAROL
from support.groups import GROUP, group
from support.handlers import Desk
from waport.client.compose import NoSuchMessage, SendOptions
from waport.client.config import ClientConfig
from waport.client.features.messages import Messages
from waport.client.queries import Queries
from waport.client.receipt_times import raised
from waport.errors import InvalidInput
from waport.model import Ack, AddOn, AddOnKind, Message, MessageKey, MessageKind
from waport.model.contents import Context, Image, MediaFile, Poll, Quote, Text
from waport.stanza.contents import encode
from waport.wire import Jid


@pytest.fixture
def messages(account: Account) -> Messages:
    return Desk(account, Queries(5), ClientConfig()).messages


def message(
    message_id: str,
    content: Any = None,
    *,
    chat: Jid = PEER_PN,
    sender: Jid = PEER_PN,
    kind: MessageKind = MessageKind.OTHER,
) -> Message:
    is_own = sender == OWN_PN.bare
    key = MessageKey(chat, message_id, is_own, sender)
    data = encode(content or Text(message_id)).SerializeToString()
    return Message(key, NOW, data, kind, ack=Ack.SERVER if is_own else Ack.PENDING)


async def keep(account: Account, *found: Message) -> None:
    await account.write(lambda store: [store.messages.add(each) for each in found])


async def find(messages: Messages, chats: Iterable[Jid], *ids: str) -> str | None:
    found = await messages.find(chats, ids)
    return None if found is None else f"{found.key.chat.user}/{found.key.id}"


# --- by id ---------------------------------------------------------------------------------------


async def test_the_chat_is_a_hint(account: Account, messages: Messages) -> None:
    await keep(
        account,
        message("A"),
        message("A", chat=GROUP, sender=CAROL),
        message("B", chat=GROUP, sender=CAROL),
    )
    assert await find(messages, [PEER_PN], "A") == "15550002222/A"
    assert await find(messages, [GROUP], "A") == f"{GROUP.user}/A"
    assert await find(messages, [PEER_LID], "x", "A") == "15550002222/A"
    assert await find(messages, [PEER_PN], "B") == f"{GROUP.user}/B"
    assert await find(messages, [], "B") == f"{GROUP.user}/B"
    assert await find(messages, [PEER_PN, GROUP], "C", "") is None


async def test_what_speaks_of_another_message_is_none(account: Account, messages: Messages) -> None:
    await keep(account, message("R", kind=MessageKind.ADD_ON))
    assert await find(messages, [PEER_PN], "R") is None


# --- what is answered ----------------------------------------------------------------------------


def answer(quote: Quote | None, chat: Jid = PEER_PN) -> Message:
    return message("ANSWER", Text("yes", context=Context(quote=quote)), chat=chat)


async def test_the_stored_message_is_what_is_answered(account: Account, messages: Messages) -> None:
    question = message("Q")
    await keep(account, question)
    found = await messages.quoted(answer(Quote("Q", PEER_PN, content=b"")))
    assert found is not None
    assert found.text == "Q"
    assert await messages.quoted(answer(None)) is None


async def test_one_that_is_not_stored_is_what_the_answer_says_of_it(messages: Messages) -> None:
    said = encode(Text("said")).SerializeToString()
    for author, sender, is_own in (
        (PEER_LID, PEER_PN, False),
        (OWN_LID.bare, OWN_PN.bare, True),
        (None, PEER_PN, False),
    ):
        found = await messages.quoted(answer(Quote("Q", author, content=said)))
        assert found is not None
        assert found.key == MessageKey(PEER_PN, "Q", is_own, sender)
        assert (found.text, found.timestamp) == ("said", NOW)


async def test_a_quote_reaches_into_no_other_chat_than_it_names(
    account: Account, messages: Messages
) -> None:
    secret = message("S", Text("secret"), chat=GROUP, sender=CAROL)
    await keep(account, secret)
    said = encode(Text("made up")).SerializeToString()
    found = await messages.quoted(answer(Quote("S", PEER_PN, content=said)))
    assert found is not None
    assert found.text == "made up"
    found = await messages.quoted(answer(Quote("S", CAROL, chat=GROUP, content=said)))
    assert found is not None
    assert found.text == "secret"


async def test_what_can_not_be_read_answers_nothing(messages: Messages) -> None:
    broken = Message(MessageKey(PEER_PN, "X", False, PEER_PN), NOW, b"\xff", MessageKind.OTHER)
    assert await messages.quoted(broken) is None


# --- who got it ----------------------------------------------------------------------------------


async def got(account: Account, target: Message, person: Jid, level: Ack) -> None:
    data = raised(None, level, NOW)
    assert data is not None
    add_on = AddOn(target.key, AddOnKind.RECEIPT, person, target.key, data, NOW * 1000)
    await account.write(lambda store: store.add_ons.put(add_on))


async def test_receipts_are_told_of_how_many(account: Account, messages: Messages) -> None:
    own = message("M", sender=OWN_PN.bare)
    in_group = message("G", chat=GROUP, sender=OWN_PN.bare)
    await keep(account, own, in_group)
    await account.write(lambda store: store.groups.put(group(fetched_at=NOW)))
    await got(account, own, PEER_PN, Ack.READ)
    await got(account, in_group, CAROL, Ack.DELIVERED)

    receipts = await messages.receipts(own)
    ((person, times),) = receipts.people
    assert (person, times.read_at, receipts.audience) == (PEER_PN, NOW, 1)
    receipts = await messages.receipts(in_group)
    ((person, times),) = receipts.people
    assert (person, times.delivered_at, times.read_at) == (CAROL, NOW, None)
    assert receipts.audience == 2
    theirs = await messages.receipts(message("T"))
    assert (theirs.people, theirs.audience) == ((), 0)


async def test_messages_with_a_reaction_are_named(account: Account, messages: Messages) -> None:
    with_one, taken_back, without = message("A"), message("B"), message("C")
    await keep(account, with_one, taken_back, without)
    for target, data in ((with_one, b"x"), (taken_back, b"")):
        key = MessageKey(PEER_PN, f"R{target.key.id}", False, PEER_PN)
        add_on = AddOn(target.key, AddOnKind.REACTION, PEER_PN, key, data, NOW * 1000)
        await account.write(lambda store, add_on=add_on: store.add_ons.put(add_on))
    assert await messages.reacted([with_one, taken_back, without]) == {with_one.key}


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.forward(PEER_PN, "NONE", CAROL),
        lambda m: m.react(Jid("status", "broadcast"), "NONE", "x"),
    ],
)
async def test_what_is_not_stored_is_named_as_that(messages: Messages, change: Any) -> None:
    with pytest.raises(NoSuchMessage):
        await change(messages)


async def test_files_are_not_forwarded_between_chats_and_channels(
    account: Account, messages: Messages
) -> None:
    hashes = {"sha256": bytes(32), "enc_sha256": bytes(32)}
    file = MediaFile("image/png", direct_path="/v", media_key=bytes(32), **hashes)
    await keep(account, message("F", Image(file)))
    with pytest.raises(InvalidInput, match="between a chat and a channel"):
        await messages.forward(PEER_PN, "F", Jid("120363000000000002", "newsletter"))


async def test_a_secret_has_its_length(messages: Messages) -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        await messages.send(
            Jid("120363000000000002", "newsletter"),
            Poll("Lunch?", ("a", "b")),
            SendOptions(secret=b"short"),
        )
