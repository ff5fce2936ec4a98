"""Contents: what is written is read, and what is read loses nothing, whatever it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message as Protobuf
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings
from hypothesis import strategies as st

from support.contents import SAMPLES
from waport.errors import DecodeError
from waport.model.contents import (
    Ballot,
    Context,
    Disappearing,
    Document,
    Edit,
    Event,
    GroupMention,
    Image,
    Interactive,
    ListMenu,
    ListRow,
    ListSection,
    Location,
    MediaFile,
    MessageInfo,
    Poll,
    Quote,
    Reaction,
    TargetKey,
    Text,
    TimerInitiator,
    TimerTrigger,
)
from waport.model.contents.business import FlowButton
from waport.proto import pb
from waport.stanza.addons import Original, cast_vote, open_vote
from waport.stanza.contents import decode, encode, quote, read_message, write_message
from waport.stanza.contents.traits import traits
from waport.stanza.reporting import reported_bytes
from waport.stanza.tally import chosen_options, tally
from waport.wire import Jid

EXAMPLES = settings(max_examples=120, deadline=None)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = texts.filter(bool)
data = st.binary(max_size=40)
uint32 = st.integers(0, 2**32 - 1)
seconds = st.integers(0, 2**40)
users = st.integers(10**9, 10**14).map(str)
people = st.builds(Jid, users, st.sampled_from(["lid", "s.whatsapp.net"]))
groups = st.builds(Jid, users, st.just("g.us"))
hashes = st.binary(min_size=32, max_size=32)

quotes = st.builds(
    Quote,
    names,
    st.none() | people,
    st.none() | groups,
    st.builds(lambda text: pb.Message(conversation=text).SerializeToString(), texts),
)
contexts = st.builds(
    Context,
    quote=st.none() | quotes,
    mentions=st.lists(people, max_size=3).map(tuple),
    mentions_everyone=st.booleans(),
    group_mentions=st.lists(st.builds(GroupMention, groups, texts), max_size=2).map(tuple),
    is_forwarded=st.booleans(),
    forwarding_score=uint32,
    expiration_s=uint32,
    timer_set_at=seconds,
    disappearing=st.none()
    | st.builds(
        Disappearing,
        st.sampled_from(TimerInitiator),
        st.sampled_from(TimerTrigger),
        st.booleans(),
    ),
)
files = st.builds(
    MediaFile,
    mimetype=names,
    url=texts,
    direct_path=names,
    media_key=hashes,
    sha256=hashes,
    enc_sha256=hashes,
    length=st.integers(0, 10**6),
    key_timestamp=seconds,
)
targets = st.builds(TargetKey, names, st.none() | groups, st.booleans(), st.none() | people)
texts_in_messages = st.builds(Text, texts, context=contexts)
images = st.builds(Image, files, texts, uint32, uint32, data, st.booleans(), contexts)
degrees = st.floats(-90, 90)
locations = st.builds(
    Location, degrees, degrees, texts, texts, texts, uint32, st.booleans(), texts, data, contexts
)
contents = st.one_of(
    texts_in_messages,
    images,
    st.builds(Document, files, texts, texts, uint32, texts, data, contexts),
    locations,
    st.builds(
        Poll,
        names,
        st.lists(names, min_size=2, max_size=12, unique=True).map(tuple),
        st.integers(0, 2),
        hides_names=st.booleans(),
        context=contexts,
    ),
    st.builds(Event, names, texts, st.integers(1, 9), st.integers(9, 99), st.none() | locations),
    st.builds(Reaction, targets, st.text("👍🏽é", max_size=4), seconds),
    st.builds(Edit, targets, texts_in_messages | images, seconds),
    st.builds(
        ListMenu,
        texts,
        texts,
        sections=st.lists(
            st.builds(
                ListSection, texts, st.lists(st.builds(ListRow, texts, texts, texts)).map(tuple)
            ),
            max_size=3,
        ).map(tuple),
        context=contexts,
    ),
    st.builds(
        Interactive,
        texts,
        texts,
        texts,
        texts,
        st.none() | images,
        st.lists(st.builds(FlowButton, texts, texts), max_size=3).map(tuple),
        context=contexts,
    ),
)


@EXAMPLES
@given(contents)
def test_a_content_is_read_as_it_was_written(content: Any) -> None:
    wire = encode(content, MessageInfo(bytes(32))).SerializeToString()
    decoded = read_message(pb.Message.FromString(wire))
    assert decoded.content == content
    assert decoded.info == MessageInfo(bytes(32))


@EXAMPLES
@given(contents)
def test_reading_what_was_written_and_writing_it_again_changes_nothing(content: Any) -> None:
    message = encode(content)
    assert write_message(read_message(message)) == message


# --- hostile bytes -------------------------------------------------------------------------------


def holds(whole: Any, part: Any) -> bool:
    """Whether all that is set in a protobuf is set in the other one, the unknown included."""
    for described, value in part.ListFields():
        other = getattr(whole, described.name)
        if described.name == "viewOnce":
            continue  # the wrapper decides
        if isinstance(value, Protobuf):
            if not whole.HasField(described.name) or not holds(other, value):
                return False
        elif described.is_repeated and described.message_type is not None:
            if len(other) != len(value) or not all(map(holds, other, value)):
                return False
        # A number that is none equals itself here.
        elif other != value and repr(other) != repr(value):
            return False
    return unknown(whole) == unknown(part)


def unknown(part: Any) -> list[str]:
    return shown(UnknownFieldSet(part))


def shown(fields: Any) -> list[str]:
    """Unknown fields in a form that can be compared; wire type 3 is a group of more of them."""
    return sorted(
        f"{each.field_number} {each.wire_type} "
        f"{shown(each.data) if each.wire_type == 3 else each.data}"
        for each in fields
    )


seeds = st.sampled_from([encode(content).SerializeToString() for content in SAMPLES.values()])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good content with bytes changed, or with another one's fields appended."""
    wire = bytearray(draw(seeds))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)))):
        if wire:
            wire[at % len(wire)] = value
    return bytes(wire) + draw(seeds | st.just(b"") | st.just(b"\xfa\x3e\x02hi"))


