"""Companions of other people, and the proof that they belong to them."""

from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_PN, PEER_LID, PEER_PN, Account, Peer, stanza, text
from support.handlers import handle_message
from waport.client.encryption import check_bundle, install_bundle
from waport.crypto import KeyPair, sign
from waport.errors import CryptoError
from waport.model import MessageAdded
from waport.proto import pb
from waport.stanza.prekeys import BundleAnswer
from waport.wire import Jid, Node

COMPANION = PEER_LID.with_device(7)


def proof(
    companion: Peer,
    account: KeyPair,
    *,
    account_prefix: bytes = b"\x06\x00",
    device_prefix: bytes = b"\x06\x01",
    with_key: bool = True,
    is_hosted: bool = False,
) -> bytes:
    details = pb.ADVDeviceIdentity(rawId=7, timestamp=NOW, keyIndex=1)
    if is_hosted:
        details.deviceType = pb.ADVEncryptionType.HOSTED
    inner = details.SerializeToString()
    covered = inner + companion.identity.public
    signed = pb.ADVSignedDeviceIdentity(
        details=inner,
        accountSignature=sign(account.private, account_prefix + covered),
        deviceSignature=sign(companion.identity.private, device_prefix + covered + account.public),
    )
    if with_key:
        signed.accountSignatureKey = account.public
    return signed.SerializeToString()


@pytest.fixture
def companion() -> Peer:
    return Peer(COMPANION)


@pytest.fixture
async def bob(account: Account) -> KeyPair:
    """The account key of the companion's owner, known from his phone."""
    key = KeyPair.generate()
    await account.write(lambda s: s.signal.put_identity(PEER_LID.signal_address, key.public))
    return key


async def check(account: Account, companion: Peer, identity: bytes | None) -> None:
    answer = BundleAnswer(companion.bundle(), identity, 0)
    await account.read(lambda store: check_bundle(store, COMPANION, answer))


@pytest.mark.parametrize("with_key", [True, False])
async def test_a_companion_that_its_account_vouches_for_may_be_written_to(
    account: Account, companion: Peer, bob: KeyPair, with_key: bool
) -> None:
    await check(account, companion, proof(companion, bob, with_key=with_key))


async def test_hosted_devices_have_signatures_of_their_own(
    account: Account, companion: Peer, bob: KeyPair
) -> None:
    prefixes: dict[str, Any] = {"account_prefix": b"\x06\x05", "device_prefix": b"\x06\x06"}
    await check(account, companion, proof(companion, bob, is_hosted=True, **prefixes))
    with pytest.raises(CryptoError):
        await check(account, companion, proof(companion, bob, **prefixes))


async def test_a_proof_under_another_key_than_its_own_is_refused(
    account: Account, companion: Peer, bob: KeyPair
) -> None:
    stranger = KeyPair.generate()
    for identity in (
        proof(companion, bob, account_prefix=b"\x06\x02"),
        proof(companion, bob, device_prefix=b"\x06\x00"),
        proof(Peer(COMPANION), bob),
        proof(companion, stranger, with_key=False),
        b"",
        b"\xff\xff",
        bytes(5000),
    ):
        with pytest.raises(CryptoError):
            await check(account, companion, identity)


async def test_without_any_account_key_a_companion_is_trusted_on_first_use(
    account: Account, companion: Peer
) -> None:
    await check(account, companion, proof(companion, KeyPair.generate(), with_key=False))
    await check(account, companion, None)


async def test_a_device_without_a_bundle_is_refused(account: Account) -> None:
    with pytest.raises(CryptoError):
        await account.read(lambda s: check_bundle(s, COMPANION, BundleAnswer(None, None, 406)))


async def test_a_bundle_with_a_wrong_signature_makes_no_session(
    account: Account, companion: Peer
) -> None:
    companion.signed_pre_key = Peer(COMPANION).signed_pre_key
    with pytest.raises(CryptoError):
        await account.write(
            lambda s: install_bundle(s, account.credentials, COMPANION, companion.bundle())
        )
    assert await account.read(lambda s: s.signal.session(COMPANION.signal_address)) is None


async def test_a_proved_companions_first_message_is_read_and_its_later_ones_need_no_proof(
    account: Account, companion: Peer, bob: KeyPair
) -> None:
    companion.open(account.bundle())
    first = stanza(companion.encrypt(text("hi")), "M1", COMPANION)
    assert isinstance(first.content, list)
    first.content.append(Node("device-identity", {}, proof(companion, bob)))
    await account.handle(handle_message, first)
    await account.handle(handle_message, stanza(companion.encrypt(text("again")), "M2", COMPANION))
    texts = [e.message.text for e in account.sink.recorded if isinstance(e, MessageAdded)]
    assert texts == ["hi", "again"]
    address = COMPANION.signal_address
    assert await account.read(lambda s: s.signal.identity(address)) == companion.identity.public


async def test_a_forged_companion_is_refused_with_its_reason_and_leaves_no_session(
    account: Account, companion: Peer, bob: KeyPair
) -> None:
    companion.open(account.bundle())
    node = stanza(companion.encrypt(text("hi")), "M1", COMPANION)
    assert isinstance(node.content, list)
    node.content.append(Node("device-identity", {}, proof(Peer(COMPANION), bob)))
    work = await account.handle(handle_message, node)
    assert work.replies[0].child("retry").get("error") == "12"
    assert await account.read(lambda s: s.signal.session(COMPANION.signal_address)) is None


# --- what else is answered by the way ------------------------------------------------------------


async def test_messages_are_marked_read_where_that_is_wanted(account: Account, peer: Peer) -> None:
    def handler(work: Any, node: Node) -> None:
        work.seen_receipt = "read"
        handle_message(work, node)

    source = PEER_LID.with_device(0)
    work = await account.handle(handler, stanza(peer.encrypt(text("hi")), "M1", source))
    delivered, read = work.replies
    assert (delivered.get("type"), read.get("type")) == (None, "read")
    assert (read.jid("to"), read.get("t")) == (PEER_LID, str(NOW))


async def test_our_own_messages_are_not_marked_read(account: Account) -> None:
    def handler(work: Any, node: Node) -> None:
        work.seen_receipt = "read"
        handle_message(work, node)

    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    content = pb.Message()
    content.deviceSentMessage.destinationJid = str(PEER_PN)
    content.deviceSentMessage.message.conversation = "mine"
    source: Jid = OWN_PN.with_device(0)
    node = stanza(phone.encrypt(content.SerializeToString()), "M1", source, recipient=PEER_PN)
    work = await account.handle(handler, node)
    assert [reply.get("type") for reply in work.replies] == ["sender"]
