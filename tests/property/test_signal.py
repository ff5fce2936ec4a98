"""Any order of events on two devices; any bytes at all: messages arrive once, or are refused."""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waport.crypto import KeyPair
from waport.errors import CorruptRecord, CryptoError, DecryptError, DecryptFailure
from waport.proto import pb
from waport.signal import (
    Ciphertext,
    LocalIdentity,
    PreKeyBundle,
    SessionRecord,
    SignedPreKey,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    generate_pre_keys,
    pad,
    start_session,
    unpad,
)
from waport.signal.messages import parse_pre_key_message, parse_signal_message

KEPT_CHAINS = 5


@dataclass
class Device:
    local: LocalIdentity
    signed: SignedPreKey
    one_time: dict[int, KeyPair]
    stored: bytes | None = None
    next_one_time: int = 1
    # What was read so far: ratchet keys by session, newest last.
    chains: dict[bytes, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    @property
    def record(self) -> SessionRecord | None:
        return None if self.stored is None else SessionRecord.load(self.stored)

    def bundle(self, with_one_time: bool = True) -> PreKeyBundle:
        key_id = self.next_one_time if with_one_time else None
        key = None
        if key_id is not None:
            self.next_one_time += 1
            key = self.one_time[key_id].public
        local, signed = self.local, self.signed
        return PreKeyBundle(
            local.registration_id,
            local.identity.public,
            signed.id,
            signed.pair.public,
            signed.signature,
            key_id,
            key,
        )

    def send(self, text: bytes) -> Ciphertext:
        assert self.record is not None
        record, ciphertext = encrypt(self.record, text)
        self.stored = record.dump()
        return ciphertext

    def receive(self, ciphertext: Ciphertext) -> bytes:
        if ciphertext.type == "msg":
            record, plaintext = decrypt_message(self.record, ciphertext.body)
            self.stored = record.dump()
            return plaintext
        result = decrypt_pre_key_message(
            self.local,
            self.record,
            ciphertext.body,
            signed_pre_key={self.signed.id: self.signed.pair}.get,
            pre_key=self.one_time.get,
        )
        self.stored = result.record.dump()
        if result.used_pre_key_id is not None:
            del self.one_time[result.used_pre_key_id]
        return result.plaintext


def make_device(registration_id: int) -> Device:
    identity = KeyPair.generate()
    return Device(
        LocalIdentity(identity, registration_id),
        SignedPreKey.create(identity, 1),
        {key.id: key.pair for key in generate_pre_keys(1, 45)},
    )


@dataclass
class Sent:
    receiver: Device
    session: bytes
    ciphertext: Ciphertext
    text: bytes
    is_read: bool = False

    @property
    def ratchet_key(self) -> bytes:
        body = self.ciphertext.body
        if self.ciphertext.type == "msg":
            return parse_signal_message(body).ratchet_key
        return parse_pre_key_message(body).message.ratchet_key

    def deliver(self) -> None:
        """Hand it over, and check that the receiver does what it must."""
        receiver = self.receiver
        known = receiver.chains[self.session]
        before = receiver.stored
        if self.ratchet_key in known[:-KEPT_CHAINS]:
            with pytest.raises(DecryptError):
                receiver.receive(self.ciphertext)
            assert receiver.stored == before
        elif self.is_read:
            with pytest.raises(DecryptError) as refusal:
                receiver.receive(self.ciphertext)
            assert refusal.value.reason is DecryptFailure.DUPLICATE
            assert receiver.stored == before
        else:
            assert receiver.receive(self.ciphertext) == self.text
            self.is_read = True
            if self.ratchet_key not in known:
                known.append(self.ratchet_key)


ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.booleans()),
    st.tuples(st.just("deliver"), st.integers(0, 30)),
    st.tuples(st.just("next"), st.booleans()),
    st.tuples(st.just("lose"), st.integers(0, 30)),
    st.tuples(st.just("start"), st.booleans()),
)


