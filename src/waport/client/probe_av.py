"""Videos and waveforms through PyAV, the optional extra `media`; import it only where it is there.

The container is always named to the library: see `probe_files`.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from PIL import Image

from .probe_files import BoundedFile, ProbeStopped

WAVEFORM_POINTS = 64
MAX_PIXELS = 36_000_000
"""Of one frame: a little more than 8K."""

_LENIENT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
"""Older versions refuse files whose tags are not UTF-8 unless they are told otherwise."""

_MAX_PACKETS = 600
"""Looked at for the first picture."""

_RATES = (2000, 384_000)
"""Samples per second that a sound may have."""

_RATE = 8000
_BLOCK = 400
"""Samples that make one loudness value: 50 ms."""

_FORMATS = {
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
    "audio/flac": "flac",
    "audio/mp4": "mp4",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/webm": "matroska",
    "audio/x-caf": "caf",
    "audio/x-ms-wma": "asf",
    "video/3gpp": "mp4",
    "video/mp4": "mp4",
    "video/mpeg": "mpeg",
    "video/ogg": "ogg",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
    "video/x-msvideo": "avi",
}


class Undecodable(ValueError):
    """The library can't make sense of a file."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What the video stream of a file is.

    Attributes:
        width: in pixels, as shown.
        height: the same.
        seconds: None when the file does not say.
        frame: a small picture of the beginning; None when none can be decoded.
    """

    width: int
    height: int
    seconds: float | None
    frame: Image.Image | None


def read_video(file: BoundedFile, mimetype: str, side: int) -> Picture | None:
    """Size, duration and first picture of a video; None when there is no video stream.

    Args:
        side: the longer side of the picture, in pixels.

    Raises:
        Undecodable, ValueError, OSError: the file is damaged, or the time is over.
    """
    with open_media(file, mimetype) as container:
        if not container.streams.video:
            return None
        stream = container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        seconds = _seconds(container)
        if not 0 < width * height <= MAX_PIXELS:
            return Picture(max(width, 0), max(height, 0), seconds, None)
        stream.codec_context.thread_count = 1
        # The frames themselves may claim another size than the container.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        for number, packet in enumerate(container.demux(stream)):
            file.check()
            for frame in packet.decode():
                scale = side / max(frame.width, frame.height, side)
                small: Image.Image = cast(Any, frame).to_image(
                    width=max(round(frame.width * scale), 1),
                    height=max(round(frame.height * scale), 1),
                )
                if frame.rotation % 180:
                    width, height = height, width
                return Picture(width, height, seconds, small.rotate(frame.rotation, expand=True))
            if number >= _MAX_PACKETS:
                break
        return Picture(width, height, seconds, None)


def read_seconds(file: BoundedFile, mimetype: str) -> float | None:
    """How long a file plays, None when it does not say.

    Raises:
        Undecodable, ValueError, OSError: the file is damaged, or the time is over.
    """
    with open_media(file, mimetype) as container:
        return _seconds(container)


def read_waveform(file: BoundedFile, mimetype: str) -> bytes | None:
    """The loudness of a voice note over its time: 64 values from 0 to 100.

    Returns:
        None when there is no sound.

    Raises:
        Undecodable, ValueError, OSError: the file is damaged, or the time is over.

    Source: docs/protocol/messages.md, "Voice notes".
    """
    with open_media(file, mimetype) as container:
        if not container.streams.audio:
            return None
        blocks = list(_loudness(container, file))
    if not blocks:
        return None
    return waveform(blocks)


def waveform(blocks: list[int]) -> bytes:
    """Loudness values of equal stretches, brought to 64 and to the range 0 to 100."""
    count = len(blocks)
    points = []
    for point in range(WAVEFORM_POINTS):
        start = point * count // WAVEFORM_POINTS
        end = max((point + 1) * count // WAVEFORM_POINTS, start + 1)
        points.append(sum(blocks[start:end]) / (end - start))
    loudest = max(points)
    if loudest <= 0:
        return bytes(WAVEFORM_POINTS)
    return bytes(int(100 * value / loudest) for value in points)


def encode_opus(
    sound: InputContainer,
    target: BinaryIO,
    check: Callable[[], None],
    *,
    rate: int,
    bits_per_s: int,
) -> None:
    """Write a sound as Ogg with Opus, in one channel.

    Args:
        check: called between steps; raises when it takes too long.

    Raises:
        Undecodable: there is no sound in it.
    """
    if not sound.streams.audio:
        raise Undecodable("no sound")
    resampler = AudioResampler(format="s16", layout="mono", rate=rate)
    with av.open(target, mode="w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=rate, layout="mono")
        stream.bit_rate = bits_per_s
        for frame in sound.decode(audio=0):
            check()
            _check_rate(frame.sample_rate)
            for piece in resampler.resample(frame):
                out.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))


def _check_rate(rate: int) -> None:
    if not _RATES[0] <= rate <= _RATES[1]:
        # A filter for an absurd rate takes minutes to set up.
        raise Undecodable(f"{rate} samples in a second")


def _loudness(container: InputContainer, file: BoundedFile) -> Iterator[int]:
    resampler = AudioResampler(format="s16", layout="mono", rate=_RATE)
    samples = array("h")
    for frame in container.decode(audio=0):
        file.check()
        _check_rate(frame.sample_rate)
        for piece in resampler.resample(frame):
            samples.frombytes(bytes(piece.planes[0])[: piece.samples * 2])
        full = len(samples) // _BLOCK * _BLOCK
        for start in range(0, full, _BLOCK):
            yield sum(map(abs, samples[start : start + _BLOCK]))
        del samples[:full]


def _seconds(container: InputContainer) -> float | None:
    if container.duration is None or container.duration < 0:
        return None
    return float(Fraction(container.duration, av.time_base))


@contextlib.contextmanager
def open_media(file: BoundedFile, mimetype: str) -> Iterator[InputContainer]:
    """A file as the library reads it.

    Raises:
        Undecodable: it can't be read, here or in the body of the context.
    """
    file.seek(0)
    try:
        with av.open(
            file,
            mode="r",
            format=_FORMATS[mimetype],
            io_open=_refuse,
            **_LENIENT,
        ) as container:
            yield container
    except av.FFmpegError as exc:
        raise Undecodable(f"{type(exc).__name__} in {mimetype}") from exc


def _refuse(url: str, flags: int, options: object) -> object:
    """Nothing in a file may make the library open another one."""
    raise ProbeStopped(f"a media file refers to another one: {url[:100]}")