@st.composite
def wrapped(draw: st.DrawFn) -> bytes:
    """The same inside wrappers that carry something themselves."""
    wire = draw(damaged())
    for name in draw(st.lists(st.sampled_from(["ephemeralMessage", "viewOnceMessageV2"]))):
        outer = pb.Message()
        try:
            getattr(outer, name).message.MergeFromString(wire)
        except ProtobufError:
            break
        if draw(st.booleans()):
            outer.messageContextInfo.messageSecret = draw(data)
        wire = outer.SerializeToString()
    return wire


@settings(max_examples=400, deadline=None)
@given(damaged() | wrapped())
def test_reading_any_content_loses_nothing(wire: bytes) -> None:
    message = pb.Message()
    try:
        message.ParseFromString(wire)
    except ProtobufError:
        return
    try:
        decoded = read_message(message)
    except DecodeError:
        return
    written = write_message(decoded)
    assert holds(written, message)
    assert write_message(read_message(written)) == written
    traits(message)
    quote(message, "3EB0AA", Jid("1001", "lid"))


@EXAMPLES
@given(st.binary(max_size=80) | damaged())
def test_cutting_for_a_report_gives_a_part_or_is_refused(wire: bytes) -> None:
    try:
        cut = reported_bytes(wire)
    except DecodeError:
        return
    assert len(cut) <= len(wire) + 16
    assert reported_bytes(cut) == cut


# --- votes ---------------------------------------------------------------------------------------

options = st.lists(names, min_size=2, max_size=12, unique=True).map(tuple)


@EXAMPLES
@given(options, st.data(), people, people, hashes)
def test_a_vote_says_what_was_chosen(
    answers: tuple[str, ...], drawn: st.DataObject, author: Jid, voter: Jid, secret: bytes
) -> None:
    chosen = drawn.draw(st.lists(st.sampled_from(answers), unique=True))
    poll = Poll("q", answers, 0)
    original = Original("3EB0AA", (author,), secret)
    vote = cast_vote(poll, chosen, TargetKey("3EB0AA"), original, [voter], timestamp_ms=1)
    opened = open_vote(vote, original, [voter])
    assert set(chosen_options(poll, opened)) == set(chosen)


@EXAMPLES
@given(options, st.data())
def test_a_tally_does_not_depend_on_the_order_of_arrival(
    answers: tuple[str, ...], drawn: st.DataObject
) -> None:
    poll = Poll("q", answers, 0)
    ages = drawn.draw(st.lists(st.integers(0, 10**9), unique=True, max_size=8))
    voters = [Jid(str(number), "lid") for number in range(3)]
    ballots = [
        Ballot(
            drawn.draw(st.sampled_from(voters)),
            tuple(drawn.draw(st.lists(hashes, max_size=2))),
            age,
        )
        for age in ages
    ]
    shuffled = drawn.draw(st.permutations(ballots))
    once = {option.name: set(option.voters) for option in tally(poll, ballots)}
    again = {option.name: set(option.voters) for option in tally(poll, shuffled)}
    assert once == again


@EXAMPLES
@given(contents, contexts)
def test_a_changed_attribute_is_written_whatever_else_was_kept(
    content: Any, context: Context
) -> None:
    if not hasattr(content, "context"):
        return
    wire = encode(content)
    changed: Any = replace(decode(wire), context=replace(context, group_mentions=()))  # type: ignore[call-arg]
    assert decode(encode(changed)) == changed
