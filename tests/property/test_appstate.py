from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.appstate import KEY_ID, KEYS, LOW, OTHER_ID, Replica, chat, pin, removal
from waport.appstate import (
    EMPTY_HASH,
    CollectionState,
    KeyRing,
    Mutation,
    Operation,
    apply_patch,
    expand_sync_key,
    index_parts,
    index_text,
    open_record,
    parse_patch,
    rebase,
    seal_mutation,
    update_lthash,
)
from waport.appstate.actions import (
    MessageRange,
    MessageRef,
    RangeMessage,
    UnknownAction,
    read_action,
)
from waport.errors import AppStateError, DecodeError
from waport.wire import Jid

MACS = st.lists(st.binary(min_size=32, max_size=32), max_size=8)
STATES = st.binary(min_size=128, max_size=128)
KEY_DATA = st.binary(min_size=32, max_size=32)
TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=8
)
CHATS = st.integers(0, 4)
MUTATIONS = st.builds(
    lambda number, sets, pinned, at: (
        pin(chat(number), pinned, at=at) if sets else removal(chat(number), at=at)
    ),
    CHATS,
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
PATCHES = st.lists(
    st.tuples(st.lists(MUTATIONS, min_size=1, max_size=6), st.sampled_from([KEY_ID, OTHER_ID])),
    min_size=1,
    max_size=6,
)


@given(STATES, MACS, MACS)
def test_what_enters_and_leaves_leaves_no_trace(
    state: bytes, first: list[bytes], second: list[bytes]
) -> None:
    there = update_lthash(state, add=first, subtract=second)
    assert update_lthash(there, add=second, subtract=first) == state
    one_by_one = state
    for mac in first:
        one_by_one = update_lthash(one_by_one, add=[mac])
    for mac in second:
        one_by_one = update_lthash(one_by_one, subtract=[mac])
    assert one_by_one == there


@given(TEXTS)
def test_any_texts_are_an_index_and_back(parts: list[str]) -> None:
    assert index_parts(index_text(parts)) == tuple(parts)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_refused(data: bytes) -> None:
    try:
        parts = index_parts(data)
    except DecodeError:
        return
    assert index_parts(index_text(parts)) == parts


@given(KEY_DATA, MUTATIONS)
def test_any_mutation_is_sealed_and_opened(data: bytes, mutation: Mutation) -> None:
    keys = expand_sync_key(data)
    assert open_record(seal_mutation(mutation, KEY_ID, keys), keys) == mutation


@given(
    st.sampled_from(list(Operation)),
    st.binary(max_size=60),
    st.binary(max_size=60),
    st.integers(-5, 9),
)
def test_any_mutation_is_read_as_something(
    operation: Operation, index: bytes, value: bytes, version: int
) -> None:
    mutation = Mutation(operation, index, value, version, 0)
    action = read_action(mutation)
    if isinstance(action, UnknownAction):
        assert (action.index, action.value) == (index, value)


@given(PATCHES)
def test_any_history_is_followed(patches: list[tuple[list[Mutation], bytes]]) -> None:
    """Whatever is written, with whatever key: others agree, and keep the latest alone."""
    author, other = Replica(), Replica()
    pins: dict[bytes, Mutation] = {}
    shown: dict[bytes, Mutation] = {}
    for mutations, key_id in patches:
        applied = other.apply(author.write(*mutations, key_id=key_id))
        assert applied.agrees
        for source, into in ((mutations, pins), (applied.effects, shown)):
            for mutation in source:
                if mutation.operation is Operation.SET:
                    into[mutation.index] = mutation
                else:
                    into.pop(mutation.index, None)
    assert (other.state, other.value_macs) == (author.state, author.value_macs)
    assert shown == pins
    assert len(other.value_macs) == len(pins)
    assert other.state.lthash == update_lthash(EMPTY_HASH, add=other.value_macs.values())


@given(st.lists(MUTATIONS, min_size=1, max_size=3), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_patch_never_passes_for_another(
    mutations: list[Mutation], at: int, flip: int
) -> None:
    """Either it is refused, or it still says the same (a byte that carries no meaning)."""
    data = bytearray(Replica().write(*mutations))
    expected = Replica().apply(bytes(data))
    data[at % len(data)] ^= flip
    try:
        patch = parse_patch(bytes(data))
        applied = apply_patch(LOW, CollectionState(), patch, KeyRing(KEYS), {}.get)
    except (AppStateError, DecodeError):
        return
    assert applied == expected


@given(st.binary(max_size=150))
def test_no_bytes_are_a_patch_by_chance(data: bytes) -> None:
    with pytest.raises((AppStateError, DecodeError)):
        Replica().apply(data)


@given(st.lists(MUTATIONS, max_size=5), st.lists(MUTATIONS, max_size=5))
def test_every_change_of_ours_is_pending_or_dropped(
    ours: list[Mutation], theirs: list[Mutation]
) -> None:
    pending = {mutation.index: mutation for mutation in ours}
    rebased = rebase(pending.values(), theirs)
    assert {each.index for each in (*rebased.pending, *rebased.dropped)} == pending.keys()
    assert len(rebased.pending) + len(rebased.dropped) == len(pending)
    assert set(rebased.effects) <= set(theirs)


@st.composite
def ranges(draw: st.DrawFn) -> MessageRange:
    times = st.integers(0, 5) | st.none()
    messages = tuple(
        RangeMessage(MessageRef(Jid("1", "lid"), draw(st.sampled_from("ABCDE")), True), draw(times))
        for _ in range(draw(st.integers(0, 4)))
    )
    return MessageRange(draw(st.integers(0, 5)), draw(st.integers(0, 5)), messages)


@given(ranges(), ranges())
def test_a_union_reaches_as_far_as_either(left: MessageRange, right: MessageRange) -> None:
    union = left.union(right)
    assert union.last_message_s == max(left.last_message_s, right.last_message_s)
    assert replace(right.union(left), messages=()) == replace(union, messages=())
    assert left.covers(replace(left, messages=left.messages[:1]))
    for message in (*left.messages, *right.messages):
        if message.timestamp_s is not None:
            assert union.covers(MessageRange(0, 0, (message,)))
