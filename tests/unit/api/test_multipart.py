"""Forms with files, read as their bytes arrive."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waport.api.multipart import (
    MAX_HEADER,
    MAX_HEADERS,
    FormReader,
    MalformedForm,
    PartEnd,
    PartHead,
    boundary_of,
)

HEAD = b"Content-Disposition: form-data; name=\"a\"; filename*=x''%ff"

Parts = list[tuple[PartHead, bytes]]


def part(name: str, content: bytes, more: str = "", headers: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n{headers}'
    return b"--b\r\n" + head.encode() + b"\r\n" + content + b"\r\n"


def read(pieces: Iterable[bytes], boundary: str = "b") -> tuple[Parts, bool]:
    """All parts, and whether the form is whole."""
    reader = FormReader(boundary)
    parts: Parts = []
    open_part: tuple[PartHead, list[bytes]] | None = None
    for piece in pieces:
        for event in reader.feed(piece):
            match event:
                case PartHead():
                    assert open_part is None
                    open_part = event, []
                case bytes():
                    assert event
                    assert open_part is not None
                    open_part[1].append(event)
                case PartEnd():
                    assert open_part is not None
                    parts.append((open_part[0], b"".join(open_part[1])))
                    open_part = None
    return parts, reader.is_done


def contents(body: bytes) -> list[tuple[str, bytes]]:
    parts, is_done = read([body])
    assert is_done
    return [(head.name, content) for head, content in parts]


def test_parts_come_in_order_with_their_heads() -> None:
    body = part("a", b"1") + part("f", b"\x00\xff", '; filename="x.bin"', "Content-Type: a/b\r\n")
    parts, is_done = read([body + b"--b--\r\n"])
    assert is_done
    assert parts == [
        (PartHead("a", None, ""), b"1"),
        (PartHead("f", "x.bin", "a/b"), b"\x00\xff"),
    ]


TRICKY = [
    *(b"", b"\r\n", b"\r", b"--b", b"\r\n--", b"\r\n-", b"\r\n--c\r\n", b"\r\n--bc\r\n"),
    *(b"\r\n--b-", b"\r\n--b-x", b"--b--", b"\r\r\n--", b"\r\n\r\n--b"[:-1]),
]


def test_what_looks_like_a_boundary_is_content() -> None:
    body = b"".join(part(str(n), content) for n, content in enumerate(TRICKY)) + b"--b--"
    assert contents(body) == [(str(n), content) for n, content in enumerate(TRICKY)]


def test_it_does_not_matter_how_the_bytes_arrive() -> None:
    body = b"\r\n" + b"".join(part("n", content) for content in TRICKY) + b"--b--epilogue"
    whole = read([body])
    assert whole[1]
    for size in (1, 2, 3, 7, 64):
        assert read(body[at : at + size] for at in range(0, len(body), size)) == whole
    chance = random.Random(5)
    for _ in range(200):
        cuts = sorted(chance.randrange(len(body)) for _ in range(chance.randrange(1, 12)))
        places = zip([0, *cuts], [*cuts, len(body)], strict=True)
        assert read(body[start:end] for start, end in places) == whole


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "a\0b"])
def test_a_character_set_that_is_no_text_is_no_form(charset: str) -> None:
    with pytest.raises(MalformedForm):
        read([part("a", b"1", f"; filename*={charset}''%ff")])
    assert boundary_of(f"multipart/form-data; boundary*={charset}''%ff") is None


def test_a_long_content_type_names_no_boundary() -> None:
    assert boundary_of('multipart/form-data; boundary=b; a="' + ";" * MAX_HEADER) is None


def test_a_client_of_another_make_is_understood() -> None:
    data = random.Random(6).randbytes(300_000)
    files = {"file": ('grüße "1".bin', data, "application/x-thing")}
    request = httpx.Request("POST", "http://x", data={"a": "ö", "b": ""}, files=files)
    boundary = boundary_of(request.headers["content-type"])
    assert boundary is not None
    parts, is_done = read([request.read()], boundary)
    assert is_done
    assert parts[:2] == [(PartHead("a", None, ""), "ö".encode()), (PartHead("b", None, ""), b"")]
    head, content = parts[2]
    assert (head.name, head.content_type, content) == ("file", "application/x-thing", data)
    assert head.file_name is not None
    assert head.file_name.startswith("grüße ")


def test_no_more_is_held_than_may_be_a_boundary() -> None:
    reader = FormReader("b")
    reader.feed(part("a", b"")[:-4])
    reader.feed(b"\r\n\r\n")
    given = 0
    for sent in range(10_000, 1_000_001, 10_000):
        given += sum(len(e) for e in reader.feed(b"\r\n--" * 2_500) if isinstance(e, bytes))
        assert sent - given < 10


@pytest.mark.parametrize(
    ("disposition", "name", "file_name"),
    [
        ('form-data; name="a"; filename="b"', "a", "b"),
        ("form-data; name=a; filename=b", "a", "b"),
        ('Form-Data;name="a b";filename=""', "a b", ""),
        ('form-data; name="a\\"b\\\\c"; x=y', 'a"b\\c', None),
        ("form-data; filename*=UTF-8''gr%C3%BC%C3%9Fe; name=a", "a", "grüße"),
        ("form-data; filename=\"x\"; filename*=utf-8'de'y%20z; name=a", "a", "y z"),
        ("form-data; filename=\"x\"; filename*=latin-1''y; name=a", "a", "y"),
        ('form-data; name="a"; name="b"', "a", None),
    ],
)
def test_names_are_read_in_every_spelling(
    disposition: str, name: str, file_name: str | None
) -> None:
    body = f"--b\r\nX: y\r\nCONTENT-DISPOSITION: {disposition}\r\n\r\n\r\n--b--"
    parts, _ = read([body.encode()])
    assert [(head.name, head.file_name) for head, _ in parts] == [(name, file_name)]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Content-Type: a/b",
        b"Content-Disposition: form-data",
        b'Content-Disposition: attachment; name="a"',
        b"nonsense",
        b"X: " + b"y" * MAX_HEADER,
    ],
)
def test_a_part_without_a_usable_head_is_refused(head: bytes) -> None:
    with pytest.raises(MalformedForm):
        read([b"--b\r\n" + head + b"\r\n\r\nx\r\n--b--"])


def test_what_does_not_begin_with_a_boundary_is_no_form() -> None:
    with pytest.raises(MalformedForm):
        read([b"nothing of a form"])


def test_a_head_that_never_ends_is_given_up() -> None:
    reader = FormReader("b")
    reader.feed(b"--b\r\n")
    for _ in range(MAX_HEADERS):
        assert reader.feed(b"X: y\r\n") == []
    with pytest.raises(MalformedForm):
        reader.feed(b"X: y\r\n")
    reader = FormReader("b")
    reader.feed(b"--b\r\nX: ")
    for _ in range(MAX_HEADER - len("X: ")):
        assert reader.feed(b"y") == []
    with pytest.raises(MalformedForm):
        reader.feed(b"y")


@given(st.lists(st.sampled_from([b"--b", b"\r\n", b"--", b"\r", b"\n", b": ", HEAD]) | st.binary()))
def test_hostile_bytes_meet_no_other_error(pieces: list[bytes]) -> None:
    reader = FormReader("b")
    with contextlib.suppress(MalformedForm):
        for piece in pieces:
            reader.feed(piece)


@pytest.mark.parametrize("body", [b"", b"--b", b"--b\r\n", part("a", b"1")])
def test_a_form_that_breaks_off_is_not_done(body: bytes) -> None:
    assert not read([body])[1]


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('multipart/form-data; charset=utf-8; BOUNDARY="a b"', "a b"),
        ("multipart/form-data; boundary=----WebKitFormBoundary7M", "----WebKitFormBoundary7M"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary="a "', None),
        ("multipart/form-data; boundary=" + "x" * 71, None),
        ('multipart/form-data; boundary="ü"', None),
    ],
)
def test_the_boundary_stands_in_the_header(header: str, boundary: str | None) -> None:
    assert boundary_of(header) == boundary
