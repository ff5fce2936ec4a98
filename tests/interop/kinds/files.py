"""The files that are sent, one of each kind; made here."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from support.files import film, picture, sound

STICKER_SIZE = (512, 512)

THUMBNAIL = picture("JPEG", (16, 16))
"""A small picture. Baileys can't make one here, so it is given."""


def _moving(size: tuple[int, int]) -> bytes:
    """An animated WebP of three frames."""
    out = io.BytesIO()
    frames = [Image.new("RGB", size, (shade, 0, 0)) for shade in (0, 100, 200)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of files, by what they are."""

    jpeg: Path
    mp4: Path
    mp3: Path
    opus: Path
    pdf: Path
    text: Path
    webp: Path
    animated_webp: Path

    @classmethod
    def make(cls, folder: Path) -> Files:
        """Write them all; the videos last two seconds, the sounds one."""
        contents = {
            "jpeg": ("photo.jpg", picture("JPEG")),
            "mp4": ("film.mp4", film()),
            "mp3": ("song.mp3", sound("mp3", "libmp3lame", 1)),
            "opus": ("voice.ogg", sound("ogg", "libopus", 1)),
            "pdf": ("a paper.pdf", PDF),
            "text": ("notes.txt", "Größe: 12 €\n".encode() * 1000),
            "webp": ("still.webp", picture("WEBP", STICKER_SIZE, "RGBA")),
            "animated_webp": ("moving.webp", _moving(STICKER_SIZE)),
        }
        for name, data in contents.values():
            (folder / name).write_bytes(data)
        return cls(**{kind: folder / name for kind, (name, _) in contents.items()})


def sha256(path: Path) -> str:
    """Of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def as_bytes(data: bytes) -> dict[str, str]:
    """Bytes as the driver takes them inside JSON."""
    return {"$bytes": base64.b64encode(data).decode()}
