"""Forms with a file, over HTTP: what the fields mean, what is refused, what is left behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest

from waport.api import body as body_module
from waport.api import uploads
from waport.api.deps import request_body
from waport.api.fields import body, required
from waport.api.kinds import ANYTHING
from waport.api.routers import client
from waport.api.routes import Routes
from waport.api.schemas.common import MessageAnswer, done
from waport.client.media_contents import MediaOptions
from waport.config import Settings
from waport.model.contents import Document, Image, Location, Text

SEND = "/client/sendMessage/on"
CHAT = {"chatId": "15559990000@c.us"}
BAD_FORM = (400, "Invalid form body", "bad_request")
FILE = ("cat.png", b"a picture", "image/png")


@pytest.fixture
def folder(make_settings: Any) -> Path:
    """Where files lie while a request lasts."""
    settings: Settings = make_settings()
    return settings.media_folder


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*")) if folder.exists() else []


async def test_the_file_is_what_is_sent(call: Any, sessions: Any, folder: Path) -> None:
    options = {"caption": "look", "isViewOnce": True}
    data = {**CHAT, "options": json.dumps(options)}
    response = await call("POST", SEND, data=data, files={"file": FILE})
    assert response.status_code == 200, response.text
    ((content, given),) = sessions.account.uploads
    assert content == b"a picture"
    assert given == MediaOptions(mimetype="image/png", file_name="cat.png", view_once=True)
    assert sessions.account.sent[0].content.caption == "look"
    assert isinstance(sessions.account.sent[0].content, Image)
    assert leftovers(folder) == []


async def test_fields_may_be_nested_keys_and_words(call: Any, sessions: Any) -> None:
    data = {
        **CHAT,
        "contentType": "MessageMedia",
        "options[sendMediaAsDocument]": "true",
        "options[mentions][]": "15551110000",
    }
    response = await call("POST", SEND, data=data, files={"file": FILE})
    assert response.status_code == 200
    assert isinstance(sessions.account.sent[0].content, Document)
    assert [jid.user for jid in sessions.account.sent[0].mentions] == ["15551110000"]


async def test_a_form_needs_no_file(call: Any, sessions: Any) -> None:
    def form(**fields: str) -> dict[str, Any]:
        # Without a file the library would send another kind of form.
        return {"files": {name: (None, value) for name, value in {**CHAT, **fields}.items()}}

    texts = form(contentType="string", content='{"not": "parsed"}')
    assert (await call("POST", SEND, **texts)).status_code == 200
    assert sessions.account.sent[0].content == Text('{"not": "parsed"}')
    place = form(contentType="Location", content=' {"latitude": 1, "longitude": "2"}')
    assert (await call("POST", SEND, **place)).status_code == 200
    assert sessions.account.sent[1].content == Location(1, 2)
    large = form(contentType="Location", content=json.dumps({"x": "y" * 70_000}))
    assert (await call("POST", SEND, **large)).status_code == 400


@pytest.mark.parametrize(
    ("name", "mimetype", "shown", "kept"),
    [
        ("a/b\\c.bin", "image/png; x=y", "image/png", "c.bin"),
        ("", "image/png", "image/png", ""),
        ("x", "application/octet-stream", None, "x"),
        ("x", "nonsense", None, "x"),
        ("x\x07\u202ey", "A/B", "a/b", "xy"),
    ],
)
async def test_what_is_said_of_the_file_is_read_with_care(
    call: Any, sessions: Any, name: str, mimetype: str, shown: str | None, kept: str
) -> None:
    disposition = f'form-data; name="file"; filename="{name.replace(chr(92), chr(92) * 2)}"'
    head = f"Content-Disposition: {disposition}\r\nContent-Type: {mimetype}\r\n\r\n"
    chat = 'Content-Disposition: form-data; name="chatId"\r\n\r\n15559990000'
    body = f"--b\r\n{head}a file\r\n--b\r\n{chat}\r\n--b--".encode()
    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = await call("POST", SEND, content=body, headers=headers)
    assert response.status_code == 200, response.text
    ((_, given),) = sessions.account.uploads
    assert (given.mimetype, given.file_name) == (shown, kept)


async def test_files_under_other_names_are_dropped(call: Any, sessions: Any, folder: Path) -> None:
    files = {"file": FILE, "other": ("x", b"y" * 100_000, "a/b")}
    assert (await call("POST", SEND, data=CHAT, files=files)).status_code == 200
    assert [content for content, _ in sessions.account.uploads] == [b"a picture"]
    # A page's form in which no file was chosen.
    nothing = {"file": ("", b"", "application/octet-stream")}
    fields = {**CHAT, "contentType": "string", "content": "x"}
    made = httpx.Request("POST", "http://x", data=fields, files=nothing)
    headers = {"content-type": made.headers["content-type"]}
    response = await call("POST", SEND, content=made.read(), headers=headers)
    assert response.status_code == 200, response.text
    assert sessions.account.sent[1].content == Text("x")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"data": {**CHAT, "contentType": "string"}, "files": {"file": FILE}},
            (400, "a file part goes with the contentType MessageMedia", "validation_error"),
        ),
        (
            {"files": {"file": FILE}},
            (400, "chatId, contentType, and content are required", "validation_error"),
        ),
        (
            {"data": CHAT, "files": {"file": ("x", b"", "a/b")}},
            (400, "the file must not be empty", "validation_error"),
        ),
        (
            {"data": CHAT, "files": [("file", FILE), ("file", FILE)]},
            (400, "Form has more than one file", "bad_request"),
        ),
        (
            {"data": {**CHAT, "options": "{"}, "files": {"file": FILE}},
            (400, "Invalid JSON body", "invalid_json"),
        ),
        (
            {"data": {**CHAT, "options": "x"}, "files": {"file": FILE}},
            (400, "options must be an object", "validation_error"),
        ),
        (
            {"files": [("a", (None, "")) for _ in range(1001)]},
            (400, "Form has too many or too deeply nested fields", "bad_request"),
        ),
        (
            {"files": {"a" + "[b]" * 33: (None, "")}},
            (400, "Form has too many or too deeply nested fields", "bad_request"),
        ),
    ],
)
async def test_forms_that_make_no_sense_are_refused(
    call: Any,
    problem: Any,
    sessions: Any,
    folder: Path,
    options: dict[str, Any],
    expected: object,
) -> None:
    assert problem(await call("POST", SEND, **options)) == expected
    assert sessions.account.sent == []
    assert leftovers(folder) == []


@pytest.mark.parametrize(
    "body", [b"", b"--b", b"nothing", b"--b\r\n\r\n\r\nx\r\n--b--", b"--b\r\nX: " + bytes(20_000)]
)
async def test_a_broken_form_is_refused(call: Any, problem: Any, folder: Path, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert problem(await call("POST", SEND, content=body, headers=headers)) == BAD_FORM
    for content_type in ("multipart/form-data", 'multipart/form-data; boundary="ü"'):
        response = await call(
            "POST", SEND, content=body or b"x", headers={"content-type": content_type.encode()}
        )
        assert problem(response) == BAD_FORM
    assert leftovers(folder) == []


async def test_a_compressed_form_is_refused(call: Any, problem: Any) -> None:
    headers = {"content-encoding": "gzip"}
    response = await call("POST", SEND, data=CHAT, files={"file": FILE}, headers=headers)
    expected = (415, 'unsupported content encoding "gzip"', "unsupported_media_type")
    assert problem(response) == expected


async def test_a_file_may_be_so_large_and_no_larger(
    make_call: Any, problem: Any, sessions: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = make_call(MEDIA_MAX_BYTES="100000")
    large = (413, "request entity too large", "payload_too_large")
    for size, is_fine in ((100_000, True), (100_001, False)):
        files = {"file": ("x", bytes(size), "a/b")}
        response = await call("POST", SEND, data=CHAT, files=files)
        assert (response.status_code == 200) is is_fine
        if not is_fine:
            assert problem(response) == large
    monkeypatch.setattr(uploads, "MAX_BODY", 1000)
    response = await call("POST", SEND, data={**CHAT, "x": "y" * 1001}, files={"file": FILE})
    assert problem(response) == large
    # What announces too much is not even read.
    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": "101001"}
    response = await call("POST", SEND, content=b"--b", headers=headers)
    assert problem(response) == large
    assert leftovers(folder) == []


def test_the_file_becomes_the_field_that_the_route_has_for_it() -> None:
    @body
    class PictureRequest:
        """A body with a picture."""

        picture: object = required("image", ANYTHING)

    async def set_picture(
        given: Annotated[PictureRequest, request_body(PictureRequest)],
    ) -> MessageAnswer:
        return done("set")

    set_picture.__annotations__ = {
        "given": Annotated[PictureRequest, request_body(PictureRequest)],
        "return": MessageAnswer,
    }
    routes = Routes("Test")
    routes.post("/picture", takes_file=True)(set_picture)
    assert [operation.file_field for operation in routes.operations] == ["image"]
    assert {operation.file_field for operation in client.routes.operations} == {"content"}


async def test_a_file_that_can_not_be_kept_is_our_trouble(
    make_call: Any, problem: Any, sessions: Any, tmp_path: Path
) -> None:
    (tmp_path / "full").touch()
    call = make_call(MEDIA_TEMP_DIR=str(tmp_path / "full"))
    response = await call("POST", SEND, data=CHAT, files={"file": FILE})
    assert problem(response) == (500, "Internal server error", "internal_error")
    assert sessions.account.sent == []


async def test_a_form_on_another_route_is_not_read(call: Any, problem: Any) -> None:
    response = await call("POST", "/message/react/on", data=CHAT, files={"file": FILE})
    text = "chatId, messageId, and emoji are required"
    assert problem(response) == (400, text, "validation_error")


async def test_without_the_key_nothing_of_a_file_is_read(make_app: Any, folder: Path) -> None:
    sent, reads = await ask(make_app(), [b"--b\r\n"], key=b"wrong")
    assert (sent[0]["status"], reads) == (401, 0)
    assert leftovers(folder) == []


async def test_nothing_is_left_of_an_upload_that_breaks_off(make_app: Any, folder: Path) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    sent, reads = await ask(make_app(), [head, bytes(3_000_000)])
    assert (sent, reads) == ([], 3)
    assert leftovers(folder) == []


async def test_an_upload_that_stalls_is_given_up(
    make_app: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "MAX_PAUSE_S", 0.01)
    sent, _ = await ask(make_app(), [b"--b\r\n", None])
    assert sent[0]["status"] == 408
    assert leftovers(folder) == []


async def ask(
    app: Any, pieces: list[bytes | None], key: bytes = b"test_api_key"
) -> tuple[list[dict[str, Any]], int]:
    """Send a form in pieces, then go away (or stall, at None); what came back, and the reads."""
    sent: list[dict[str, Any]] = []
    reads = 0

    async def receive() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        if reads > len(pieces):
            return {"type": "http.disconnect"}
        piece = pieces[reads - 1]
        if piece is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [
        (b"x-api-key", key),
        (b"content-type", b"multipart/form-data; boundary=b"),
        (b"transfer-encoding", b"chunked"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": SEND,
        "raw_path": SEND.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return sent, reads