def play(devices: tuple[Device, Device], actions: list[tuple[str, int]], starts: bool) -> None:
    """Play the actions. What was delivered stays in the list, to be delivered again."""
    in_flight: list[Sent] = []
    for number, (action, value) in enumerate(actions):
        if action == "start" and starts:
            device, peer = devices[value], devices[not value]
            bundle = peer.bundle(with_one_time=number % 3 != 0)
            device.stored = start_session(device.local, bundle, device.record).dump()
        elif action == "send":
            device, peer = devices[value], devices[not value]
            if device.record is None:
                continue
            text = f"message {number}".encode()
            in_flight.append(Sent(peer, device.record.base_key, device.send(text), text))
        elif action == "next":
            receiver = devices[value]
            waiting = [s for s in in_flight if s.receiver is receiver and not s.is_read]
            if waiting:
                waiting[0].deliver()
        elif in_flight and action == "deliver":
            in_flight[value % len(in_flight)].deliver()
        elif in_flight and action == "lose":
            del in_flight[value % len(in_flight)]
    for sent in in_flight:
        sent.deliver()


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=60))
def test_one_session_reads_everything_once_in_any_order(actions: list[tuple[str, int]]) -> None:
    devices = make_device(1), make_device(2)
    devices[0].stored = start_session(devices[0].local, devices[1].bundle()).dump()
    play(devices, actions, starts=False)


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=40))
def test_sessions_started_by_either_side_at_any_time_are_all_read(
    actions: list[tuple[str, int]],
) -> None:
    play((make_device(1), make_device(2)), actions, starts=True)


@settings(max_examples=60, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=25), first=st.booleans())
def test_two_devices_settle_on_one_session_once_they_take_turns(
    actions: list[tuple[str, int]], first: bool
) -> None:
    devices = make_device(1), make_device(2)
    devices[0].stored = start_session(devices[0].local, devices[1].bundle()).dump()
    devices[1].stored = start_session(devices[1].local, devices[0].bundle()).dump()
    play(devices, actions, starts=True)
    for sender, receiver in (devices, devices[::-1]) * 2 if first else (devices[::-1], devices) * 2:
        assert receiver.receive(sender.send(b"turn")) == b"turn"
    assert devices[0].record is not None
    assert devices[1].record is not None
    assert devices[0].record.base_key == devices[1].record.base_key


# --- hostile bytes -------------------------------------------------------------------------------


@dataclass
class Scene:
    """Alice opened a session with bob, bob answered, and two more messages are on their way."""

    alice: Device = field(default_factory=lambda: make_device(1))
    bob: Device = field(default_factory=lambda: make_device(2))

    def __post_init__(self) -> None:
        self.one_time = dict(self.bob.one_time)
        self.alice.stored = start_session(self.alice.local, self.bob.bundle()).dump()
        self.pkmsg = self.alice.send(b"hello")
        self.bob.receive(self.pkmsg)
        self.alice.receive(self.bob.send(b"answer"))
        self.late = self.alice.send(b"late")
        self.msg = self.alice.send(b"text")
        assert self.bob.stored is not None
        self.stored = self.bob.stored
        self.record = SessionRecord.load(self.stored)

    def read_pkmsg(self, record: SessionRecord | None, body: bytes) -> bytes:
        return decrypt_pre_key_message(
            self.bob.local,
            record,
            body,
            signed_pre_key={1: self.bob.signed.pair}.get,
            pre_key=self.one_time.get,
        ).plaintext


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
    for data in (body, b"\x33" + body, b"\x33\x0a\x21\x05" + body):
        with pytest.raises(DecryptError):
            decrypt_message(SCENE.record, data)
        with pytest.raises(DecryptError):
            SCENE.read_pkmsg(SCENE.record, data)


@settings(max_examples=600, deadline=None)
@given(mutations=MUTATIONS)
def test_a_mutated_msg_is_refused_or_unchanged(mutations: list[tuple[int, int]]) -> None:
    body = mutated(SCENE.msg.body, mutations)
    if body == SCENE.msg.body:
        assert decrypt_message(SCENE.record, body)[1] == b"text"
    else:
        with pytest.raises(DecryptError):
            decrypt_message(SCENE.record, body)


