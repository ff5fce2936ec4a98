"""Texts and link previews."""

from __future__ import annotations

from dataclasses import dataclass, field

from .context import NO_CONTEXT, Context


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """The large picture of a link preview, uploaded as a file of its own.

    Attributes:
        direct_path: where it lies on the media hosts.
        media_key: 32 bytes.
        key_timestamp: Unix seconds.
        sha256: of the picture.
        enc_sha256: of the encrypted file.
        width, height: pixels.
    """

    direct_path: str
    media_key: bytes = field(default=b"", repr=False)
    key_timestamp: int = 0
    sha256: bytes = b""
    enc_sha256: bytes = b""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """What is shown below a text with a link.

    Attributes:
        matched_text: the link, exactly as it stands in the text.
        title, description: of the page.
        thumbnail: a small JPEG.
        image: a large picture.
    """

    matched_text: str
    title: str = ""
    description: str = ""
    thumbnail: bytes = field(default=b"", repr=False)
    image: PreviewImage | None = None


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a status text is painted: colours as 0xAARRGGBB, `font` as a number of the schema."""

    text_argb: int = 0
    background_argb: int = 0
    font: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A text.

    Attributes:
        text: the text.
        preview: the preview of a link in it.
        style: in a status.
        is_plain: it came in the short form that has room for nothing else.
        context: quote, mentions, forwarding, timer.
        extra: fields beyond these, as a serialized protobuf.
    """

    text: str
    preview: LinkPreview | None = None
    style: TextStyle | None = None
    is_plain: bool = False
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


def fallback_text(body: str, title: str = "", footer: str = "") -> str:
    """Buttons or a list as a text, for accounts that may send neither."""
    return "\n\n".join(part for part in (title, body, footer) if part)
