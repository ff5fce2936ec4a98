"""When a message came how far with a person."""

from __future__ import annotations

import pytest

from waport.client.receipt_times import ReceiptTimes, raised, times_of
from waport.model import Ack, AddOn, AddOnKind, MessageKey
from waport.wire import Jid

CHAT = Jid("15559990000", "s.whatsapp.net")
KEY = MessageKey(CHAT, "M1", True, Jid("15550001111", "s.whatsapp.net"))
NOW = 1_700_000_000


def receipt(data: bytes, at: int = NOW) -> AddOn:
    return AddOn(KEY, AddOnKind.RECEIPT, CHAT, KEY, data, at * 1000)


def after(*steps: tuple[Ack, int]) -> AddOn | None:
    known: AddOn | None = None
    for level, time in steps:
        data = raised(known, level, time)
        known = known if data is None else receipt(data, time)
    return known


def times(*steps: tuple[Ack, int]) -> ReceiptTimes | None:
    known = after(*steps)
    assert known is not None
    return times_of(known)


def test_each_step_has_its_time() -> None:
    assert times((Ack.DELIVERED, 10)) == ReceiptTimes(Ack.DELIVERED, 10, None, None)
    assert times((Ack.DELIVERED, 10), (Ack.READ, 20)) == ReceiptTimes(Ack.READ, 10, 20, None)
    steps = ((Ack.DELIVERED, 10), (Ack.READ, 20), (Ack.PLAYED, 30))
    assert times(*steps) == ReceiptTimes(Ack.PLAYED, 10, 20, 30)


def test_a_step_that_was_never_told_has_the_time_of_the_next() -> None:
    assert times((Ack.READ, 20)) == ReceiptTimes(Ack.READ, 20, 20, None)
    assert times((Ack.PLAYED, 30)) == ReceiptTimes(Ack.PLAYED, 30, 30, 30)
    assert times((Ack.DELIVERED, 10), (Ack.PLAYED, 30)) == ReceiptTimes(Ack.PLAYED, 10, 30, 30)


def test_nothing_is_told_twice_or_backwards() -> None:
    known = after((Ack.READ, 20))
    assert raised(known, Ack.READ, 30) is None
    assert raised(known, Ack.DELIVERED, 30) is None
    assert raised(known, Ack.PLAYED, 30) is not None


@pytest.mark.parametrize("level", [Ack.ERROR, Ack.PENDING, Ack.SERVER])
def test_what_the_server_says_is_no_receipt(level: Ack) -> None:
    assert raised(None, level, 10) is None


def test_receipts_from_before_the_times_were_kept_count() -> None:
    old = receipt(bytes([Ack.READ]), at=50)
    assert times_of(old) == ReceiptTimes(Ack.READ, 50, 50, None)
    assert raised(old, Ack.DELIVERED, 60) is None
    data = raised(old, Ack.PLAYED, 60)
    assert data is not None
    assert times_of(receipt(data, 60)) == ReceiptTimes(Ack.PLAYED, 50, 50, 60)


@pytest.mark.parametrize("data", [b"", bytes([9]), bytes([3]) + bytes(5)])
def test_odd_data_says_no_more_than_it_does(data: bytes) -> None:
    found = times_of(receipt(data))
    assert found is None or found.played_at is None
    raised(receipt(data), Ack.PLAYED, 2**40)
