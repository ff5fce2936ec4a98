from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from waport.connection import Dead, DeadReason, KeepAliveDue
from waport.errors import ConnectionClosed
from waport.wire import Node

if TYPE_CHECKING:
    from .conftest import Link

PING = Node("iq", {"id": "1.2-3", "type": "get", "xmlns": "w:p"})
PONG = Node("iq", {"id": "1.2-3", "type": "result"})
ACK = Node("ack", {"id": "1", "class": "notification"})


def ping(link: Link) -> None:
    link.send(PING)


def pong(link: Link) -> None:
    link.receive(link.frame(PONG))


# --- the handshake --------------------------------------------------------------------------------


def test_before_the_start_there_is_no_deadline(fresh: Link) -> None:
    assert fresh.connection.next_deadline() is None
    assert fresh.connection.check_timers(1e9) == []


def test_the_server_has_twenty_seconds_for_the_handshake(fresh: Link) -> None:
    fresh.start()
    assert fresh.wait(19.9) == []
    assert fresh.wait(0.1) == [Dead(DeadReason.HANDSHAKE_TIMEOUT)]
    assert fresh.connection.next_deadline() is None
    with pytest.raises(ConnectionClosed, match="handshake timeout"):
        fresh.receive(b"\x00")


def test_trickling_bytes_do_not_stretch_the_handshake(fresh: Link) -> None:
    answer = fresh.start()
    for position in range(19):
        fresh.receive(answer[position : position + 1])
        assert fresh.wait(1.0) == []
    assert fresh.wait(1.0) == [Dead(DeadReason.HANDSHAKE_TIMEOUT)]


def test_a_completed_handshake_ends_its_deadline(fresh: Link) -> None:
    answer = fresh.start()
    fresh.wait(19.0)
    fresh.receive(answer)
    assert fresh.connection.check_timers(fresh.now + 10) == []


# --- pings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "interval"), [(0x00, 15.0), (0xFF, 30.0), (0x80, 15 + 15 * 0x8080 / 0xFFFF)]
)
def test_the_ping_interval_is_drawn_between_fifteen_and_thirty_seconds(
    make_link: type[Link], share: int, interval: float
) -> None:
    link = make_link(ping_share=share).open()
    assert link.wait(interval - 0.01) == []
    assert link.wait(0.02) == [KeepAliveDue()]


def test_an_answered_ping_is_followed_by_the_next_one(link: Link) -> None:
    for _ in range(10):
        assert link.wait(15.0) == [KeepAliveDue()]
        ping(link)
        pong(link)
    assert link.connection.is_open


def test_no_ping_is_due_while_data_keeps_arriving(link: Link) -> None:
    for _ in range(30):
        assert link.wait(5.0) == []
        pong(link)


def test_part_of_a_frame_counts_as_a_sign_of_life(link: Link) -> None:
    frame = link.frame(PONG)
    ping(link)
    assert link.wait(14.0) == []
    link.receive(frame[:1])
    assert link.wait(14.0) == []


def test_a_skipped_ping_is_made_up_for_after_the_next_interval(link: Link) -> None:
    link.wait(14.0)
    pong(link)
    assert link.wait(15.9) == []
    assert link.wait(0.2) == [KeepAliveDue()]


def test_an_empty_message_is_no_sign_of_life(link: Link) -> None:
    link.wait(14.0)
    link.receive(b"")
    assert link.wait(1.0) == [KeepAliveDue()]


# --- death ----------------------------------------------------------------------------------------


def test_an_unanswered_ping_is_death_after_twenty_seconds(make_link: type[Link]) -> None:
    link = make_link(ping_share=0xFF).open()
    assert link.wait(30.0) == [KeepAliveDue()]
    ping(link)
    assert link.wait(19.9) == []
    assert link.wait(0.2) == [Dead(DeadReason.SILENCE)]
    assert not link.connection.is_open
    with pytest.raises(ConnectionClosed, match="no answer"):
        ping(link)


def test_death_counts_from_the_first_unanswered_send(make_link: type[Link]) -> None:
    """Sending all the time must not hide that nobody answers."""
    link = make_link(ping_share=0xFF).open()
    started = link.now
    events: list[object] = []
    while link.connection.is_open:
        link.send(ACK)
        events += link.wait(1.0)
        if events == [KeepAliveDue()]:
            ping(link)
    assert events == [KeepAliveDue(), Dead(DeadReason.SILENCE)]
    assert link.now == started + 20.0


def test_a_byte_within_the_twenty_seconds_saves_the_link(link: Link) -> None:
    frame = link.frame(PONG)
    link.wait(15.0)
    ping(link)
    link.wait(19.9)
    link.receive(frame[:1])
    assert Dead(DeadReason.SILENCE) not in link.wait(15.0)


@pytest.mark.parametrize("share", [0x00, 0x80, 0xFF])
def test_a_quiet_line_whose_last_send_needs_no_answer_is_not_dead(
    make_link: type[Link], share: int
) -> None:
    """The server does not answer acks, so the ping must come before the ack is held against it."""
    link = make_link(ping_share=share).open()
    for _ in range(5):
        pong(link)
        link.now += 0.05
        link.send(ACK)
        while KeepAliveDue() not in link.wait(1.0):
            assert link.connection.is_open
        ping(link)
        link.now += 1.0
    assert link.connection.is_open


def test_without_a_send_there_is_no_death(link: Link) -> None:
    events = link.wait(300.0)
    assert set(events) == {KeepAliveDue()}
    assert link.connection.is_open


def test_a_late_wake_up_pings_before_it_gives_up(link: Link) -> None:
    """A machine that slept looks like a dead link, but its socket may hold what arrived."""
    link.send(ACK)
    link.now += 3600.0
    assert link.connection.check_timers(link.now) == [KeepAliveDue()]
    ping(link)
    assert link.wait(4.9) == []
    pong(link)
    assert link.wait(5.0) == []
    assert link.connection.is_open


def test_a_late_wake_up_to_a_dead_link_gives_up_soon(link: Link) -> None:
    link.send(ACK)
    link.now += 3600.0
    assert link.connection.check_timers(link.now) == [KeepAliveDue()]
    ping(link)
    assert link.wait(5.1) == [Dead(DeadReason.SILENCE)]


def test_checking_early_or_often_changes_nothing(link: Link) -> None:
    for _ in range(149):
        link.now += 0.1
        assert link.connection.check_timers(link.now) == []
    link.now += 0.2
    assert link.connection.check_timers(link.now) == [KeepAliveDue()]
    assert link.connection.check_timers(link.now) == []


def test_every_deadline_makes_progress(make_link: type[Link]) -> None:
    link = make_link(ping_share=0x33).open()
    link.send(ACK)
    for _ in range(50):
        deadline = link.connection.next_deadline()
        if deadline is None:
            break
        link.now = max(link.now, deadline)
        link.connection.check_timers(link.now)
        following = link.connection.next_deadline()
        assert following is None or following > link.now
