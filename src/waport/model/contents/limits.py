"""What WhatsApp accepts, checked before a content is sent.

These are limits of the product; the server does not enforce all of them, so they are settings.
Received contents are never checked against them.

Source: docs/protocol/messages.md, "Limits".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...errors import InvalidInput
from .cards import ChannelInvite, Contact, Contacts, GroupInvite, LiveLocation, Location
from .changes import ChatTimer, Edit, Pin, PinAction, Reaction
from .context import Context
from .keys import TargetKey
from .media import Album, Audio, Document, Image, MediaFile, Sticker, Video
from .polls import Event, Poll
from .text import Text

if TYPE_CHECKING:
    from . import Content

MAX_TEXT: Final = 65_536
"""Characters of a text."""

MAX_CAPTION: Final = 1024
"""Characters below a file."""

MAX_MEDIA_BYTES: Final = 100 * 1024 * 1024
"""Bytes of a picture, film or sound; official clients offer 16 MB in older versions."""

MAX_DOCUMENT_BYTES: Final = 2 * 1024**3
"""Bytes of a document."""

MAX_STICKER_BYTES: Final = 1024 * 1024
"""Bytes of a sticker; official clients make them at most 100 KB, animated ones 500 KB."""

MIN_POLL_OPTIONS: Final = 2
MAX_POLL_OPTIONS: Final = 12
"""Answers of a poll."""

MAX_REACTION: Final = 32
"""Code points of a reaction: one emoji may be made of many."""

WAVEFORM_POINTS: Final = 64
"""Loudnesses of a voice note, each from 0 to 100."""

VOICE_MIMETYPE: Final = "audio/ogg; codecs=opus"
"""The one form of voice notes that phones play."""

STICKER_MIMETYPES: Final = frozenset({"image/webp", "application/was"})
"""Still and animated WebP, and zipped Lottie."""

PIN_DURATIONS_S: Final = (86_400, 604_800, 2_592_000)
"""How long a pin may hold: a day, a week, 30 days."""

TIMERS_S: Final = (0, 86_400, 604_800, 7_776_000)
"""How long messages may stay: for ever, a day, a week, 90 days."""

MAX_PINS: Final = 3
"""Pinned messages in one chat."""

MANY_TIMES: Final = 4
"""A forwarding score above this is shown as "many times"."""

MAX_FORWARD_CHATS: Final = 5
"""Chats that a message is forwarded to at once; one chat if it was forwarded many times."""

MAX_PACK_STICKERS: Final = 60
"""Stickers of a pack."""

MAX_GROUP_SIZE: Final = 1024
"""Members of a group."""

EDIT_WINDOW_S: Final = 15 * 60
"""How long after a message its author may begin an edit."""

EDIT_ACCEPT_WINDOW_S: Final = 20 * 60
"""How long after a message others accept an edit."""

REVOKE_WINDOW_S: Final = 60 * 3600
"""How long after a message its author may take it back: 2 days and 12 hours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that an operator may want to change; sizes in bytes, texts in characters."""

    text: int = MAX_TEXT
    caption: int = MAX_CAPTION
    media_bytes: int = MAX_MEDIA_BYTES
    document_bytes: int = MAX_DOCUMENT_BYTES
    sticker_bytes: int = MAX_STICKER_BYTES
    poll_options: int = MAX_POLL_OPTIONS


LIMITS: Final = Limits()
"""The limits of the product."""


def check_content(content: Content, limits: Limits = LIMITS) -> None:
    """Refuse a content that WhatsApp would refuse or garble.

    Raises:
        InvalidInput: says what is wrong with it.
    """
    match content:
        case Text():
            _check_text(content, limits)
        case Image() | Video():
            _check_file(content.file, limits.media_bytes)
            _check_caption(content.caption, limits)
        case Audio():
            _check_audio(content, limits)
        case Document():
            _check_file(content.file, limits.document_bytes)
            _check_caption(content.caption, limits)
        case Sticker():
            _check_file(content.file, limits.sticker_bytes)
            _require(content.file.mimetype in STICKER_MIMETYPES, "a sticker is a WebP file")
        case Album():
            _require(content.images + content.videos >= 2, "an album has at least two files")
        case Contact():
            _check_contact(content)
        case Contacts():
            _require(bool(content.contacts), "a list of contacts is not empty")
            for contact in content.contacts:
                _check_contact(contact)
        case Location():
            _check_place(content.latitude, content.longitude)
        case LiveLocation():
            _check_place(content.latitude, content.longitude)
            _check_caption(content.caption, limits)
        case GroupInvite():
            _require(content.group is not None and content.group.is_group, "no group to invite to")
            _require(bool(content.code), "an invitation has a code")
            _check_caption(content.caption, limits)
        case ChannelInvite():
            channel = content.channel
            _require(channel is not None and channel.is_newsletter, "no channel to invite to")
            _check_caption(content.caption, limits)
        case Poll():
            _check_poll(content, limits)
        case Event():
            _check_event(content, limits)
        case _:
            _check_change(content, limits)
    context = getattr(content, "context", None)
    if isinstance(context, Context):
        _check_context(context)


def _check_change(content: Content, limits: Limits) -> None:
    match content:
        case Reaction():
            _require(len(content.text) <= MAX_REACTION, "a reaction is one emoji")
        case Edit():
            check_content(content.content, limits)
        case Pin():
            held = content.duration_s in PIN_DURATIONS_S
            _require(
                held if content.action is PinAction.PIN else content.duration_s == 0,
                f"a pin holds for one of {PIN_DURATIONS_S} seconds",
            )
        case ChatTimer():
            _require(content.expiration_s in TIMERS_S, f"a timer is one of {TIMERS_S} in seconds")
    for name in ("target", "poll", "event"):
        target = getattr(content, name, None)
        if isinstance(target, TargetKey):
            _require(bool(target.id), "the message named has an id")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise InvalidInput(otherwise)


def _check_text(content: Text, limits: Limits) -> None:
    _require(len(content.text) <= limits.text, f"a text has at most {limits.text} characters")
    preview = content.preview
    if preview is not None:
        _require(bool(preview.matched_text), "a preview names the link it is for")
        _require(preview.matched_text in content.text, "the previewed link stands in the text")


def _check_caption(caption: str, limits: Limits) -> None:
    _require(len(caption) <= limits.caption, f"a caption has at most {limits.caption} characters")


def _check_file(file: MediaFile, most: int) -> None:
    _require(bool(file.mimetype), "a file has a mimetype")
    _require(bool(file.direct_path or file.url), "the file was not uploaded")
    _require(len(file.media_key) in (0, 32), "a media key has 32 bytes")
    _require(len(file.sha256) == 32, "the file's SHA-256 has 32 bytes")
    # Files of channels are not encrypted.
    encrypted = 32 if file.media_key else 0
    _require(len(file.enc_sha256) in {encrypted, 32}, "the encrypted file's SHA-256 has 32 bytes")
    _require(0 <= file.length <= most, f"the file has at most {most} bytes")


def _check_audio(content: Audio, limits: Limits) -> None:
    _check_file(content.file, limits.media_bytes)
    if content.is_voice:
        _require(content.file.mimetype == VOICE_MIMETYPE, f"a voice note is {VOICE_MIMETYPE}")
    wave = content.waveform
    _require(
        not wave or (len(wave) == WAVEFORM_POINTS and max(wave) <= 100),
        f"a waveform has {WAVEFORM_POINTS} points from 0 to 100",
    )


def _check_contact(contact: Contact) -> None:
    _require(bool(contact.vcard), "a contact has a vCard")


def _check_place(latitude: float, longitude: float) -> None:
    for name, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"the {name} is a number")
        _require(math.isfinite(value) and abs(value) <= most, f"the {name} is -{most} to {most}")


def _check_poll(poll: Poll, limits: Limits) -> None:
    options = poll.options
    _require(bool(poll.name), "a poll has a question")
    _require(
        MIN_POLL_OPTIONS <= len(options) <= limits.poll_options,
        f"a poll has {MIN_POLL_OPTIONS} to {limits.poll_options} answers",
    )
    _require(all(options), "an answer is not empty")
    _require(len(set(options)) == len(options), "the answers of a poll differ")
    _require(0 <= poll.selectable <= len(options), "no more can be chosen than there are answers")
    if poll.is_quiz:
        _require(poll.correct in options, "a quiz has a right answer")


def _check_event(event: Event, limits: Limits) -> None:
    _require(bool(event.name), "an event has a name")
    _require(len(event.description) <= limits.text, "the description is too long")
    _require(event.starts_at > 0, "an event has a start")
    _require(not event.ends_at or event.ends_at >= event.starts_at, "an event ends after its start")
    if event.location is not None:
        _check_place(event.location.latitude, event.location.longitude)


def _check_context(context: Context) -> None:
    _require(context.quote is None or bool(context.quote.id), "a quote names its message")
