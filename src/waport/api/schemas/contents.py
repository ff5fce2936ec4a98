"""What can be sent: the forms of `content`, one for each `contentType`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from ...model.contents import Event, Location, Poll, Text, fallback_text
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, defined, optional, required
from ..kinds import (
    ADDRESS,
    ANYTHING,
    BOOLEAN,
    NUMBER,
    TEXT,
    TEXTS,
    list_of,
    nested,
)

_MAX_UNIX_S: Final = 10**11
"""A larger number of seconds is one of milliseconds."""


@body
class FileContent:
    """A file; `data` is base64, with or without the head of a `data:` URL."""

    missing: ClassVar[str] = "content.mimetype and content.data are required"

    mimetype: str = required("mimetype", TEXT, example="image/png")
    data: str = required("data", TEXT)
    file_name: str | None = optional("filename", TEXT, default=None)
    file_size: object = optional("filesize", ANYTHING, default=None, note="Not looked at.")


@body
class AttachedFile(FileContent):
    """A file whose caption is the text that it is sent with."""

    missing: ClassVar[str] = "invalid media options"


@body
class PlaceDescription:
    """What is said of a place."""

    name: str = optional("name", TEXT, default="")
    address: str = optional("address", TEXT, default="")
    url: str = optional("url", TEXT, default="")


_PLACE_DESCRIPTION: Final = nested(PlaceDescription)


def _described(value: object, name: str) -> PlaceDescription:
    if isinstance(value, str):
        return PlaceDescription(name=value)
    return _PLACE_DESCRIPTION.read(value, name)


def _degrees(most: int) -> Kind[float]:
    def read(value: object, name: str) -> float:
        degrees = NUMBER.read(value, name)
        if abs(degrees) > most:
            raise InvalidRequest(f"{name} must be a number from -{most} to {most}")
        return degrees

    return Kind(read, {"type": "number", "minimum": -most, "maximum": most})


@body
class PlaceContent:
    """A place."""

    missing: ClassVar[str] = "content.latitude and content.longitude are required"

    latitude: float = defined("latitude", _degrees(90))
    longitude: float = defined("longitude", _degrees(180))
    description: PlaceDescription = optional(
        "description",
        Kind(_described, {"anyOf": [{"type": "string"}, _PLACE_DESCRIPTION.schema]}),
        default=PlaceDescription(),
    )

    def content(self) -> Location:
        """As it is sent."""
        about = self.description
        return Location(
            self.latitude, self.longitude, name=about.name, address=about.address, url=about.url
        )


def _secret(value: object, name: str) -> bytes:
    numbers = _NUMBERS.read(value, name)
    if len(numbers) != 32 or not all(n in range(256) for n in numbers):
        raise InvalidRequest(f"{name} must be an array of 32 bytes")
    return bytes(int(n) for n in numbers)


_NUMBERS: Final = list_of(NUMBER)
_SECRET: Final = Kind(_secret, _NUMBERS.schema)


@body
class PollOptions:
    """How a poll is held."""

    several: bool = optional("allowMultipleAnswers", BOOLEAN, default=False)
    secret: bytes = optional(
        "messageSecret", _SECRET, default=b"", note="32 bytes; made up when left out."
    )


@body
class PollContent:
    """A question with 2 to 12 answers."""

    missing: ClassVar[str] = "content.pollName and content.pollOptions are required"

    name: str = required("pollName", TEXT)
    answers: tuple[str, ...] = required("pollOptions", TEXTS)
    options: PollOptions = optional("options", nested(PollOptions), default=PollOptions())

    @property
    def secret(self) -> bytes:
        """What votes need; empty when it is to be made up."""
        return self.options.secret

    def content(self) -> Poll:
        """As it is sent."""
        answers = tuple(answer.strip() for answer in self.answers)
        return Poll(self.name.strip(), answers, selectable=0 if self.options.several else 1)


@body
class MenuContent:
    """Buttons or a list. WhatsApp does not show them any more, so a text is sent instead."""

    missing: ClassVar[str] = "content.body is required"

    words: str = required("body", TEXT)
    title: str = optional("title", TEXT, default="")
    footer: str = optional("footer", TEXT, default="")

    @property
    def text(self) -> str:
        """The text that stands for it."""
        return fallback_text(self.words, self.title, self.footer)

    def content(self) -> Text:
        """As it is sent."""
        return Text(self.text)


@body
class CardContent:
    """Somebody's contact card."""

    missing: ClassVar[str] = "content.contactId is required"

    contact: Jid = required("contactId", ADDRESS, example="15551234567@c.us")


def _time(value: object, name: str) -> int:
    """Unix seconds: from a number of seconds or milliseconds, or an ISO 8601 text."""
    if isinstance(value, str) and "-" in value[1:]:
        try:
            when = datetime.fromisoformat(value.strip())
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise InvalidRequest(f"{name} must be a time") from None
    else:
        seconds = NUMBER.read(value, name)
        seconds = seconds / 1000 if seconds >= _MAX_UNIX_S else seconds
    if not 0 < seconds < _MAX_UNIX_S:
        raise InvalidRequest(f"{name} must be a time")
    return math.floor(seconds)


_TIME: Final = Kind(_time, {"type": ["number", "string"]})


def _call_type(value: object, name: str) -> str:
    word = TEXT.read(value, name)
    if word not in ("", "none"):
        raise InvalidRequest(f"{name} must be none: links to calls cannot be made")
    return word


@body
class EventOptions:
    """What is said of an event."""

    description: str = optional("description", TEXT, default="")
    ends_at: int = optional("endTime", _TIME, default=0)
    place: str = optional("location", TEXT, default="")
    call_type: str = optional(
        "callType", Kind(_call_type, {"type": "string", "enum": ["none"]}), default="none"
    )
    is_canceled: bool = optional("isEventCanceled", BOOLEAN, default=False)
    secret: bytes = optional(
        "messageSecret", _SECRET, default=b"", note="32 bytes; made up when left out."
    )


@body
class EventContent:
    """Something that is to happen; a time is Unix seconds, milliseconds or an ISO 8601 text."""

    missing: ClassVar[str] = "content.name and content.startTime are required"

    name: str = required("name", TEXT)
    starts_at: int = required("startTime", _TIME)
    options: EventOptions = optional("options", nested(EventOptions), default=EventOptions())

    @property
    def secret(self) -> bytes:
        """What answers need; empty when it is to be made up."""
        return self.options.secret

    def content(self) -> Event:
        """As it is sent."""
        about = self.options
        return Event(
            self.name.strip(),
            description=about.description,
            starts_at=self.starts_at,
            ends_at=about.ends_at,
            location=Location(0, 0, name=about.place) if about.place else None,
            is_canceled=about.is_canceled,
        )


FILE: Final = nested(FileContent)
MENU: Final = nested(MenuContent)
CARD: Final = nested(CardContent)
PLACE: Final = nested(PlaceContent)
POLL: Final = nested(PollContent)
EVENT: Final = nested(EventContent)
ATTACHED: Final = nested(AttachedFile)

CONTENT_KINDS: Final[Mapping[str, Kind[Any]]] = {
    "string": TEXT,
    "MessageMedia": FILE,
    "MessageMediaFromURL": TEXT,
    "Location": PLACE,
    "Poll": POLL,
    "Contact": CARD,
    "Buttons": MENU,
    "List": MENU,
    "ScheduledEvent": EVENT,
}
"""The form of `content` for each `contentType`."""
