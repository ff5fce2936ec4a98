"""The phone links companions; a companion written by hand checks what it gets."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from waport.crypto import (
    KeyPair,
    aes_ctr,
    aes_gcm_encrypt,
    agree,
    hkdf,
    hmac_sha256,
    pbkdf2_sha256,
    verify,
)
from waport.emulator.phone_pairing import parse_qr
from waport.errors import InvalidInput, NotFound, QueryTimeout
from waport.proto import pb
from waport.wire import SERVER, Jid, Node

ALICE = "15550001111"
NOW = 1_700_000_000


@dataclass
class NewCompanion:
    """What a client has before it is linked, and the checks it makes when it is."""

    ref: str = "2@ref"
    noise: KeyPair = field(default_factory=KeyPair.generate)
    identity: KeyPair = field(default_factory=KeyPair.generate)
    adv_secret: bytes = bytes(range(32))

    def qr(self, *, prefix: str = "", client: str = ",1") -> str:
        keys = (self.noise.public, self.identity.public, self.adv_secret)
        fields = [self.ref, *(base64.b64encode(key).decode() for key in keys)]
        return prefix + ",".join(fields) + client

    def accept(self, upload: Node, account_key: bytes) -> pb.ADVDeviceIdentity:
        """Verify an uploaded container step by step, as the rules for pair-success say."""
        container = pb.ADVSignedDeviceIdentityHMAC.FromString(upload.child("device-identity").data)
        assert not container.HasField("accountType")
        assert container.hmac == hmac_sha256(self.adv_secret, container.details)
        signed = pb.ADVSignedDeviceIdentity.FromString(container.details)
        inner = pb.ADVDeviceIdentity.FromString(signed.details)
        assert signed.accountSignatureKey == account_key
        assert len(signed.accountSignature) == 64
        message = b"\x06\x00" + signed.details + self.identity.public
        assert verify(account_key, message, signed.accountSignature)
        assert inner.HasField("keyIndex")
        return inner


def check_key_index_list(node: Node, account_key: bytes) -> pb.ADVKeyIndexList:
    signed = pb.ADVSignedKeyIndexList.FromString(node.data)
    assert verify(account_key, b"\x06\x02" + signed.details, signed.accountSignature)
    details = pb.ADVKeyIndexList.FromString(signed.details)
    assert node.int_attr("ts") == details.timestamp
    return details


@pytest.fixture
def uploads(server: Any) -> list[Node]:
    """Accepts each pair-device and gives it the next device number."""
    taken: list[Node] = []

    def answer(_device: Jid, iq: Node) -> Node | None:
        upload = iq.find("pair-device")
        if upload is None:
            return None
        taken.append(upload)
        device = Node("device", {"jid": Jid(ALICE, "s.whatsapp.net", len(taken))})
        child = device if len(taken) % 2 else Node("pair-device", {}, [device])
        return Node("iq", {"type": "result", "from": SERVER}, [child])

    server.answers = answer
    return taken


async def test_a_scanned_companion_can_verify_its_identity(alice: Any, uploads: list[Node]) -> None:
    companion = NewCompanion()
    device = await alice.pair_by_qr(companion.qr())
    account_key = alice._signal.local.identity.public
    (upload,) = uploads
    assert str(device) == f"{ALICE}:1@s.whatsapp.net"
    assert upload.child("ref").text == companion.ref
    assert upload.child("pub-key").data == companion.noise.public
    inner = companion.accept(upload, account_key)
    assert (inner.keyIndex, inner.timestamp) == (1, NOW)
    indexes = check_key_index_list(upload.child("key-index-list"), account_key)
    assert (indexes.rawId, indexes.currentIndex) == (inner.rawId, 1)
    assert list(indexes.validIndexes) == [0, 1]


async def test_each_companion_gets_the_next_key_index(alice: Any, uploads: list[Node]) -> None:
    companions = [NewCompanion(), NewCompanion(), NewCompanion()]
    devices = [await alice.pair_by_qr(companion.qr()) for companion in companions]
    assert [device.device for device in devices] == [1, 2, 3]
    account_key = alice._signal.local.identity.public
    inners = [c.accept(u, account_key) for c, u in zip(companions, uploads, strict=True)]
    assert [inner.keyIndex for inner in inners] == [1, 2, 3]
    assert len({inner.rawId for inner in inners}) == 1
    indexes = check_key_index_list(uploads[-1].child("key-index-list"), account_key)
    assert list(indexes.validIndexes) == [0, 1, 2, 3]


async def test_a_refused_companion_leaves_no_valid_index(server: Any, alice: Any) -> None:
    server.answers = lambda _device, iq: Node(
        "iq", {"type": "error"}, [Node("error", {"code": "404", "text": "item-not-found"})]
    )
    with pytest.raises(NotFound):
        await alice.pair_by_qr(NewCompanion().qr())
    assert alice.linker.account.live == {}


async def test_an_unlinked_companion_is_struck_off_the_list(
    server: Any, alice: Any, uploads: list[Node]
) -> None:
    for _ in range(2):
        await alice.pair_by_qr(NewCompanion().qr())
    person = server.find(alice.owner.own.pn)
    gone = Node("device", {"jid": alice.owner.own.pn.with_device(1), "key-index": "1"})
    server.notify(person, "devices", Node("remove", {}, [gone]), source=person.jid)
    await server.quiet()
    await asyncio.gather(*alice._tasks)
    account_key = alice._signal.local.identity.public
    indexes = check_key_index_list(server.key_index_lists[ALICE], account_key)
    assert list(indexes.validIndexes) == [0, 2]
    assert indexes.currentIndex == 2
    await alice.pair_by_qr(NewCompanion().qr())
    latest = check_key_index_list(uploads[-1].child("key-index-list"), account_key)
    assert list(latest.validIndexes) == [0, 2, 3], "an index is never given out twice"


async def test_the_list_survives_a_restart(alice: Any, uploads: list[Node], restart: Any) -> None:
    await alice.pair_by_qr(NewCompanion().qr())
    again = await restart(alice, alice.dump())
    companion = NewCompanion()
    await again.pair_by_qr(companion.qr())
    inner = companion.accept(uploads[-1], alice._signal.local.identity.public)
    assert inner.keyIndex == 2


@pytest.mark.parametrize("prefix", ["", "https://wa.me/settings/linked_devices#"])
@pytest.mark.parametrize("client", ["", ",1", ",c"])
@pytest.mark.parametrize("ref", ["2@abc", "2@with,comma"])
def test_every_form_of_the_qr_text_is_read(prefix: str, client: str, ref: str) -> None:
    companion = NewCompanion(ref)
    code = parse_qr(companion.qr(prefix=prefix, client=client))
    assert code.ref == ref
    assert code.noise_public == companion.noise.public
    assert code.identity_public == companion.identity.public
    assert code.adv_secret == companion.adv_secret


@pytest.mark.parametrize(
    "text", ["", "hello", ",,,,", "a,b,c,d", "ref,AAAA,BBBB,CCCC,1", "x" * 5000, "1,2"]
)
def test_other_texts_are_no_qr_code(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_qr(text)


# --- code ----------------------------------------------------------------------------------------

ROUNDS = 131_072


class CodeCompanion(NewCompanion):
    """Shows a code, and answers the phone's primary_hello."""

    def __init__(self, code: str, ref: str = "ref-1") -> None:
        super().__init__(ref)
        self.code = code
        self.ephemeral = KeyPair.generate()

    def hello(self) -> Node:
        salt, iv = bytes(32), bytes(16)
        key = pbkdf2_sha256(self.code.encode(), salt, ROUNDS, 32)
        return Node(
            "link_code_companion_reg",
            {"stage": "companion_hello"},
            [
                Node("link_code_pairing_ref", {}, self.ref.encode()),
                Node(
                    "link_code_pairing_wrapped_companion_ephemeral_pub",
                    {},
                    salt + iv + aes_ctr(key, iv, self.ephemeral.public),
                ),
                Node("companion_server_auth_key_pub", {}, self.noise.public),
                Node("companion_platform_id", {}, b"1"),
                Node("companion_platform_display", {}, b"Chrome (Linux)"),
                Node("link_code_pairing_nonce", {}, b"\x00"),
            ],
        )

    def finish(self, primary_hello: Node) -> Node:
        wrapped = primary_hello.child("link_code_pairing_wrapped_primary_ephemeral_pub").data
        assert len(wrapped) == 80
        phone_identity = primary_hello.child("primary_identity_pub").data
        key = pbkdf2_sha256(self.code.encode(), wrapped[:32], ROUNDS, 32)
        phone_ephemeral = aes_ctr(key, wrapped[32:48], wrapped[48:])
        shared = agree(self.ephemeral.private, phone_ephemeral)
        salt, iv, random = bytes([1]) * 32, bytes([2]) * 12, bytes([3]) * 32
        bundle_key = hkdf(shared, salt, b"link_code_pairing_key_bundle_encryption_key", 32)
        plain = self.identity.public + phone_identity + random
        identities = agree(self.identity.private, phone_identity)
        self.adv_secret = hkdf(shared + identities + random, b"", b"adv_secret", 32)
        return Node(
            "link_code_companion_reg",
            {"stage": "companion_finish"},
            [
                Node("link_code_pairing_ref", {}, self.ref.encode()),
                Node(
                    "link_code_pairing_wrapped_key_bundle",
                    {},
                    salt + iv + aes_gcm_encrypt(bundle_key, iv, plain),
                ),
                Node("companion_identity_public", {}, self.identity.public),
            ],
        )


