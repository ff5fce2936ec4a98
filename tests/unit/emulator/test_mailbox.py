"""What settles a stanza, and what does not."""

from __future__ import annotations

from waport.emulator.mailbox import Mailbox
from waport.wire import Jid, Node

ALICE = Jid("15550001111", "s.whatsapp.net", 2)
BOB = Jid("15550002222", "s.whatsapp.net", 1)


def same_user(one: Jid, other: Jid) -> bool:
    return one.bare == other.bare


def message(name: str, source: Jid) -> Node:
    return Node("message", {"id": name, "from": source})


def ids(mailbox: Mailbox) -> list[str]:
    return [letter.node.attr("id") for letter in mailbox]


def test_letters_keep_their_order_and_numbers_rise() -> None:
    mailbox = Mailbox()
    letters = [mailbox.post(message(name, ALICE)) for name in ("A", "B", "C")]
    assert [letter.seq for letter in letters] == [1, 2, 3]
    mailbox.settle_by_ack(Node("ack", {"class": "message", "id": "B", "to": ALICE}), same_user)
    assert ids(mailbox) == ["A", "C"]
    assert mailbox.post(message("D", ALICE)).seq == 4


def test_an_ack_settles_the_message_of_the_sender_that_it_names() -> None:
    mailbox = Mailbox()
    mailbox.post(message("A", ALICE))
    mailbox.post(message("A", BOB))
    ack = Node("ack", {"class": "message", "id": "A", "to": BOB})
    assert mailbox.settle_by_ack(ack, same_user)
    assert [letter.node.jid("from") for letter in mailbox] == [ALICE]
    assert not mailbox.settle_by_ack(Node("ack", {"class": "message", "id": "Z"}), same_user)


def test_an_ack_of_another_class_settles_nothing() -> None:
    mailbox = Mailbox()
    mailbox.post(message("A", ALICE))
    assert not mailbox.settle_by_ack(
        Node("ack", {"class": "receipt", "id": "A", "to": ALICE}), same_user
    )
    assert ids(mailbox) == ["A"]


def test_a_receipt_settles_every_message_that_it_lists() -> None:
    mailbox = Mailbox()
    for name in ("A", "B", "C"):
        mailbox.post(message(name, ALICE))
    listed = Node("list", {}, [Node("item", {"id": "C"})])
    receipt = Node("receipt", {"id": "A", "to": ALICE.bare, "type": "read"}, [listed])
    assert mailbox.settle_by_receipt(receipt, same_user) == 2
    assert ids(mailbox) == ["B"]


def test_a_receipt_settles_the_message_and_its_repetition() -> None:
    mailbox = Mailbox()
    mailbox.post(message("A", ALICE), own_copy=True)
    mailbox.post(message("A", ALICE), own_copy=True)
    assert mailbox.settle_by_receipt(Node("receipt", {"id": "A", "to": ALICE}), same_user) == 2
    assert len(mailbox) == 0


def test_asking_for_a_repetition_settles_nothing() -> None:
    mailbox = Mailbox()
    mailbox.post(message("A", ALICE))
    for kind in ("retry", "enc_rekey_retry", "server-error"):
        receipt = Node("receipt", {"id": "A", "to": ALICE, "type": kind})
        assert mailbox.settle_by_receipt(receipt, same_user) == 0


def test_an_own_copy_is_not_settled_by_an_ack() -> None:
    mailbox = Mailbox()
    mailbox.post(message("A", ALICE), own_copy=True)
    ack = Node("ack", {"class": "message", "id": "A", "to": ALICE})
    assert not mailbox.settle_by_ack(ack, same_user)
    assert ids(mailbox) == ["A"]


def test_stanzas_can_be_dropped_for_a_newer_one() -> None:
    mailbox = Mailbox()
    for kind in ("encrypt", "devices", "encrypt"):
        mailbox.post(Node("notification", {"id": kind, "type": kind}))
    mailbox.drop(lambda node: node.get("type") == "encrypt")
    assert ids(mailbox) == ["devices"]
