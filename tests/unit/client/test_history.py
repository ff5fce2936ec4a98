from __future__ import annotations

import zlib

import pytest

from support.account import OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account, Peer, stanza
from support.handlers import handle_message
from waport.client.work import Work
from waport.proto import pb
from waport.wire import Jid, Node

PHONE = OWN_PN.with_device(0)
CAROL = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")


@pytest.fixture
def phone(account: Account) -> Peer:
    phone = Peer(PHONE)
    phone.open(account.bundle())
    return phone


def notice(payload: bytes | None) -> bytes:
    message = pb.Message()
    protocol = message.protocolMessage
    protocol.type = pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION
    protocol.historySyncNotification.syncType = pb.PUSH_NAME
    if payload is not None:
        protocol.historySyncNotification.initialHistBootstrapInlinePayload = payload
    return message.SerializeToString()


def history(*names: tuple[str, str], pairs: tuple[tuple[str, str], ...] = ()) -> bytes:
    sync = pb.HistorySync(syncType=pb.HistorySync.PUSH_NAME)
    for jid, name in names:
        sync.pushnames.add(id=jid, pushname=name)
    for pn, lid in pairs:
        sync.phoneNumberToLidMappings.add(pnJid=pn, lidJid=lid)
    return zlib.compress(sync.SerializeToString())


async def take(account: Account, phone: Peer, payload: bytes | None) -> Work:
    node = stanza(phone.encrypt(notice(payload)), "H1", PHONE, category="peer")
    return await account.handle(handle_message, node)


def kinds(replies: list[Node]) -> list[str | None]:
    return [reply.get("type") for reply in replies]


async def test_a_first_history_tells_names_and_our_own_among_them(
    account: Account, phone: Peer
) -> None:
    payload = history(
        (str(CAROL), "Carol"), (str(OWN_PN.bare), "Bot"), ("?", "x"), (str(PHONE), "")
    )
    work = await take(account, phone, payload)
    # First what the phone waits for, then the receipt of the message itself; both to ourselves.
    assert kinds(work.replies) == ["hist_sync", "peer_msg"]
    assert all(reply.jid("to") == OWN_PN.bare for reply in work.replies)
    assert all(reply.get("id") == "H1" for reply in work.replies)
    contact = await account.read(lambda store: store.contacts.get(CAROL))
    assert contact.push_name == "Carol"
    credentials = await account.read(lambda store: store.devices.get())
    assert credentials.push_name == "Bot"
    assert len(work.follow_ups) == 1  # the device comes online by its name
    assert account.sink.recorded == []


async def test_our_own_name_may_be_told_under_the_hidden_id(account: Account, phone: Peer) -> None:
    await take(account, phone, history((str(OWN_LID.bare), "Bot")))
    credentials = await account.read(lambda store: store.devices.get())
    assert credentials.push_name == "Bot"


async def test_a_name_that_is_known_is_no_news(account: Account, phone: Peer) -> None:
    await take(account, phone, history((str(OWN_PN.bare), "Bot")))
    node = stanza(phone.encrypt(notice(history((str(OWN_PN.bare), "Bot")))), "H2", PHONE)
    node.attrs["category"] = "peer"
    work = await account.handle(handle_message, node)
    assert work.follow_ups == []


async def test_a_history_joins_numbers_and_hidden_ids(account: Account, phone: Peer) -> None:
    pairs = ((str(CAROL), str(CAROL_LID)), (str(CAROL_LID), str(CAROL)), ("x", "y"))
    await take(account, phone, history(pairs=pairs))
    assert await account.read(lambda store: store.addresses.lid_of(CAROL)) == CAROL_LID


@pytest.mark.parametrize(
    "payload",
    [b"\x00", b"not zlib", zlib.compress(b"\xff\xff\xff"), history((str(CAROL), "Carol"))[:-6]],
)
async def test_an_unusable_history_is_not_called_handled(
    account: Account, phone: Peer, payload: bytes
) -> None:
    work = await take(account, phone, payload)
    assert kinds(work.replies) == ["peer_msg"]
    assert await account.read(lambda store: store.contacts.get(CAROL)) is None


async def test_a_history_that_inflates_without_end_is_refused(
    account: Account, phone: Peer
) -> None:
    inflater = zlib.compressobj(9)
    bomb = b"".join(inflater.compress(bytes(1 << 20)) for _ in range(70)) + inflater.flush()
    work = await take(account, phone, bomb)
    assert kinds(work.replies) == ["peer_msg"]


async def test_a_history_from_somebody_else_is_dropped(account: Account, peer: Peer) -> None:
    payload = history((str(OWN_PN.bare), "Evil"), pairs=((str(CAROL), str(PEER_LID)),))
    node = stanza(peer.encrypt(notice(payload)), "H1", PEER_LID)
    work = await account.handle(handle_message, node)
    assert kinds(work.replies) == [None]
    credentials = await account.read(lambda store: store.devices.get())
    assert credentials.push_name == ""
    assert await account.read(lambda store: store.addresses.pn_of(PEER_LID)) == PEER_PN
