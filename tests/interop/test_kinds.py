"""Every kind of message, in a private chat and in a group, from Baileys to us and back.

What arrives is what was sent, field by field; files arrive with all their bytes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.kinds.case import Case, Place, send_ours, send_theirs
from interop.kinds.compare import (
    assert_has,
    assert_means,
    assert_same,
    media_part,
    without_keys,
)
from interop.kinds.files import sha256
from interop.kinds.table import OURS, THEIRS
from interop.kinds.world import Person, World
from interop.received import Received
from support.linked import Linked
from waport.model import Message, MessageAdded
from waport.proto import pb
from waport.stanza.contents import decode
from waport.wire import Jid

pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("kinds"),
    pytest.mark.asyncio(loop_scope="module"),
]

in_both = pytest.mark.parametrize("in_group", [False, True], ids=["private", "group"])


def named(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    """A test for each of these kinds."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


async def read_by_us(us: Linked, sender: Person, chat: Jid, sent: Received, case: Case) -> Message:
    """The stored message, once it has come."""
    if case.is_announced:
        return await us.wait_id(sent.id)
    # It is told as nothing, so a text behind it shows that it has come.
    to = chat if chat.is_group else us.lid
    await sender.client.send_text(str(to), f"behind {sent.id}")
    await us.wait_text(f"behind {sent.id}")
    message = await us.client.messages.get(chat, sent.id)
    assert message is not None
    assert sent.id not in {event.message.key.id for event in us.events.of(MessageAdded)}
    return message


async def read_by_baileys(
    person: Person, message_id: str, sent: pb.Message, case: Case
) -> Received:
    """The message as it came, once it has come: what was decrypted is what was sent."""
    received = await person.client.wait_message(message_id)
    plaintext = person.client.plaintexts(message_id)[-1]
    assert without_keys(pb.Message.FromString(plaintext)) == without_keys(sent)
    if case.is_in_schema:
        assert_same(received.message, sent)
    return received


def assert_arrived(found: str, message: pb.Message, source: Path) -> None:
    """A file has the bytes that the message promises, and those of its source."""
    assert found == media_part(message).fileSha256.hex() == sha256(source)


@in_both
@named(THEIRS)
async def test_we_read_what_baileys_sends(
    world: World, case: Case, in_group: bool, tmp_path: Path
) -> None:
    place, alice = Place.of(world), world.alice
    assert case.theirs is not None
    to = world.group if in_group else world.us.lid
    sent = await send_theirs(alice, to, case.theirs(place))
    assert_has(sent.message, case.expected(place))

    message = await read_by_us(world.us, alice, world.group if in_group else alice.jid, sent, case)
    assert_same(message.proto(), sent.message)
    assert (message.key.sender, message.key.from_me) == (alice.jid, False)
    assert message.key.chat == (world.group if in_group else alice.jid)
    if case.ours is not None:
        assert_means(decode(message.proto()), case.ours(place))
    if case.source is not None:
        await world.us.client.media.download(message, tmp_path / "file")
        assert_arrived(sha256(tmp_path / "file"), sent.message, case.source(world.files))
    if in_group:
        read = await read_by_baileys(world.bob, sent.id, sent.message, case)
        assert read.key["participant"] == str(alice.lid)


@in_both
@named(OURS)
async def test_baileys_reads_what_we_send(world: World, case: Case, in_group: bool) -> None:
    place = Place.of(world)
    assert case.ours is not None
    to = world.group if in_group else world.alice.jid
    stored = await send_ours(world.us, to, case.ours(place))
    sent = stored.proto()
    assert_has(sent, case.expected(place))

    readers = [world.alice, world.bob] if in_group else [world.alice]
    for reader in readers:
        received = await read_by_baileys(reader, stored.key.id, sent, case)
        if in_group:
            assert (received.chat, received.key["participant"]) == (
                str(world.group),
                str(world.us.lid),
            )
        if case.source is not None:
            digest, length = await reader.client.download(received)
            assert length == media_part(sent).fileLength
            assert_arrived(digest, sent, case.source(world.files))


@named(THEIRS)
async def test_baileys_reads_what_baileys_sends(world: World, case: Case) -> None:
    """Else a failure of the tests above is not ours."""
    place = Place.of(world)
    assert case.theirs is not None
    sent = await send_theirs(world.alice, world.bob.lid, case.theirs(place))
    received = await read_by_baileys(world.bob, sent.id, sent.message, case)
    assert_has(received.message, case.expected(place))
    if case.source is not None:
        digest, _ = await world.bob.client.download(received)
        assert_arrived(digest, sent.message, case.source(world.files))
