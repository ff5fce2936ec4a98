"""Sounds made into voice notes: Ogg with Opus, one channel, as phones record them.

Source: docs/protocol/messages.md, "Voice notes".
"""

from __future__ import annotations

import io
from typing import Final

from ..errors import MediaError
from . import probing
from .probe_files import BoundedFile, Source, audio_type

RATE: Final = 48_000
BITS_PER_S: Final = 32_000
"""What official clients record with, roughly."""


async def make_voice(source: Source) -> bytes:
    """A sound as a voice note.

    Raises:
        MediaError: it is no sound, can't be decoded, or the library for it is not installed.
        TimeoutError, ProbeStopped: it takes too long.
    """
    return await probing.in_pool(_encode, source)


def _encode(file: BoundedFile) -> bytes:
    mimetype = audio_type(file.head())
    if mimetype is None:
        raise MediaError("not an audio file")
    if not probing.has_av():
        raise MediaError("a voice note must be an Ogg file with Opus in it")
    from . import probe_av  # large: loaded only when it is needed

    out = io.BytesIO()
    try:
        with probe_av.open_media(file, mimetype) as sound:
            probe_av.encode_opus(sound, out, file.check, rate=RATE, bits_per_s=BITS_PER_S)
    except probing.LIBRARY_ERRORS as exc:
        raise MediaError("the sound cannot be decoded") from exc
    return out.getvalue()