def connect(server: Any, uploads: list[Node], *companions: CodeCompanion) -> None:
    """Let companions show their codes and answer the phone."""
    person = server.find(Jid(ALICE, "s.whatsapp.net"))
    linked = server.answers

    def answer(device: Jid, iq: Node) -> Node | None:
        step = iq.find("link_code_companion_reg")
        if step is None:
            return linked(device, iq)
        assert step.attr("stage") == "primary_hello"
        ref = step.child("link_code_pairing_ref").text
        for companion in companions:
            if companion.ref == ref:
                server.notify(person, "link_code_companion_reg", companion.finish(step))
                return Node("iq", {"type": "result"})
        return Node("iq", {"type": "error"}, [Node("error", {"code": "404"})])

    server.answers = answer
    for companion in companions:
        server.notify(person, "link_code_companion_reg", companion.hello())


async def test_the_right_code_links_the_companion(
    server: Any, alice: Any, uploads: list[Node]
) -> None:
    companion = CodeCompanion("ABCD1234")
    connect(server, uploads, companion)
    await server.quiet()
    device = await alice.enter_code("abcd-1234")
    assert device.device == 1
    (upload,) = uploads
    assert upload.child("ref").text == companion.ref
    assert upload.child("pub-key").data == companion.noise.public
    companion.accept(upload, alice._signal.local.identity.public)


