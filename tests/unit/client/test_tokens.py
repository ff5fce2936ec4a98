from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.clock import FakeClock
from support.link import FakeLink
from waport.appstate import Mutation, Operation
from waport.appstate.actions import PrivacySalt, write_action
from waport.client.app_state_effects import Effects
from waport.client.encryption import learn_mapping
from waport.client.handlers.tokens import handle_privacy_token
from waport.client.queries import Queries
from waport.client.tokens import Tokens, known_token, message_nodes, to_be_given
from waport.client.work import own_addresses
from waport.errors import QueryError, StanzaError
from waport.model import PrivacyToken
from waport.stanza.tokens import BUCKET_S, cstoken_node
from waport.store import UnitOfWork
from waport.wire import SERVER, Jid, Node

CAROL_PN = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")
BOT = Jid("13135550002", "s.whatsapp.net")
BOT_LID = Jid("100000000000004", "lid")
SALT = b"\x01" * 32


async def put(account: Account, user: Jid, timestamp: int = NOW, token: bytes = b"token") -> None:
    await account.write(lambda store: store.tokens.put(user, token, timestamp))


async def known(account: Account, user: Jid) -> PrivacyToken:
    token: PrivacyToken = await account.read(lambda store: known_token(store, user))
    return token


async def nodes(account: Account, recipient: Jid, now: int = NOW, salt: bytes = b"") -> list[Node]:
    own = own_addresses(account.credentials)

    def job(store: UnitOfWork) -> list[Node]:
        if salt:
            Effects(store, lambda _: None).apply(salted(salt))
        return message_nodes(store, own, recipient, now)

    found: list[Node] = await account.write(job)
    return found


def salted(salt: bytes, operation: Operation = Operation.SET) -> Mutation:
    return write_action(PrivacySalt(salt), timestamp_ms=1, operation=operation).mutation


async def is_due(account: Account, recipient: Jid, now: int = NOW) -> bool:
    own = own_addresses(account.credentials)
    due: bool = await account.read(lambda store: to_be_given(store, own, recipient, now))
    return due


# --- what messages carry -------------------------------------------------------------------------


@pytest.mark.parametrize("recipient", [PEER_PN, PEER_LID, PEER_LID.with_device(3)])
async def test_a_message_carries_the_recipients_token_under_either_address(
    account: Account, recipient: Jid
) -> None:
    await put(account, PEER_LID)
    assert await nodes(account, recipient) == [Node("tctoken", {}, b"token")]


async def test_an_expired_token_is_left_out(account: Account) -> None:
    await put(account, PEER_LID)
    assert await nodes(account, PEER_PN, NOW + 4 * BUCKET_S) == []


async def test_without_a_token_the_salt_makes_a_stand_in(account: Account) -> None:
    (node,) = await nodes(account, PEER_PN, salt=SALT)
    assert (node.tag, len(node.data)) == ("cstoken", 32)
    await put(account, PEER_LID)
    assert [each.tag for each in await nodes(account, PEER_PN, salt=SALT)] == ["tctoken"]
    # It is made from a hidden id, and there is none known here.
    assert await nodes(account, CAROL_PN, salt=SALT) == []


async def test_the_salt_of_the_history_counts_until_app_state_speaks(account: Account) -> None:
    await account.write(lambda store: store.history.keep_first("account", "salt", b"2" * 32))
    (first,) = await nodes(account, PEER_PN)
    assert first == cstoken_node(b"2" * 32, PEER_LID)
    (second,) = await nodes(account, PEER_PN, salt=SALT)
    assert second == cstoken_node(SALT, PEER_LID)
    removal = salted(SALT, Operation.REMOVE)
    await account.write(lambda store: Effects(store, lambda _: None).apply(removal))
    assert await nodes(account, PEER_PN) == []


@pytest.mark.parametrize(
    "recipient",
    [
        OWN_PN,
        OWN_LID.bare,
        BOT,
        BOT_LID,
        Jid("0", "s.whatsapp.net"),
        Jid("120363000000000001", "g.us"),
        Jid("status", "broadcast"),
        Jid("120363000000000001", "newsletter"),
    ],
)
async def test_only_other_people_have_tokens(account: Account, recipient: Jid) -> None:
    await account.write(lambda store: learn_mapping(store, BOT, BOT_LID))
    await put(account, recipient)
    await put(account, BOT_LID)
    assert await nodes(account, recipient, salt=SALT) == []
    assert not await is_due(account, recipient)


async def test_a_token_from_before_the_hidden_id_was_known_goes_on(account: Account) -> None:
    await put(account, CAROL_PN)
    await account.write(lambda store: store.tokens.mark_given(CAROL_PN, NOW - 5))
    await account.write(lambda store: learn_mapping(store, CAROL_PN, CAROL_LID))
    assert await known(account, CAROL_PN) == PrivacyToken(CAROL_LID, b"token", NOW, NOW - 5)
    await put(account, CAROL_LID, NOW + 1, b"newer")
    await account.write(lambda store: store.tokens.mark_given(CAROL_LID, NOW))
    assert await known(account, CAROL_LID) == PrivacyToken(CAROL_LID, b"newer", NOW + 1, NOW)


