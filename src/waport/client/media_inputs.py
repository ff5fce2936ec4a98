"""What people and messages say of a file, read with care: base64, mimetype, name."""

from __future__ import annotations

import binascii
import mimetypes
import re

from ..errors import InvalidInput

MAX_INLINE = 64 * 1024 * 1024
"""Characters of base64 that are decoded; the body of a request holds less."""

UNKNOWN_TYPE = "application/octet-stream"
"""The mimetype of bytes of which nothing is known."""

_SLICE = 1024 * 1024  # a multiple of four; no step holds up the other threads for long
_BLANKS = b" \t\r\n\f\v"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_DATA_URL = re.compile(r"data:[^,;]{0,200}(?:;[^,;]{1,200}){0,8},", re.IGNORECASE)
_TYPE = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MIMETYPE = re.compile(rf"{_TYPE}/{_TYPE}")
_PARAMETERS = re.compile(r"(?:; ?[A-Za-z0-9_.-]{1,64}=[A-Za-z0-9_.+/, -]{1,128}){0,4}")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_GENERIC = frozenset(
    (
        UNKNOWN_TYPE,
        "binary/octet-stream",
        "application/binary",
        "application/download",
        "application/force-download",
        "application/x-download",
    )
)

# A table of its own: what the machine's files say would differ from one server to the next.
_TYPES = mimetypes.MimeTypes()
_OFFICE = "application/vnd.openxmlformats-officedocument"
for _mimetype, _suffix in (
    (f"{_OFFICE}.wordprocessingml.document", ".docx"),
    (f"{_OFFICE}.spreadsheetml.sheet", ".xlsx"),
    (f"{_OFFICE}.presentationml.presentation", ".pptx"),
    ("application/vnd.oasis.opendocument.text", ".odt"),
    ("application/vnd.oasis.opendocument.spreadsheet", ".ods"),
    ("application/vnd.android.package-archive", ".apk"),
    ("application/epub+zip", ".epub"),
    ("audio/ogg", ".ogg"),
    ("image/webp", ".webp"),
    ("text/markdown", ".md"),
):
    _TYPES.add_type(_mimetype, _suffix)


def decode_base64(text: str, max_chars: int = MAX_INLINE) -> bytes:
    """The bytes that a base64 text stands for.

    Both alphabets are read, with or without padding and line breaks, and what a `data:` URL has in
    front of it is dropped. Large texts belong into a thread.

    Raises:
        InvalidInput: it is no base64, or too long.
    """
    if len(text) > max_chars:
        raise InvalidInput(f"the base64 has more than {max_chars} characters")
    head = _DATA_URL.match(text)
    try:
        digits = text[0 if head is None else head.end() :].encode("ascii")
        digits = digits.translate(_TO_STANDARD, _BLANKS)
        padding = len(digits) - len(digits := digits.rstrip(b"="))
        if padding > 2:
            raise InvalidInput("the text is no base64")
        digits += b"=" * (-len(digits) % 4)
        return b"".join(
            binascii.a2b_base64(digits[at : at + _SLICE], strict_mode=True)
            for at in range(0, len(digits), _SLICE)
        )
    except (UnicodeEncodeError, binascii.Error) as exc:
        raise InvalidInput("the text is no base64") from exc


def clean_mimetype(text: str) -> str:
    """A mimetype in lower case and without parameters.

    Raises:
        InvalidInput: the text is none.
    """
    mimetype = text.partition(";")[0].strip()
    if _MIMETYPE.fullmatch(mimetype) is None:
        raise InvalidInput("the mimetype is none")
    return mimetype.lower()


def shown_mimetype(text: str) -> str:
    """The mimetype that a received message claims, fit to stand in a header."""
    mimetype, mark, parameters = text.partition(";")
    if _MIMETYPE.fullmatch(mimetype.strip()) is None:
        return UNKNOWN_TYPE
    is_usable = _PARAMETERS.fullmatch(mark + parameters) is not None
    return mimetype.strip().lower() + (mark + parameters if is_usable else "")


def clean_file_name(text: str) -> str:
    """A file's name without folders and what can't be seen; may be empty."""
    name = _NOT_IN_NAMES.sub("", text.replace("\\", "/")).rpartition("/")[2].strip()
    name = name[-255:] if len(name) > 255 else name
    return "" if not name.strip(".") else name


def is_generic(mimetype: str) -> bool:
    """Whether a server says by this mimetype only that it does not know."""
    return not mimetype or mimetype in _GENERIC


def type_by_name(file_name: str) -> str | None:
    """The mimetype that belongs to a name's extension, None for an unknown one."""
    return _TYPES.guess_type(f"file{_extension(file_name)}", strict=False)[0]


def name_by_type(mimetype: str) -> str:
    """A name for a file that has none."""
    return f"file{_TYPES.guess_extension(mimetype, strict=False) or ''}"


def _extension(file_name: str) -> str:
    dot = file_name.rpartition(".")
    return f".{dot[2].lower()}" if dot[1] and re.fullmatch(r"[A-Za-z0-9]{1,10}", dot[2]) else ""
