"""Any order of sends, joins, rotations and deliveries; any bytes at all: read once, or refused."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waport.crypto import sign
from waport.errors import CorruptRecord, CryptoError, DecodeError, DecryptError, DecryptFailure
from waport.signal import (
    SenderKeyRecord,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    distribution_message,
    encrypt_group,
    parse_distribution,
)

KEPT_CHAINS = 5


@dataclass(frozen=True)
class Sent:
    chain_id: int
    iteration: int
    body: bytes
    text: bytes


@dataclass
class Sender:
    stored: bytes = field(default_factory=lambda: create_sender_key().dump())

    def tell(self) -> bytes:
        return distribution_message(SenderKeyRecord.load(self.stored))

    def rotate(self) -> None:
        self.stored = create_sender_key().dump()

    def send(self, text: bytes) -> Sent:
        before = SenderKeyRecord.load(self.stored)
        after, body = encrypt_group(before, text)
        self.stored = after.dump()
        return Sent(before.chain_id, before.states[0].iteration, body, text)


@dataclass
class Member:
    stored: bytes | None = None
    # The first iteration that can be read, by chain, newest last.
    told: dict[int, int] = field(default_factory=dict)
    read: set[tuple[int, int]] = field(default_factory=set)

    @property
    def record(self) -> SenderKeyRecord | None:
        return None if self.stored is None else SenderKeyRecord.load(self.stored)

    def hear(self, distribution: bytes) -> None:
        parsed = parse_distribution(distribution)
        self.stored = accept_distribution(self.record, parsed).dump()
        if parsed.chain_id not in self.told:
            self.told[parsed.chain_id] = parsed.iteration
            for forgotten in list(self.told)[:-KEPT_CHAINS]:
                del self.told[forgotten]

    def deliver(self, sent: Sent) -> None:
        """Hand it over, and check that it is read or refused as it must be."""
        before = self.stored
        place = sent.chain_id, sent.iteration
        expected = None
        if sent.chain_id not in self.told:
            expected = DecryptFailure.NO_SESSION
        elif sent.iteration < self.told[sent.chain_id] or place in self.read:
            expected = DecryptFailure.DUPLICATE
        if expected is not None:
            with pytest.raises(DecryptError) as refusal:
                decrypt_group(self.record, sent.body)
            assert refusal.value.reason is expected
            assert self.stored == before
            return
        record, text = decrypt_group(self.record, sent.body)
        assert text == sent.text
        self.stored = record.dump()
        self.read.add(place)


ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.just(0), st.just(0)),
    st.tuples(st.just("deliver"), st.integers(0, 2), st.integers(0, 30)),
    st.tuples(st.just("tell"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("tell late"), st.integers(0, 2), st.integers(0, 10)),
    st.tuples(st.just("rotate"), st.just(0), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=60))
def test_members_read_exactly_what_they_were_told_and_once(
    actions: list[tuple[str, int, int]],
) -> None:
    sender, members = Sender(), (Member(), Member(), Member())
    messages: list[Sent] = []
    distributions = [sender.tell()]
    for number, (action, who, value) in enumerate(actions):
        if action == "send":
            distributions.append(sender.tell())
            messages.append(sender.send(b"%d" % number))
        elif action == "rotate":
            sender.rotate()
        elif action == "tell":
            members[who].hear(sender.tell())
        elif action == "tell late":
            distribution = distributions[value % len(distributions)]
            # One that was dropped may be told again and is then a new chain with unread messages.
            parsed = parse_distribution(distribution)
            if parsed.chain_id not in members[who].told:
                members[who].read = {p for p in members[who].read if p[0] != parsed.chain_id}
            members[who].hear(distribution)
        elif messages:
            members[who].deliver(messages[value % len(messages)])
    for member in members:
        for sent in messages:
            member.deliver(sent)


@dataclass
class Scene:
    """A member that has read one message, has one to come late, and gets the next one now."""

    sender: Sender = field(default_factory=Sender)
    member: Member = field(default_factory=Member)

    def __post_init__(self) -> None:
        self.distribution = self.sender.tell()
        self.member.hear(self.distribution)
        self.late = self.sender.send(b"late")
        self.member.deliver(self.sender.send(b"read"))
        self.sent = self.sender.send(b"text")
        assert self.member.stored is not None
        self.stored = self.member.stored
        self.record = SenderKeyRecord.load(self.stored)
        self.private = SenderKeyRecord.load(self.sender.stored).states[0].signing_private

    def signed(self, message: bytes) -> bytes:
        return message + sign(self.private, message)


SCENE = Scene()
MUTATIONS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4)


def mutated(data: bytes, mutations: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for position, value in mutations:
        changed[position % len(changed)] = value
    return bytes(changed)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_with_our_error(body: bytes) -> None:
    for data in (body, b"\x33" + body, b"\x33" + body + bytes(64)):
        with pytest.raises(DecryptError):
            decrypt_group(SCENE.record, data)


@settings(max_examples=400, deadline=None)
@given(mutations=MUTATIONS)
def test_a_mutated_message_is_refused_or_unchanged(mutations: list[tuple[int, int]]) -> None:
    body = mutated(SCENE.sent.body, mutations)
    if body == SCENE.sent.body:
        assert decrypt_group(SCENE.record, body)[1] == b"text"
    else:
        with pytest.raises(DecryptError):
            decrypt_group(SCENE.record, body)


@settings(max_examples=200, deadline=None)
@given(mutations=MUTATIONS, cut=st.integers(0, 60))
def test_whatever_the_sender_itself_signs_gives_only_our_errors(
    mutations: list[tuple[int, int]], cut: int
) -> None:
    message = mutated(SCENE.sent.body[:-64], mutations)[: 1 + cut]
    try:
        record, _ = decrypt_group(SCENE.record, SCENE.signed(message))
    except DecryptError:
        return
    assert SenderKeyRecord.load(record.dump()) == record


@settings(max_examples=300, deadline=None)
@given(mutations=MUTATIONS, cut=st.integers(0, 90))
def test_a_mutated_distribution_gives_a_usable_record_or_our_error(
    mutations: list[tuple[int, int]], cut: int
) -> None:
    try:
        parsed = parse_distribution(mutated(SCENE.distribution, mutations)[:cut])
    except DecodeError:
        return
    record = accept_distribution(SCENE.record, parsed)
    assert SenderKeyRecord.load(record.dump()) == record
    with pytest.raises(DecryptError):
        decrypt_group(accept_distribution(None, parsed), b"\x33" + bytes(70))


@settings(max_examples=200, deadline=None)
@given(mutations=MUTATIONS, cut=st.integers(0, 400))
def test_a_damaged_record_is_corrupt(mutations: list[tuple[int, int]], cut: int) -> None:
    for damaged in (mutated(SCENE.stored, mutations), SCENE.stored[:cut]):
        if damaged != SCENE.stored:
            with pytest.raises(CorruptRecord):
                SenderKeyRecord.load(damaged)


@settings(max_examples=400, deadline=None)
@given(mutations=MUTATIONS, own=st.booleans())
def test_even_a_record_with_a_fitting_checksum_gives_only_our_errors(
    mutations: list[tuple[int, int]], own: bool
) -> None:
    body = mutated((SCENE.sender.stored if own else SCENE.stored)[:-4], mutations)
    try:
        record = SenderKeyRecord.load(body + zlib.crc32(body).to_bytes(4, "big"))
        assert SenderKeyRecord.load(record.dump()) == record
        repr(record)
        if own:
            encrypt_group(record, b"answer")
        for sent in (SCENE.sent, SCENE.late):
            decrypt_group(record, sent.body)
    except (CorruptRecord, CryptoError):
        pass