# --- giving --------------------------------------------------------------------------------------


class Giver:
    """Gives tokens over a link in the test's hands."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.link: Any = FakeLink()
        self.queries = Queries(5)
        self.queries.attach(self.link)
        self.tokens = Tokens(account.database, SESSION, self.queries, FakeClock(NOW))

    async def question(self) -> Node:
        node: Node = (await self.link.has_sent(1)).pop()
        return node

    def answer(self, question: Node, error: int | None = None) -> None:
        attrs: dict[str, Any] = {"from": SERVER, "id": question.attr("id"), "type": "result"}
        children = None
        if error is not None:
            attrs["type"] = "error"
            children = [Node("error", {"code": str(error)})]
        self.queries.resolve(Node("iq", attrs, children))


async def test_ours_is_due_until_it_was_given_in_this_week(account: Account) -> None:
    giver = Giver(account)
    assert await is_due(account, PEER_PN)
    giving = asyncio.create_task(giver.tokens.give(PEER_PN))
    question = await giver.question()
    token = question.child("tokens").child("token")
    assert (token.jid("jid"), token.get("t")) == (PEER_LID, str(NOW))
    assert await is_due(account, PEER_PN)
    giver.answer(question)
    await giving
    assert not await is_due(account, PEER_PN)
    assert await is_due(account, PEER_PN, NOW + BUCKET_S)


async def test_a_refused_giving_is_due_again(account: Account) -> None:
    giver = Giver(account)
    giving = asyncio.create_task(giver.tokens.give(PEER_PN))
    giver.answer(await giver.question(), error=429)
    with pytest.raises(QueryError):
        await giving
    assert await is_due(account, PEER_PN)
    again = asyncio.create_task(giver.tokens.give(PEER_PN))
    giver.answer(await giver.question())
    await again


async def test_the_same_person_is_given_one_token_at_a_time(account: Account) -> None:
    giver = Giver(account)
    first = asyncio.create_task(giver.tokens.give(PEER_PN))
    question = await giver.question()
    await giver.tokens.give(PEER_LID)
    assert giver.link.sent == []
    giver.answer(question)
    await first


async def test_a_token_can_be_given_again_with_its_old_time(account: Account) -> None:
    giver = Giver(account)
    giving = asyncio.create_task(giver.tokens.give(PEER_PN, NOW - 500))
    question = await giver.question()
    assert question.child("tokens").child("token").get("t") == str(NOW - 500)
    giver.answer(question)
    await giving
    assert (await known(account, PEER_PN)).given_at == NOW - 500


# --- taking --------------------------------------------------------------------------------------


async def notified(
    account: Account, source: Any = PEER_PN, t: int = NOW, token: bytes = b"token", **attrs: Any
) -> list[Node]:
    child = Node("token", {"t": str(t), "type": "trusted_contact"}, token)
    all_attrs = {"from": source, "id": "N1", "type": "privacy_token", **attrs}
    node = Node("notification", all_attrs, [Node("tokens", {}, [child])])
    return (await account.handle(handle_privacy_token, node)).replies


@pytest.mark.parametrize("source", [PEER_PN, PEER_LID])
async def test_a_token_that_comes_is_kept_and_acked(account: Account, source: Jid) -> None:
    (ack,) = await notified(account, source)
    assert (ack.tag, ack.get("class"), ack.get("type")) == ("ack", "notification", "privacy_token")
    assert await known(account, PEER_PN) == PrivacyToken(PEER_LID, b"token", NOW)


async def test_the_givers_hidden_id_is_learned(account: Account) -> None:
    await notified(account, CAROL_PN, sender_lid=CAROL_LID)
    assert await account.read(lambda store: store.addresses.lid_of(CAROL_PN)) == CAROL_LID
    assert (await known(account, CAROL_LID)).token == b"token"


async def test_an_older_token_changes_nothing(account: Account) -> None:
    await notified(account)
    assert len(await notified(account, t=NOW - 1, token=b"older")) == 1
    assert (await known(account, PEER_PN)).token == b"token"
    await notified(account, t=NOW + 1, token=b"newer")
    assert (await known(account, PEER_PN)).token == b"newer"


@pytest.mark.parametrize("source", [OWN_PN.bare, OWN_LID, BOT, Jid("0", "s.whatsapp.net"), SERVER])
async def test_a_token_of_somebody_who_has_none_is_only_acked(
    account: Account, source: Jid
) -> None:
    assert len(await notified(account, source, sender_lid=CAROL_LID)) == 1
    assert await account.read(lambda store: store.addresses.pn_of(CAROL_LID)) is None
    if source != SERVER:
        assert await account.read(lambda store: store.tokens.get(source)) is None


async def test_an_empty_token_is_only_acked(account: Account) -> None:
    assert len(await notified(account, token=b"")) == 1
    assert (await known(account, PEER_PN)).token == b""


async def test_a_token_from_nobody_is_refused(account: Account) -> None:
    with pytest.raises(StanzaError):
        await account.handle(handle_privacy_token, Node("notification", {"id": "N1"}))
