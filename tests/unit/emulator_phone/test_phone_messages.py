"""Two phones write to each other through a server in miniature."""

from __future__ import annotations

from typing import Any

import pytest

from waport.crypto import sign
from waport.emulator.phone_keys import parse_bundle
from waport.errors import CryptoError, InvalidInput, NotFound, QueryError
from waport.proto import pb
from waport.wire import Jid, Node

ALICE, BOB = "15550001111", "15550002222"


def texts(phone: Any) -> list[str | None]:
    return [message.text for message in phone.messages()]


@pytest.mark.parametrize("kind", ["pn", "lid"])
async def test_texts_go_both_ways_in_order(server: Any, alice: Any, bob: Any, kind: str) -> None:
    a, b = getattr(alice.owner.own, kind), getattr(bob.owner.own, kind)
    for number in range(5):
        await alice.send_text(b, f"question {number}")
        await server.quiet()
        await bob.send_text(a, f"answer {number}")
    await server.quiet()
    assert texts(bob) == [f"question {n}" for n in range(5)]
    assert texts(alice) == [f"answer {n}" for n in range(5)]
    first = bob.messages()[0]
    assert (first.seq, first.chat, first.sender, first.participant) == (1, a, a, None)


async def test_the_address_may_change_in_the_middle(server: Any, alice: Any, bob: Any) -> None:
    own = bob.owner.own
    for number, to in enumerate([own.pn, own.lid, own.pn, own.lid]):
        await alice.send_text(to, str(number))
    await server.quiet()
    assert texts(bob) == ["0", "1", "2", "3"]
    kinds = [
        stanza.child("participants").child("to").child("enc").attr("type")
        for stanza in server.stanzas("message", alice.owner.own.pn)
    ]
    assert kinds == ["pkmsg"] * 4, "one session, which nobody has answered yet"


async def test_a_session_is_opened_once_and_answered_by_plain_messages(
    server: Any, alice: Any, bob: Any
) -> None:
    await alice.send_text(bob.owner.own.pn, "one")
    await server.quiet()
    await bob.send_text(alice.owner.own.pn, "two")
    await server.quiet()
    await alice.send_text(bob.owner.own.pn, "three")
    await server.quiet()
    last = server.stanzas("message", alice.owner.own.pn)[-1]
    assert last.child("participants").child("to").child("enc").attr("type") == "msg"
    fetched = [iq for _, iq in server.asked if iq.get("xmlns") == "encrypt" and iq.find("key")]
    assert len(fetched) == 1


async def test_a_phone_has_no_device_identity_to_show(server: Any, alice: Any, bob: Any) -> None:
    sent = await alice.send_text(bob.owner.own.pn, "hello")
    (stanza,) = server.stanzas("message", alice.owner.own.pn)
    assert stanza.find("device-identity") is None
    assert stanza.attr("id") == sent.id
    assert sent.id.startswith("3EB0")
    assert len(sent.id) == 22
    assert sent.timestamp == 1_700_000_000


async def test_a_received_message_is_receipted_and_shown(server: Any, alice: Any, bob: Any) -> None:
    await alice.send_text(bob.owner.own.pn, "hello", "MY-ID")
    await server.quiet()
    (receipt,) = server.stanzas("receipt", bob.owner.own.pn)
    assert (receipt.attr("id"), receipt.jid("to"), receipt.get("type")) == (
        "MY-ID",
        alice.owner.own.pn,
        None,
    )
    shown = bob.messages()[0].to_json()
    assert shown["message"]["conversation"] == "hello"
    del shown["message"]
    assert shown == {
        "seq": 1,
        "id": "MY-ID",
        "from": str(alice.owner.own.pn),
        "device": 0,
        "chat": str(alice.owner.own.pn),
        "participant": None,
        "timestamp": 1_700_000_000,
        "text": "hello",
    }
    assert bob.messages(after=1) == []


async def test_reading_is_told_to_the_sender(server: Any, alice: Any, bob: Any) -> None:
    for name in ("A", "B", "C"):
        await alice.send_text(bob.owner.own.lid, name, name)
    await server.quiet()
    # The chat is named by number, but the messages came under the LID: so does the receipt.
    assert await bob.mark_read(alice.owner.own.pn, ["A", "C", "unknown"]) == ["A", "C"]
    receipt = server.stanzas("receipt", bob.owner.own.pn)[-1]
    assert receipt.attr("type") == "read"
    assert receipt.attr("id") == "A"
    assert receipt.jid("to") == alice.owner.own.lid
    assert [item.attr("id") for item in receipt.child("list").children()] == ["C"]


