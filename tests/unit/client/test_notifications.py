from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.handlers import on_notification
from waport.client.prekeys import PreKeys
from waport.client.queries import Queries
from waport.client.reporter import Reporter
from waport.errors import StanzaError, StoreError
from waport.model import DeviceList, QrReady
from waport.wire import Jid, Node

CAROL = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")


async def notify(account: Account, kind: str, *children: Node, **attrs: Any) -> list[Node]:
    queries = Queries(5)
    pre_keys = PreKeys(account.database, SESSION, queries)
    handler = on_notification(account, pre_keys, queries)
    node = Node("notification", {"id": "N1", "type": kind, **attrs}, list(children))
    return (await account.handle(handler, node)).replies


async def put(account: Account, user: Jid, *devices: int) -> None:
    known = DeviceList(user, devices, 1, 1, NOW)
    await account.write(lambda store: store.addresses.put_devices(known))


async def known(account: Account, user: Jid) -> DeviceList | None:
    devices: DeviceList | None = await account.read(lambda store: store.addresses.devices(user))
    return devices


async def sessions(account: Account, *addresses: str) -> list[bool]:
    def job(store: Any) -> list[bool]:
        return [store.signal.session(address) is not None for address in addresses]

    present: list[bool] = await account.read(job)
    return present


@pytest.mark.parametrize("source", [PEER_PN, PEER_LID])
async def test_a_device_that_is_gone_loses_its_session_under_either_address(
    account: Account, source: Jid
) -> None:
    await put(account, PEER_PN, 0, 4, 5)
    gone, stays = (PEER_LID.with_device(n).signal_address for n in (4, 5))

    def job(store: Any) -> None:
        store.signal.put_session(gone, b"record")
        store.signal.put_session(stays, b"record")

    await account.write(job)
    remove = Node("remove", {}, [Node("device", {"jid": source.with_device(4)})])
    (ack,) = await notify(account, "devices", remove, **{"from": source})
    assert (ack.tag, ack.get("class"), ack.get("type")) == ("ack", "notification", "devices")
    assert await sessions(account, gone, stays) == [False, True]
    assert await known(account, PEER_PN) is None


async def test_a_phone_never_loses_its_session_by_a_list(account: Account) -> None:
    address = PEER_LID.signal_address
    await account.write(lambda store: store.signal.put_session(address, b"record"))
    remove = Node("remove", {}, [Node("device", {"jid": PEER_PN})])
    await notify(account, "devices", remove, **{"from": PEER_PN})
    assert await sessions(account, address) == [True]


@pytest.mark.parametrize("child", [Node("add"), Node("update", {"hash": "2:AAAAAAAA"}), Node("x")])
async def test_every_word_on_devices_makes_the_next_send_ask(account: Account, child: Node) -> None:
    await put(account, PEER_PN, 0)
    await notify(account, "devices", child, **{"from": PEER_PN, "lid": PEER_LID})
    assert await known(account, PEER_PN) is None


async def test_a_hidden_id_is_learned_beside_the_devices(account: Account) -> None:
    await notify(account, "devices", Node("add"), **{"from": CAROL, "lid": CAROL_LID})
    assert await account.read(lambda store: store.addresses.lid_of(CAROL)) == CAROL_LID


async def test_a_word_on_an_unknown_persons_devices_is_only_acked(account: Account) -> None:
    remove = Node("remove", {}, [Node("device", {"jid": CAROL.with_device(3)})])
    assert len(await notify(account, "devices", remove, **{"from": CAROL})) == 1


async def test_a_word_on_devices_without_a_person_is_refused(account: Account) -> None:
    with pytest.raises(StanzaError):
        await notify(account, "devices", Node("add"))


async def test_a_change_of_our_own_devices_makes_the_next_send_ask(account: Account) -> None:
    await put(account, OWN_PN.bare, 0, 1)
    await notify(account, "account_sync", Node("privacy"), **{"from": OWN_PN.bare})
    assert await known(account, OWN_PN.bare) is not None
    await notify(account, "account_sync", Node("devices"), **{"from": OWN_LID.bare})
    assert await known(account, OWN_PN.bare) is None


@pytest.mark.parametrize("source", [PEER_PN, PEER_LID])
async def test_a_person_who_registered_anew_loses_sessions_and_list_under_either_address(
    account: Account, source: Jid
) -> None:
    await put(account, PEER_PN, 0, 3)
    addresses = [PEER_LID.signal_address, PEER_LID.with_device(3).signal_address]

    def job(store: Any) -> None:
        for address in addresses:
            store.signal.put_session(address, b"record")
            store.signal.put_identity(address, bytes(32))

    await account.write(job)
    await notify(account, "encrypt", Node("identity"), **{"from": source})
    assert await sessions(account, *addresses) == [False, False]
    assert await known(account, PEER_PN) is None
    assert await account.read(lambda store: store.signal.identity(addresses[0])) is None


async def test_events_that_can_not_be_recorded_end_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = Reporter(account.database, SESSION, account.sink)

    def failing(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(account.sink, "record", failing)
        reporter.report(QrReady("one"))
        await account.write(lambda _: None)
    with monkeypatch.context() as patch:

        def full(*_: Any) -> Any:
            raise StoreError("too many writes are waiting")

        patch.setattr(account.database, "submit", full)
        reporter.report(QrReady("two"))
    reporter.report(QrReady("three"))
    await account.sink.until(QrReady)
    assert account.sink.of(QrReady) == [QrReady("three")]
    assert caplog.text.count("could not be recorded") == 2