@settings(max_examples=200, deadline=None)
@given(mutations=MUTATIONS)
def test_a_mutated_pkmsg_never_gives_another_text(mutations: list[tuple[int, int]]) -> None:
    # The registration id is not authenticated, so a changed pkmsg may still be readable.
    try:
        plaintext = SCENE.read_pkmsg(None, mutated(SCENE.pkmsg.body, mutations))
    except DecryptError:
        return
    assert plaintext == b"hello"


@settings(max_examples=200, deadline=None)
@given(mutations=MUTATIONS, cut=st.integers(0, 400))
def test_a_damaged_record_is_corrupt(mutations: list[tuple[int, int]], cut: int) -> None:
    for damaged in (mutated(SCENE.stored, mutations), SCENE.stored[:cut]):
        if damaged != SCENE.stored:
            with pytest.raises(CorruptRecord):
                SessionRecord.load(damaged)


@settings(max_examples=600, deadline=None)
@given(mutations=MUTATIONS, archived=st.booleans())
def test_even_a_record_with_a_fitting_checksum_gives_only_our_errors(
    mutations: list[tuple[int, int]], archived: bool
) -> None:
    record = SCENE.record.closed() if archived else SCENE.record
    body = mutated(record.dump()[:-4], mutations)
    stored = body + zlib.crc32(body).to_bytes(4, "big")
    try:
        loaded = SessionRecord.load(stored)
        assert SessionRecord.load(loaded.dump()) == loaded
        repr(loaded)
        loaded, _ = decrypt_message(loaded, SCENE.msg.body)
        loaded, _ = decrypt_message(SessionRecord.load(loaded.dump()), SCENE.late.body)
        encrypt(loaded, b"answer")
    except (CorruptRecord, CryptoError):
        pass


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_no_record(data: bytes) -> None:
    with pytest.raises(CorruptRecord):
        SessionRecord.load(data)
    body = b"\x01\x01\x00" + len(data).to_bytes(4, "big") + data
    with pytest.raises(CorruptRecord):
        SessionRecord.load(body + zlib.crc32(body).to_bytes(4, "big"))


@settings(max_examples=200, deadline=None)
@given(
    key=st.binary(min_size=32, max_size=32),
    counter=st.integers(0, 0xFFFFFFFE),
    previous=st.integers(0, 0xFFFFFFFF),
    ciphertext=st.binary(max_size=300),
    unknown=st.lists(st.tuples(st.integers(9, 5000), st.binary(max_size=20)), max_size=3),
)
def test_the_parser_agrees_with_the_protobuf_runtime(
    key: bytes,
    counter: int,
    previous: int,
    ciphertext: bytes,
    unknown: list[tuple[int, bytes]],
) -> None:
    theirs = pb.SignalMessage(
        ratchetKey=b"\x05" + key, counter=counter, previousCounter=previous, ciphertext=ciphertext
    ).SerializeToString()
    for number, content in unknown:
        tag = number << 3 | 2
        varint = bytes((tag & 0x7F | 0x80, tag >> 7 & 0x7F | 0x80, tag >> 14))
        theirs += varint + bytes((len(content),)) + content
    pb.SignalMessage.FromString(theirs)
    message = parse_signal_message(b"\x33" + theirs + bytes(8))
    assert message[:3] == (key, counter, ciphertext)


@given(plaintext=st.binary(max_size=100), drawn=st.integers(0, 255))
def test_padding_comes_off_again(plaintext: bytes, drawn: int) -> None:
    assert unpad(pad(plaintext, lambda size: bytes((drawn,)) * size)) == plaintext


@given(padded=st.binary(max_size=40))
def test_unpadding_arbitrary_bytes_gives_a_prefix_or_our_error(padded: bytes) -> None:
    try:
        plaintext = unpad(padded)
    except DecryptError:
        return
    fill = len(padded) - len(plaintext)
    assert padded == plaintext + bytes((fill,)) * fill