async def test_everything_is_read_when_no_id_is_given(server: Any, alice: Any, bob: Any) -> None:
    await alice.send_text(bob.owner.own.pn, "x", "A")
    await server.quiet()
    assert await bob.mark_read(alice.owner.own.pn) == ["A"]


async def test_nobody_is_no_recipient(alice: Any) -> None:
    with pytest.raises(NotFound):
        await alice.send_text(Jid("19990000000", "s.whatsapp.net"), "hello")
    with pytest.raises(InvalidInput):
        await alice.send_text(Jid("1700000000", "broadcast"), "hello")


async def test_a_refusal_by_the_server_is_raised(server: Any, alice: Any, bob: Any) -> None:
    def refuse(device: Jid, node: Node) -> Node:
        if node.tag == "ack":
            node.attrs["error"] = "463"
        return node

    server.tamper = refuse
    with pytest.raises(QueryError) as refused:
        await alice.send_text(bob.owner.own.pn, "hello")
    assert refused.value.code == 463


async def test_what_comes_twice_is_kept_once(server: Any, alice: Any, bob: Any) -> None:
    kept: list[Node] = []

    def keep(device: Jid, node: Node) -> Node:
        if node.tag == "message":
            kept.append(node)
        return node

    server.tamper = keep
    await alice.send_text(bob.owner.own.pn, "hello", "A")
    await server.quiet()
    await bob.deliver(kept[0])
    assert texts(bob) == ["hello"]
    (ack,) = [n for n in server.stanzas("ack", bob.owner.own.pn) if n.get("class") == "message"]
    assert (ack.attr("id"), ack.get("error")) == ("A", None)


# --- companions ----------------------------------------------------------------------------------


async def test_own_companions_get_a_copy(
    server: Any, alice: Any, bob: Any, link_companion: Any
) -> None:
    companion = link_companion(alice)
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    (stanza, message) = companion.received[0]
    assert stanza.jid("recipient") == bob.owner.own.pn
    assert message.deviceSentMessage.destinationJid == str(bob.owner.own.pn)
    assert message.deviceSentMessage.message.conversation == "hello"
    secret = message.messageContextInfo.messageSecret
    assert len(secret) == 32
    assert texts(bob) == ["hello"]


async def test_companions_of_the_recipient_get_the_message_itself(
    server: Any, alice: Any, bob: Any, link_companion: Any
) -> None:
    companion = link_companion(bob)
    await alice.send_text(bob.owner.own.lid, "hello")
    await server.quiet()
    assert companion.received[0][1].conversation == "hello"
    (stanza,) = server.stanzas("message", alice.owner.own.pn)
    named = [to.jid("jid") for to in stanza.child("participants").children()]
    assert named == [bob.owner.own.lid, bob.owner.own.lid.with_device(1)]


async def test_a_note_to_self_goes_to_the_companions(
    server: Any, alice: Any, link_companion: Any
) -> None:
    companion = link_companion(alice)
    await alice.send_text(alice.owner.own.pn, "remember")
    await server.quiet()
    copy = companion.received[0][1].deviceSentMessage
    assert (copy.destinationJid, copy.message.conversation) == (
        str(alice.owner.own.pn),
        "remember",
    )


async def test_a_note_to_self_without_companions_stays_on_the_phone(
    server: Any, alice: Any
) -> None:
    await alice.send_text(alice.owner.own.pn, "remember")
    assert server.stanzas("message", alice.owner.own.pn) == []


async def test_a_copy_of_what_a_companion_sent_stands_in_the_other_chat(
    server: Any, alice: Any, bob: Any, link_companion: Any
) -> None:
    companion = link_companion(alice)
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    copy = pb.Message(
        deviceSentMessage=pb.DeviceSentMessage(
            destinationJid=str(bob.owner.own.pn), message=pb.Message(conversation="from one")
        )
    )
    stanza = Node(
        "message",
        {
            "id": "C1",
            "to": alice.owner.own.pn,
            "type": "text",
            "recipient": bob.owner.own.pn,
        },
    )
    await companion.send(stanza, alice.owner.own.pn, copy)
    await server.quiet()
    (message,) = alice.messages()
    assert (message.text, message.chat) == ("from one", bob.owner.own.pn)
    assert message.sender == alice.owner.own.pn.with_device(1)
    receipt = server.stanzas("receipt", alice.owner.own.pn)[-1]
    assert receipt.attr("type") == "sender"
    assert receipt.jid("to") == companion.jid
    assert receipt.jid("recipient") == bob.owner.own.pn


