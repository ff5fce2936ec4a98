"""The emulator's media code against the published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import sha256
from waport.emulator.link import MediaPlace
from waport.emulator.phone_media import (
    KINDS,
    FileKind,
    PhoneMedia,
    open_file,
    retry_key,
    seal_file,
)
from waport.errors import MediaError
from waport.proto import pb
from waport.wire import Node

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("media.json").read_text(encoding="utf-8")
)
RETRIES = [case for case in VECTORS["retry"] if "request" in case]
INFO = {case["type"]: case["info"] for case in VECTORS["key_expansion"]}


def kind_of(case: dict[str, Any]) -> FileKind:
    return KINDS.get(case["type"]) or FileKind("", INFO[case["type"]], "")


def plaintext_of(case: dict[str, Any]) -> bytes:
    given = case["plaintext"]
    if isinstance(given, str):
        return bytes.fromhex(given)
    pattern = bytes.fromhex(given["pattern"])
    return (pattern * (given["length"] // len(pattern) + 1))[: given["length"]]


def part_of(case: dict[str, Any], sealed: bytes) -> pb.ImageMessage:
    return pb.ImageMessage(
        mediaKey=bytes.fromhex(case["media_key"]),
        fileSha256=bytes.fromhex(case["file_sha256"]),
        fileEncSha256=bytes.fromhex(case.get("file_enc_sha256") or sha256(sealed).hex()),
        fileLength=case.get("file_length", 0),
    )


@pytest.mark.parametrize("kind", sorted(set(KINDS) & set(INFO)))
def test_every_kind_expands_its_key_with_its_own_text(kind: str) -> None:
    assert KINDS[kind].info == INFO[kind]


@pytest.mark.parametrize("case", VECTORS["files"], ids=lambda case: case["type"])
def test_files_are_sealed_to_the_same_bytes_and_opened_again(case: dict[str, Any]) -> None:
    plaintext = plaintext_of(case)
    sealed = seal_file(plaintext, bytes.fromhex(case["media_key"]), kind_of(case))
    assert sha256(sealed).hex() == case["file_enc_sha256"]
    if case["encrypted"] is not None:  # of long files only the hash is given
        assert sealed.hex() == case["encrypted"]
    assert open_file(sealed, part_of(case, sealed), kind_of(case)) == plaintext


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_spoilt_files_are_refused(case: dict[str, Any]) -> None:
    sealed = bytes.fromhex(case["encrypted"])
    with pytest.raises(MediaError):
        open_file(sealed, part_of(case, sealed), kind_of(case))


class Place:
    """A media host that has every file, in the place that a vector names."""

    def __init__(self, path: str) -> None:
        self._place = MediaPlace("", path)

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        return self._place

    def upload_again(self, kind: str, sha256: bytes) -> MediaPlace:
        return self._place

    async def download(self, direct_path: str) -> bytes:
        return b""


@pytest.mark.parametrize("case", RETRIES, ids=lambda case: case["key"]["id"])
def test_a_retry_request_is_read_and_answered_with_the_same_bytes(case: dict[str, Any]) -> None:
    key = bytes.fromhex(case["media_key"])
    assert retry_key(key).hex() == case["retry_key"]
    told = case["notification"]
    iv = bytes.fromhex(told["iv"])
    media = PhoneMedia(Place(told["json"].get("directPath", "/v/x?y")), lambda: 0, lambda _: iv)
    request = case["request"]
    sealed = [
        Node("enc_p", {}, bytes.fromhex(request["ciphertext"])),
        Node("enc_iv", {}, bytes.fromhex(request["iv"])),
    ]
    attrs = {"id": case["key"]["id"], "from": case["own_jid"], "type": "server-error"}
    receipt = Node("receipt", dict(attrs), [Node("encrypt", {}, sealed)])
    message = pb.Message(imageMessage=pb.ImageMessage(mediaKey=key))
    answer = media.answer_retry(receipt, message).child("encrypt").child("enc_p").data
    if told["json"]["result"] == "SUCCESS":
        assert answer.hex() == told["ciphertext"]
    else:
        assert answer
