from __future__ import annotations

from collections.abc import Callable

import pytest

from waport.appstate import (
    MAX_BLOB_SIZE,
    BlobReference,
    parse_blob_reference,
    read_blob_reference,
    write_blob_reference,
)
from waport.errors import DecodeError
from waport.proto import pb

FILE = BlobReference(b"\3" * 32, "/v/t62.1/x.enc", b"\1" * 32, b"\2" * 32, 700, "handle")


def written(reference: BlobReference = FILE) -> pb.ExternalBlobReference:
    into = pb.ExternalBlobReference()
    write_blob_reference(reference, into)
    return into


@pytest.mark.parametrize(
    "reference",
    [
        FILE,
        BlobReference(bytes(32), "/x", bytes(32), bytes(32), 0, ""),
        BlobReference(bytes(32), "/ä", bytes(32), bytes(32), MAX_BLOB_SIZE),
    ],
)
def test_a_reference_goes_through_a_protobuf(reference: BlobReference) -> None:
    assert parse_blob_reference(written(reference).SerializeToString()) == reference
    assert read_blob_reference(written(reference)) == reference


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each.ClearField("mediaKey"),
        lambda each: setattr(each, "mediaKey", bytes(31)),
        lambda each: each.ClearField("directPath"),
        lambda each: setattr(each, "directPath", "no/slash"),
        lambda each: setattr(each, "directPath", "/" * 2049),
        lambda each: each.ClearField("fileSha256"),
        lambda each: each.ClearField("fileEncSha256"),
        lambda each: setattr(each, "fileEncSha256", bytes(33)),
        lambda each: setattr(each, "fileSizeBytes", MAX_BLOB_SIZE + 1),
    ],
)
def test_a_reference_that_lacks_something_is_refused(
    change: Callable[[pb.ExternalBlobReference], object],
) -> None:
    reference = written()
    change(reference)
    with pytest.raises(DecodeError):
        parse_blob_reference(reference.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x0a\x40", b"\x12\x02\xff\xfe"])
def test_bytes_that_are_no_reference_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_blob_reference(data)


def test_a_handle_that_is_no_text_is_shown_as_one() -> None:
    data = written(BlobReference(bytes(32), "/x", bytes(32), bytes(32))).SerializeToString()
    assert parse_blob_reference(data + b"\x1a\x01\xff").handle == "�"


def test_the_media_key_does_not_show() -> None:
    assert "media_key" not in repr(FILE)