async def test_an_own_copy_that_comes_twice_gets_its_receipt_twice(
    server: Any, alice: Any, bob: Any, link_companion: Any
) -> None:
    companion = link_companion(alice)
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    kept: list[Node] = []

    def keep(device: Jid, node: Node) -> Node:
        if node.tag == "message":
            kept.append(node)
        return node

    server.tamper = keep
    attrs = {"id": "C1", "to": alice.owner.own.pn, "type": "text", "recipient": bob.owner.own.pn}
    await companion.send(
        Node("message", attrs), alice.owner.own.pn, pb.Message(conversation="note")
    )
    await server.quiet()
    await alice.deliver(kept[0])
    assert texts(alice) == ["note"]
    receipts = [n.get("type") for n in server.stanzas("receipt", alice.owner.own.pn)]
    assert receipts == ["sender", "sender"], "the server repeats it until it sees one"


async def test_a_strangers_device_sent_message_is_dropped(
    server: Any, alice: Any, bob: Any
) -> None:
    forged = pb.Message(
        deviceSentMessage=pb.DeviceSentMessage(
            destinationJid=str(bob.owner.own.pn), message=pb.Message(conversation="forged")
        )
    )
    await alice.outbox.send_message(bob.owner.own.pn, forged)
    await server.quiet()
    assert bob.messages() == []


async def test_a_companion_with_a_bad_identity_is_left_out(
    server: Any, alice: Any, bob: Any, link_companion: Any
) -> None:
    companion = link_companion(bob)
    keys = server.keys[BOB, 1]
    broken = pb.ADVSignedDeviceIdentity.FromString(keys.device_identity)
    broken.accountSignature = sign(
        companion.signal.local.identity.private, b"\x06\x00" + broken.details
    )
    keys.device_identity = broken.SerializeToString()
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    assert texts(bob) == ["hello"]
    assert companion.received == []


@pytest.mark.parametrize("published", [True, False], ids=["without it", "no list at all"])
async def test_a_companion_that_is_not_in_the_key_index_list_is_left_out(
    server: Any, alice: Any, bob: Any, link_companion: Any, published: bool
) -> None:
    companion = link_companion(bob)
    if published:
        await bob.linker.forget({1})
    else:
        server.key_index_lists.clear()
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    assert texts(bob) == ["hello"]
    assert companion.received == []


async def test_a_bundle_with_a_bad_signature_is_refused(server: Any, alice: Any, bob: Any) -> None:
    signed = server.keys[BOB, 0].signed
    signature = signed.child("signature")
    signature.content = bytes([signature.data[0] ^ 1]) + signature.data[1:]
    with pytest.raises(CryptoError):
        await alice.send_text(bob.owner.own.pn, "hello")
    assert server.stanzas("message", alice.owner.own.pn) == []


async def test_a_companion_must_prove_itself_in_its_first_message(
    server: Any, alice: Any, bob: Any, link_companion: Any
) -> None:
    companion = link_companion(alice)
    from_alice = pb.Message(conversation="hello")
    bundle = server._bundle(bob.owner.own.pn)
    companion.signal.open_session(bob.owner.own.pn, parse_bundle(bundle))
    stanza = Node("message", {"id": "C1", "to": bob.owner.own.pn, "type": "text"})
    wrong = pb.ADVSignedDeviceIdentity()
    wrong.CopyFrom(companion.device_identity)
    wrong.deviceSignature = bytes(64)
    await companion.send(stanza, bob.owner.own.pn, from_alice, wrong.SerializeToString())
    await server.quiet()
    assert bob.messages() == []
    retry = server.stanzas("receipt", bob.owner.own.pn)[-1]
    assert retry.attr("type") == "retry"
    assert retry.child("retry").attr("error") == "12"

    again = Node("message", {"id": "C2", "to": bob.owner.own.pn, "type": "text"})
    await companion.send(again, bob.owner.own.pn, from_alice)
    await server.quiet()
    assert texts(bob) == ["hello"]
    assert bob.messages()[0].to_json()["device"] == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        b"\x0a\x02\xff\xfe",
        b"\xfa\x01\x04\x0a\x02\xff\xfe",  # destinationJid of deviceSentMessage
    ],
)
async def test_a_text_that_is_not_utf_8_is_refused_and_the_rest_stays_readable(
    server: Any, alice: Any, bob: Any, spoilt: bytes
) -> None:
    await alice.outbox.send_message(bob.owner.own.pn, pb.Message.FromString(spoilt))
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    assert [message.to_json()["text"] for message in bob.messages()] == ["hello"]
    ack = server.stanzas("ack", bob.owner.own.pn)[-1]
    assert ack.attr("error") == "491"
