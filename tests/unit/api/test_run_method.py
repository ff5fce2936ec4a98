"""Methods by name: those of the table, carried out by routes, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest

from support.fake_client import PEER, stored, text_message
from support.fake_groups import GROUP
from waport.api.fields import specs_of
from waport.api.method_names import OF_CHAT, OF_CLIENT, OF_GROUP, OF_MESSAGE, Method
from waport.api.routers.run_method import _OPERATIONS
from waport.model import Contact
from waport.proto import pb

ID = "15559990000@c.us"
TABLES = {"client": OF_CLIENT, "chat": OF_CHAT, "groupChat": OF_GROUP, "message": OF_MESSAGE}
OWN = {
    "client": {},
    "chat": {"chatId": ID},
    "groupChat": {"chatId": str(GROUP.jid)},
    "message": {"chatId": ID, "messageId": "A"},
}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_method_is_carried_out_by_a_route(table: Mapping[str, Method]) -> None:
    for name, method in table.items():
        operation = _OPERATIONS[method.http, method.path]
        names = {
            each
            for _, spec in (() if operation.body is None else specs_of(operation.body))
            for each in spec.names
        }
        assert not method.argument or method.argument in names, name
        assert set(method.fixed) <= names, name
        if method.result:
            assert method.result in get_type_hints(operation.answer), name


@pytest.fixture
def account(sessions: Any) -> Any:
    """An account with a person, a text and a poll."""
    account = sessions.account
    account.people[PEER] = Contact(PEER, name="Bob")
    poll = pb.Message(pollCreationMessage=pb.PollCreationMessage(name="?"))
    account.stored = [text_message("A"), stored("P", poll)]
    return account


async def run(call: Any, subject: str, method: str, argument: object = None, **more: Any) -> Any:
    body = {**OWN[subject], "method": method, "options": argument, **more}
    response = await call("POST", f"/legacy/{subject}/runMethod/on", json=body)
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def test_the_argument_becomes_a_field(call: Any, account: Any) -> None:
    assert (await run(call, "client", "getContactById", ID))["number"] == "15559990000"
    assert await run(call, "client", "getState") == "CONNECTED"
    assert await run(call, "client", "getWWebVersion") == "2.3000.1"
    assert len(await run(call, "client", "getChats")) == 1
    assert await run(call, "client", "getChats", {"unread": True}) == []
    assert await run(call, "client", "setStatus", "Busy") is None
    assert account.calls.pop() == ("about", "Busy")
    assert await run(call, "client", "setStatus", {"status": "Free"}) is None
    assert account.calls.pop() == ("about", "Free")
    assert await run(call, "chat", "archive") is True
    assert account.calls.pop() == ("archive", PEER)
    assert (await run(call, "chat", "sendMessage", "hello"))["body"] == "hello"
    assert [each["id"]["id"] for each in await run(call, "chat", "fetchMessages", {})] == ["A", "P"]
    assert await run(call, "groupChat", "setSubject", "Friends") is True
    assert account.calls.pop() == ("subject", GROUP.jid, "Friends")
    assert await run(call, "groupChat", "setAddMembersAdminsOnly", True) is True
    assert account.calls.pop() == ("add mode", GROUP.jid, True)
    await run(call, "message", "pin", 86_400)
    assert account.calls.pop() == ("pin", PEER, "A", 86_400)
    await run(call, "message", "react", "x")
    assert account.calls.pop() == ("react", PEER, "A", "x")
    assert await run(call, "message", "vote", ["yes"], messageId="P") is True
    assert account.calls.pop() == ("vote", PEER, "P", "yes")


async def test_the_chat_cannot_be_swapped_by_the_argument(call: Any, account: Any) -> None:
    await run(call, "chat", "changeLabels", {"chatId": "15550001111", "labelIds": []})
    other = {"chatId": "15550001111@c.us", "messageId": "B", "reaction": "x"}
    await run(call, "message", "react", other)
    assert account.calls.pop() == ("react", PEER, "A", "x")


@pytest.mark.parametrize("method", ["inject", "pupPage", "_x", "__class__", "destroy", "own_jid"])
async def test_nothing_else_can_be_called(
    call: Any, problem: Any, account: Any, method: str
) -> None:
    for subject in TABLES:
        text = f"Method {method} is not implemented"
        if subject != "client":
            text = "Method is not implemented"
        body = {**OWN[subject], "method": method}
        response = await call("POST", f"/{subject}/runMethod/on", json=body)
        assert problem(response) == (500, text, text)
    assert account.calls == []


async def test_a_wrong_argument_is_named(call: Any, problem: Any, account: Any) -> None:
    body = {"method": "getChatById", "options": 5.5}
    refusal = problem(await call("POST", "/client/runMethod/on", json=body))
    assert refusal == (400, "chatId must be a string", "validation_error")
    body = {"method": "getChatById"}
    refusal = problem(await call("POST", "/client/runMethod/on", json=body))
    assert refusal == (400, "chatId is required", "validation_error")
