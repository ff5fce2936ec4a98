"""Files of every kind, made here: nothing in them is anybody's."""

from __future__ import annotations

import io
import math
import struct
import zlib
from array import array

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image


def picture(
    kind: str, size: tuple[int, int] = (200, 100), mode: str = "RGB", **save: object
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **save)  # type: ignore[arg-type]
    return out.getvalue()


def moving(kind: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), (shade, 0, 0)) for shade in (0, 100, 200)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def sound(container: str, codec: str, seconds: float = 3, rate: int = 48_000) -> bytes:
    """A tone that grows louder."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate)
        total = int(seconds * rate)
        for start in range(0, total, 960):
            count = min(960, total - start)
            samples = array("h", (0 for _ in range(count)))
            for at in range(count):
                time = (start + at) / rate
                samples[at] = int(20_000 * time / seconds * math.sin(time * 2 * math.pi * 440))
            frame = av.AudioFrame(format="s16", layout="mono", samples=count)
            room = frame.planes[0].buffer_size
            frame.planes[0].update(samples.tobytes().ljust(room, b"\0"))
            frame.sample_rate, frame.pts = rate, start
            for piece in resampler.resample(frame):
                file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return out.getvalue()


def film(container: str = "mp4", codec: str = "mpeg4", size: tuple[int, int] = (320, 240)) -> bytes:
    """Two seconds."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for shade in range(50):
            file.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", size, (shade, 9, 9)))))
        file.mux(stream.encode(None))
    return out.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def webp_that_claims(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_that_grows(width: int, height: int) -> bytes:
    """An animation whose last picture claims to be that large."""
    gif = bytearray(moving("GIF"))
    at = gif.rindex(b"\x2c\0\0\0\0") + 5
    gif[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(gif)
