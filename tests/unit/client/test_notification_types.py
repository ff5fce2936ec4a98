"""Every type of notification: how it is acked, what it changes, what it tells."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.account import NOW, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.handlers import on_notification
from waport.client.prekeys import PreKeys
from waport.client.queries import Queries
from waport.model import (
    AboutChanged,
    AccountChanged,
    BusinessChanged,
    ContactRefreshed,
    DefaultTimerChanged,
    DeviceList,
    DomainEvent,
    IdentityChanged,
    NoticeReceived,
    NumberChanged,
    PictureChanged,
    TimerSetting,
)
from waport.proto import pb
from waport.store import UnitOfWork
from waport.wire import SERVER, Jid, Node

NEW = Jid("15550008888", "s.whatsapp.net")
NEW_LID = Jid("100000000000008", "lid")

Look = Callable[[UnitOfWork], Any]


@dataclass(frozen=True)
class Case:
    """One notification.

    Attributes:
        told: the events, without those that carry the stanza itself.
        look, found: what is looked for in the store afterwards, and what is there.
        asks: names of what happens after the commit.
        kept: it is kept as it came.
    """

    kind: str
    children: tuple[Node, ...] = ()
    source: Jid = SERVER
    attrs: dict[str, Any] = field(default_factory=dict)
    told: tuple[DomainEvent, ...] = ()
    look: Look | None = None
    found: Any = None
    asks: tuple[str, ...] = ()
    kept: bool = False
    name: str = ""

    @property
    def id(self) -> str:
        return self.name or "-".join([self.kind, *(child.tag for child in self.children)])


def certificate(name: str) -> bytes:
    details = pb.VerifiedNameCertificate.Details(verifiedName=name).SerializeToString()
    return pb.VerifiedNameCertificate(details=details).SerializeToString()


def category(name: str = "last") -> Node:
    return Node("category", {"name": name, "value": "none"})


TIMER = Node("disappearing_mode", {"duration": "86400", "t": "7"})
TOKEN = Node("token", {"type": "trusted_contact", "t": str(NOW)}, b"token")
GONE = Node("remove", {}, [Node("device", {"jid": PEER_PN.with_device(2)})])
ADDED = Node("add", {}, [Node("device", {"jid": PEER_PN.with_device(3), "key-index": "2"})])


def peer_devices(store: UnitOfWork) -> Any:
    return store.addresses.devices(PEER_PN)


def own_devices(store: UnitOfWork) -> Any:
    return store.addresses.devices(OWN_PN.bare)


def peer_session(store: UnitOfWork) -> Any:
    return store.signal.session(PEER_LID.with_device(2).signal_address)


CASES = [
    # --- the own account
    Case("account_sync", (Node("devices", {"dhash": "x"}),), OWN_PN, {},
         (AccountChanged("devices"),), own_devices, None),
    Case("account_sync", (Node("picture"),), OWN_PN, {}, (AccountChanged("picture"),)),
    Case("account_sync", (Node("privacy", {}, [category()]),), OWN_PN, {},
         (AccountChanged("privacy"),), asks=("on_changed",)),
    Case("account_sync", (category(),), OWN_PN, {}, (AccountChanged("category"),),
         asks=("on_changed",)),
    Case("account_sync", (Node("blocklist", {"dhash": "a", "prev_dhash": "b"}),), OWN_PN, {},
         (AccountChanged("blocklist"),)),
    Case("account_sync", (Node("status"), Node("text_status")), OWN_PN, {},
         (AccountChanged("status"), AccountChanged("text_status"))),
    Case("account_sync", (Node("username", {"action": "none"}),), OWN_PN, {},
         (AccountChanged("username"),)),
    Case("account_sync", (TIMER,), OWN_PN, {},
         (DefaultTimerChanged(OWN_PN.bare, TimerSetting(86400, 7)),
          AccountChanged("disappearing_mode"))),
    Case("account_sync", (Node("notice", {"id": "1"}),), OWN_PN, kept=True),
    Case("account_sync", (Node("tos"), Node("user"), Node("biz_opt_out_list")), OWN_PN, kept=True),
    Case("account_sync", (Node("picture"),), OWN_PN, {"pushname": "Another"},
         (AccountChanged("picture"), AccountChanged("pushname")),
         lambda store: store.devices.get().push_name, "Another", name="account_sync-pushname"),
    Case("account_sync", (), OWN_PN, kept=True, name="account_sync-empty"),
    # --- devices and keys
    Case("devices", (GONE,), PEER_PN, {"lid": PEER_LID}, look=peer_session, found=None),
    Case("devices", (ADDED,), PEER_PN, {"lid": PEER_LID}, look=peer_devices, found=None),
    Case("devices", (Node("update", {"device_hash": "2:abc"}),), PEER_PN, look=peer_devices,
         found=None),
    Case("encrypt", (Node("count", {"value": "3"}),), asks=("refill",)),
    Case("encrypt", (Node("digest"),), asks=("verify",)),
    Case("encrypt", (Node("identity"),), PEER_PN, {}, (IdentityChanged(PEER_PN),), peer_session,
         None, asks=("_remember", "give")),
    Case("encrypt", (Node("identity"),), PEER_PN.with_device(2), look=peer_session, found=b"record",
         name="encrypt-identity-of-a-companion"),
    Case("encrypt", (Node("something"),), kept=True),
    # --- what people show
    Case("picture", (Node("set", {"jid": PEER_PN, "id": "9", "author": PEER_PN}),), PEER_PN, {},
         (PictureChanged(PEER_PN, "9"),)),
    Case("picture", (Node("set", {"jid": PEER_LID, "id": "9"}),), PEER_LID, {},
         (PictureChanged(PEER_PN, "9"),), name="picture-set-by-hidden-id"),
    Case("picture", (Node("delete", {"jid": PEER_PN, "author": PEER_PN}),), PEER_PN, {},
         (PictureChanged(PEER_PN, ""),)),
    Case("picture", (Node("delete"),), PEER_PN, {}, (PictureChanged(PEER_PN, ""),),
         name="picture-bare-delete"),
    Case("picture", (Node("set", {"hash": "abc", "id": "9"}),), PEER_PN, name="picture-by-hash"),
    Case("picture", (Node("request"),), PEER_PN),
    Case("picture", (Node("set_avatar"),), PEER_PN),
    Case("status", (Node("set", {}, b"at sea"),), PEER_LID, {}, (AboutChanged(PEER_PN, "at sea"),)),
    Case("status", (Node("set"),), PEER_PN, {}, (AboutChanged(PEER_PN, ""),), name="status-gone"),
    Case("status", (Node("set", {"hash": "abc"}),), PEER_PN, {}, (AboutChanged(PEER_PN, None),),
         name="status-by-hash"),
    Case("contacts", (Node("update", {"jid": PEER_LID}),), PEER_PN, {},
         (ContactRefreshed(PEER_PN),)),
    Case("contacts", (Node("update", {"hash": "abc"}),), name="contacts-update-by-hash"),
    Case("contacts", (Node("modify", {"old": PEER_PN, "new": NEW, "new_lid": NEW_LID}),), PEER_PN,
         {}, (NumberChanged(PEER_PN, NEW, True),), lambda store: store.contacts.get(NEW).name,
         "Bob"),
    Case("contacts", (Node("add"), Node("remove"), Node("sync", {"after": "7"}))),
    Case("disappearing_mode", (TIMER,), PEER_LID, {},
         (DefaultTimerChanged(PEER_PN, TimerSetting(86400, 7)),)),
    Case("disappearing_mode", (Node("disappearing_mode", {"duration": "-1"}),), PEER_PN,
         name="disappearing_mode-nonsense"),
    Case("privacy_token", (Node("tokens", {}, [TOKEN]),), PEER_PN, {"sender_lid": PEER_LID},
         look=lambda store: store.tokens.get(PEER_LID).token, found=b"token"),
    Case("business", (Node("verified_name", {"jid": PEER_PN}, certificate("Bread")),), PEER_PN, {},
         (BusinessChanged(PEER_PN, "verified_name"),),
         lambda store: store.contacts.get(PEER_PN).verified_name, "Bread"),
    Case("business", (Node("remove", {"jid": PEER_PN}),), PEER_PN, {},
         (BusinessChanged(PEER_PN, "remove"),)),
    Case("business", (Node("profile", {"hash": "x"}), Node("subscriptions")), SERVER),
    # --- the rest of what the client acts on
    Case("server_sync", (Node("collection", {"name": "regular", "version": "4"}),),
         asks=("refresh_app_state",)),
    Case("server", (Node("abprops"),), asks=("properties_changed",)),
    Case("server", (Node("log"),)),
    Case("server", (Node("new"),), kept=True),
    # --- what is kept as it came
    *(Case(kind, (Node(child, {"a": "b"}),), kept=True) for kind, child in (
        ("registration", "wa_old_registration"),
        ("registration", "device_logout"),
        ("psa", "psa"),
        ("pay", "transaction"),
        ("waffle", "wfl_status"),
        ("w:growth", "invite"),
        ("hosted", "device"),
        ("fbid:devices", "update"),
        ("fb:update", "update"),
        ("digital_commerce_subscription", "subscription"),
        ("link_code_companion_reg", "link_code_companion_reg"),
        ("companion_reg_refresh", "companion_reg_refresh"),
        ("passkey_prologue_request", "passkey_request_options"),
        ("crsc_continuation", "primary_ephemeral_identity"),
        ("something_of_next_year", "child"),
    )),
    Case("something_of_next_year", kept=True, name="unknown-and-empty"),
]  # fmt: skip


async def fill(account: Account) -> None:
    def job(store: UnitOfWork) -> None:
        store.contacts.set_name(PEER_PN, "Bob")
        store.contacts.set_business(PEER_PN, "Old")
        store.signal.put_session(PEER_LID.with_device(2).signal_address, b"record")
        store.tokens.mark_given(PEER_LID, NOW)
        for user in (PEER_PN, OWN_PN.bare):
            store.addresses.put_devices(DeviceList(user, (0, 2), 1, 1, NOW))

    await account.write(job)


def stanza(case: Case, stanza_id: str = "N1") -> Node:
    attrs = {"id": stanza_id, "type": case.kind, "from": case.source, **case.attrs}
    return Node("notification", attrs, list(case.children) or None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_each_type_is_acked_and_acted_on(account: Account, case: Case) -> None:
    await fill(account)
    queries = Queries(5)
    handler = on_notification(account, PreKeys(account.database, SESSION, queries), queries)
    node = stanza(case)
    work = await account.handle(handler, node)
    (ack,) = work.replies
    assert ack.tag == "ack"
    assert ack.attrs == {
        "class": "notification",
        "id": "N1",
        "to": case.source,
        "type": case.kind,
    }
    told = [event for event in account.sink.recorded if not isinstance(event, NoticeReceived)]
    assert told == list(case.told)
    if case.look is not None:
        assert await account.read(case.look) == case.found
    asks = tuple(getattr(ask, "__name__", None) or ask.func.__name__ for ask in work.follow_ups)
    assert asks == case.asks
    kept = await account.read(lambda store: store.raw_stanzas.latest())
    assert [(each.kind, each.node) for each in kept] == ([(case.kind, node)] if case.kept else [])
    notices = [event for event in account.sink.recorded if isinstance(event, NoticeReceived)]
    tags = tuple(child.tag for child in case.children)
    assert notices == ([NoticeReceived(case.kind, tags, node)] if case.kept else [])


async def test_what_nobody_knows_is_logged_once_by_type_and_told_once_by_id(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    queries = Queries(5)
    handler = on_notification(account, PreKeys(account.database, SESSION, queries), queries)
    with caplog.at_level(logging.INFO, "waport.client.handlers.notices"):
        for kind, stanza_id in (("x", "1"), ("x", "2"), ("y", "3"), ("x", "1")):
            work = await account.handle(handler, stanza(Case(kind), stanza_id))
            assert len(work.replies) == 1
    assert [record.args for record in caplog.records] == [("x",), ("y",)]
    told = [event for event in account.sink.recorded if isinstance(event, NoticeReceived)]
    assert [event.node.get("id") for event in told] == ["1", "2", "3"]


async def test_a_flood_of_new_types_fills_neither_log_nor_store(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    queries = Queries(5)
    handler = on_notification(account, PreKeys(account.database, SESSION, queries), queries)
    with caplog.at_level(logging.INFO, "waport.client.handlers.notices"):
        for number in range(300):
            await account.handle(handler, stanza(Case(f"kind {number}"), str(number)))
    assert len(caplog.records) == 200
    assert len(await account.read(lambda store: store.raw_stanzas.latest(1000))) == 200
