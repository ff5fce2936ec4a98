"""A server over a fake account that has something of everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.fake_client import PEER, FakeClient, stored, text_message
from support.fake_server import (
    FakeSessions,
    call,
    hub,
    make_app,
    make_call,
    make_message,
    make_settings,
    problem,
)
from support.fake_server import sessions as bare_sessions
from waport.appstate.actions import EditLabel
from waport.model import About, AddOn, AddOnKind, Chat, ChatSummary, Contact
from waport.proto import pb

__all__ = [
    "bare_sessions",
    "call",
    "hub",
    "make_app",
    "make_call",
    "make_message",
    "make_settings",
    "problem",
    "sessions",
]

_POLL = pb.Message(
    pollCreationMessage=pb.PollCreationMessage(
        name="Tea?",
        options=[pb.PollCreationMessage.Option(optionName=name) for name in ("yes", "no")],
    )
)
_ORDER = pb.Message(orderMessage=pb.OrderMessage(orderId="1", token="t"))
_FILE = pb.Message(imageMessage=pb.ImageMessage(directPath="/v", mimetype="image/png"))


def fill(account: FakeClient) -> None:
    """Give an account a chat with a person, messages, a label."""
    person = Contact(PEER, name="Bob Smith")
    account.people[PEER] = person
    account.stored = [
        text_message("A"),
        text_message("B", from_me=True),
        stored("F", _FILE),
        stored("P", _POLL),
        stored("O", _ORDER),
    ]
    target = account.stored[0].key
    account.add_ons = [
        AddOn(target, AddOnKind.REACTION, PEER, replace(target, id="R"), b"\xf0\x9f\x91\x8d", 5)
    ]
    account.quoted = account.stored[0]
    account.chats.listed = [ChatSummary(Chat(PEER), account.stored[0], person)]
    account.settings.all_labels = [EditLabel("1", "New", color=3)]
    account.settings.labels_of[PEER] = ["1"]
    account.abouts[PEER] = About("Busy", 1_700_000_000)
    account.pictures[PEER] = "https://pps.example/1.jpg"


@pytest.fixture
def sessions(bare_sessions: Any) -> FakeSessions:
    """Sessions "on" (logged in) and "qr" (waiting to be scanned)."""
    fill(bare_sessions.account)
    found: FakeSessions = bare_sessions
    return found