async def test_a_wrong_code_is_refused_and_the_right_one_still_works(
    server: Any, alice: Any, uploads: list[Node]
) -> None:
    connect(server, uploads, CodeCompanion("ABCD1234"))
    await server.quiet()
    with pytest.raises(InvalidInput):
        await alice.enter_code("ABCD1235")
    assert uploads == []
    await alice.enter_code("ABCD1234")
    assert len(uploads) == 1


async def test_of_two_waiting_companions_the_code_chooses(
    server: Any, alice: Any, uploads: list[Node]
) -> None:
    first, second = CodeCompanion("11111111", "ref-1"), CodeCompanion("22222222", "ref-2")
    connect(server, uploads, first, second)
    await server.quiet()
    await alice.enter_code("11111111")
    assert uploads[0].child("ref").text == "ref-1"
    await alice.enter_code("22222222")
    assert uploads[1].child("ref").text == "ref-2"


async def test_a_companion_that_has_gone_waits_no_more(
    server: Any, alice: Any, uploads: list[Node]
) -> None:
    connect(server, uploads)
    person = server.find(alice.owner.own.pn)
    server.notify(person, "link_code_companion_reg", CodeCompanion("ABCD1234").hello())
    await server.quiet()
    with pytest.raises(NotFound):
        await alice.enter_code("ABCD1234")


