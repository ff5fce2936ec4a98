"""One kind of message: how Baileys sends it, how we do, and what the other side must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop.kinds.files import Files
from interop.kinds.world import Person, World
from interop.received import Received
from support.linked import Linked
from waport.client.compose import NO_OPTIONS, SendOptions
from waport.client.media_contents import MediaOptions
from waport.model import Message
from waport.model.contents import Content
from waport.proto import pb
from waport.wire import Jid


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case is played.

    Attributes:
        someone: a person to speak of, by hidden id.
        group: a group to speak of.
        files: to send.
    """

    someone: Jid
    group: Jid
    files: Files

    @classmethod
    def of(cls, world: World) -> Place:
        """The place that a world offers."""
        return cls(world.bob.lid, world.group, world.files)


@dataclass(frozen=True, slots=True)
class Native:
    """A content in Baileys' own form.

    Attributes:
        options: of its `sendMessage`.
        stanza_type: instead of the one that Baileys takes; empty for that.
    """

    content: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    stanza_type: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """A content that Baileys has no form for, and what goes along with it.

    Attributes:
        message: as it leaves, but for fields that no schema has.
        unknown: those fields, by number.
        nodes: of the stanza.
    """

    message: pb.Message
    unknown: Mapping[int, bytes] = field(default_factory=dict)
    nodes: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """A content of ours, with options."""

    content: Content
    options: SendOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class OurFile:
    """A file of ours, and how it is to be sent."""

    path: Path
    options: MediaOptions = field(default_factory=MediaOptions)


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of message.

    Attributes:
        name: of the kind.
        expected: what stands in the innermost content, whoever sends it; other fields may too.
        theirs: what Baileys sends; None where it is only to be read.
        ours: what we send; None where we only have to read it.
        source: the file whose bytes arrive, where there is one.
        is_announced: we tell it as a message of its own, rather than as a change.
        is_in_schema: Baileys' schema has all fields.
    """

    name: str
    expected: Callable[[Place], pb.Message]
    theirs: Callable[[Place], Native | Raw] | None = None
    ours: Callable[[Place], Ours | OurFile] | None = None
    source: Callable[[Files], Path] | None = None
    is_announced: bool = True
    is_in_schema: bool = True


async def send_theirs(person: Person, chat: Jid, form: Native | Raw) -> Received:
    """Have Baileys send; what left."""
    match form:
        case Native(content, options, stanza_type):
            return await person.client.send_content(
                str(chat), content, options=options, stanza_type=stanza_type
            )
        case Raw(message, unknown, nodes):
            return await person.client.relay(str(chat), message, unknown=unknown, nodes=list(nodes))


async def send_ours(us: Linked, chat: Jid, form: Ours | OurFile) -> Message:
    """Send from our client; what is stored."""
    match form:
        case Ours(content, options):
            return await us.client.messages.send(chat, content, options)
        case OurFile(path, options):
            made = await us.client.media.content(path, options)
            return await us.client.messages.send(chat, made.content)
