"""The `media` event: an incoming message with its file.

Files are large. The log keeps the event without the file, and whoever delivers it later puts that
in; the text is put together by hand, since base64 needs no look at each of its characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..errors import InvalidInput
from ..model import MediaFetched
from ..wire import Jid
from .frames import Frame
from .rawdata import compact_json

_START = '{"messageMedia":{"mimetype":'
_NO_DATA = ',"data":null,'


def media_frame(event: MediaFetched, message: Mapping[str, object]) -> Frame:
    """The frame of an event, in the lane of its chat.

    Args:
        message: the message as it is to be shown.
    """
    media = {
        "mimetype": event.mimetype,
        "data": event.data,
        "filename": event.file_name or None,
        "filesize": event.size,
    }
    shown = {"messageMedia": {**media, "data": None}, "message": message}
    logged = compact_json(shown)
    text = logged if event.data is None else with_file(logged, event.data)
    lane = str(event.message.key.chat)
    return Frame("media", lane, {**shown, "messageMedia": media}, text, logged)


def with_file(logged: str, data: str) -> str:
    """A logged event with its file.

    Args:
        data: base64.
    Raises:
        InvalidInput: that is no event without its file.
    """
    # The media type may hold any text; the first quote that no backslash hides ends it.
    _, end = json.JSONDecoder().raw_decode(logged, len(_START)) if _is_media(logged) else ("", 0)
    if not logged.startswith(_NO_DATA, end):
        raise InvalidInput("not a media event")
    return f'{logged[:end]},"data":"{data}",{logged[end + len(_NO_DATA) :]}'


def wanted_file(logged: str, max_bytes: int) -> tuple[Jid, str] | None:
    """The chat and the id of the message whose file a logged event lacks; None when it lacks none.

    Args:
        max_bytes: larger files are left out.
    """
    if not _is_media(logged):
        return None
    event = json.loads(logged)
    size = event["messageMedia"]["filesize"]
    if size is None or size > max_bytes:
        return None
    key = event["message"]["_data"]["key"]
    return Jid.parse(key["remoteJid"]), key["id"]


def _is_media(logged: str) -> bool:
    return logged.startswith(_START)