async def test_without_a_waiting_companion_there_is_nothing_to_enter(alice: Any) -> None:
    with pytest.raises(NotFound):
        await alice.enter_code("ABCD1234")


@pytest.mark.parametrize("code", ["", "ABCD123", "ABCD12345", "ABCD123O", "ABCD 123!"])
async def test_other_texts_are_no_code(alice: Any, code: str) -> None:
    with pytest.raises(InvalidInput):
        await alice.enter_code(code)


async def test_a_malformed_hello_is_ignored(server: Any, alice: Any) -> None:
    person = server.find(alice.owner.own.pn)
    hello = CodeCompanion("ABCD1234").hello()
    hello.children("link_code_pairing_wrapped_companion_ephemeral_pub")[0].content = b"short"
    server.notify(person, "link_code_companion_reg", hello)
    server.notify(person, "link_code_companion_reg", Node("other"))
    await server.quiet()
    with pytest.raises(NotFound):
        await alice.enter_code("ABCD1234")


async def test_typing_a_code_does_not_hold_up_the_loop(
    server: Any, alice: Any, uploads: list[Node]
) -> None:
    connect(server, uploads, CodeCompanion("ABCD1234"))
    await server.quiet()
    loop, turns, done = asyncio.get_running_loop(), 0, False

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not done:
            loop.call_soon(turn)

    turn()
    await alice.enter_code("ABCD1234")
    done = True
    assert turns > 100


async def test_a_silent_companion_does_not_spoil_the_code_of_another(
    server: Any, alice: Any, uploads: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(CodeCompanion):
        def finish(self, step: Node) -> Node:
            return Node("link_code_companion_reg", {"stage": "something_else"})

    class Confused(CodeCompanion):
        def finish(self, step: Node) -> Node:
            reg = Node("link_code_companion_reg", {"stage": "companion_finish"})
            reg.content = [Node("link_code_pairing_ref", {}, self.ref.encode())]
            return reg

    monkeypatch.setattr(alice.linker, "_finish_timeout_s", 0.01)
    # The newest is tried first.
    connect(server, uploads, CodeCompanion("ABCD1234", "ref-1"), Confused("2", "ref-2"))
    await server.quiet()
    await alice.enter_code("ABCD1234")
    connect(server, uploads, CodeCompanion("ABCD1234", "ref-3"), Silent("4", "ref-4"))
    await server.quiet()
    await alice.enter_code("ABCD1234")
    assert [upload.child("ref").text for upload in uploads] == ["ref-1", "ref-3"]
    with pytest.raises(QueryTimeout):
        await alice.enter_code("ABCD1234")


async def test_the_phone_goes_on_while_a_companion_takes_its_time(
    server: Any, alice: Any, make_phone: Any, uploads: list[Node]
) -> None:
    bob = await make_phone("15550002222", "Bob")
    await alice.pair_by_qr(NewCompanion().qr())
    person = server.find(alice.owner.own.pn)
    gone = Node("device", {"jid": alice.owner.own.pn.with_device(1)})
    async with alice.linker._linking:  # as long as another one has not answered
        server.notify(person, "devices", Node("remove", {}, [gone]), source=person.jid)
        await bob.send_text(alice.owner.own.pn, "hello")
        await server.quiet()
        assert [message.text for message in alice.messages()] == ["hello"]
        assert ALICE not in server.key_index_lists
    await asyncio.gather(*alice._tasks)
    account_key = alice._signal.local.identity.public
    indexes = check_key_index_list(server.key_index_lists[ALICE], account_key)
    assert list(indexes.validIndexes) == [0]
