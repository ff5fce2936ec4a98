"""Base64, mimetypes and names as callers and messages write them."""

from __future__ import annotations

import base64

import pytest

from waport.client.media_inputs import (
    clean_file_name,
    clean_mimetype,
    decode_base64,
    is_generic,
    name_by_type,
    shown_mimetype,
    type_by_name,
)
from waport.errors import InvalidInput


@pytest.mark.parametrize("size", [0, 1, 2, 3, 57, 1_000_000, 3_000_001])
def test_base64_is_decoded(size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert decode_base64(base64.b64encode(data).decode()) == data
    assert decode_base64(base64.encodebytes(data).decode()) == data
    assert decode_base64(base64.urlsafe_b64encode(data).decode().rstrip("=")) == data


@pytest.mark.parametrize(
    "head", ["data:image/png;base64,", "DATA:text/plain;charset=utf-8;base64,", "data:,"]
)
def test_the_head_of_a_data_url_is_dropped(head: str) -> None:
    assert decode_base64(head + "aGVsbG8=") == b"hello"


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "aGVsb",
        "aGVsbG8=x",
        "aG=VsbG8=",
        "====",
        "aGVsbG8===",
        "aGVs*G8=",
        "<html>",
        "hällo===",
        "data:image/png;base64,a",
        "aGVsbG8\0",
        "\ud800",
        "https://files.example/cat.png",
    ],
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no base64"):
        decode_base64(text)


def test_too_much_base64_is_refused() -> None:
    assert decode_base64("AAAA", 4) == bytes(3)
    with pytest.raises(InvalidInput, match="more than 4 characters"):
        decode_base64("AAAAA", 4)


@pytest.mark.parametrize(
    ("text", "mimetype"),
    [
        ("image/png", "image/png"),
        (" Image/PNG ; x=y", "image/png"),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
    ],
)
def test_a_mimetype_loses_its_parameters(text: str, mimetype: str) -> None:
    assert clean_mimetype(text) == mimetype


@pytest.mark.parametrize("text", ["", ";", "png", "a/b/c", "ä/b", "image/png\n", "x" * 200 + "/y"])
def test_a_mimetype_that_is_none_is_refused(text: str) -> None:
    if text == "image/png\n":
        assert clean_mimetype(text) == "image/png"
        return
    with pytest.raises(InvalidInput):
        clean_mimetype(text)


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ("audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
        ("Image/JPEG", "image/jpeg"),
        ("image/png\r\nSet-Cookie: a=b", "application/octet-stream"),
        ("image/png;\r\nSet-Cookie: a=b", "image/png"),
        ('image/png; a="b"', "image/png"),
        ("", "application/octet-stream"),
        ("text", "application/octet-stream"),
    ],
)
def test_a_claimed_mimetype_is_fit_for_a_header(claim: str, shown: str) -> None:
    assert shown_mimetype(claim) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a b.txt", "a b.txt"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\x.exe", "x.exe"),
        ("a\r\n\0b.txt", "ab.txt"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("..", ""),
        ("x/", ""),
        ("", ""),
        ("\ud800", ""),
        ("ä.pdf", "ä.pdf"),
    ],
)
def test_a_name_has_no_folders_and_nothing_unseen(text: str, name: str) -> None:
    assert clean_file_name(text) == name


def test_a_long_name_keeps_its_extension() -> None:
    name = clean_file_name("x" * 5000 + ".pdf")
    assert len(name) == 255
    assert name.endswith("x.pdf")


def test_names_and_types_belong_together() -> None:
    assert type_by_name("Letter.DOCX") == (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    )
    assert type_by_name("a.ogg") == "audio/ogg"
    assert type_by_name("README") is None
    assert type_by_name("a.b c") is None
    assert name_by_type("image/webp") == "file.webp"
    assert name_by_type("a/b") == "file"


def test_servers_say_in_many_ways_that_they_do_not_know() -> None:
    assert is_generic("")
    assert is_generic("binary/octet-stream")
    assert not is_generic("text/plain")
