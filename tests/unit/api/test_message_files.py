"""Files of messages: as base64 in a stream, by id or by the data that callers give back."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from starlette.types import Message as AsgiMessage

from support.fake_client import OWN, PEER, FakeClient, stored, text_message
from waport.api.errors import InvalidRequest
from waport.api.media_answer import STEP, FileAnswer
from waport.api.message_data import read_message_data
from waport.client.media_references import media_of
from waport.errors import QueryTimeout
from waport.events import message_json
from waport.model import MessageKey
from waport.model.contents import Document
from waport.proto import pb
from waport.wire import Jid

DOWNLOAD = "/message/downloadMedia/on"
IDS = {"chatId": "15559990000@c.us", "messageId": "M1"}


@pytest.fixture
def account(sessions: Any) -> FakeClient:
    """The account, with a message from its peer."""
    sessions.account.stored = [text_message("M1")]
    account: FakeClient = sessions.account
    return account


def document(name: str = "paper.pdf") -> pb.Message:
    part = pb.DocumentMessage(
        mimetype="application/pdf",
        fileName=name,
        directPath="/v/t",
        mediaKey=bytes(32),
        fileSha256=bytes(32),
        fileEncSha256=bytes(32),
        fileLength=5,
    )
    return pb.Message(documentMessage=part)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 196_607, 196_608, 196_609, 500_000])
async def test_a_file_comes_as_base64_under_both_names(call: Any, account: Any, size: int) -> None:
    account.stored = [stored("M1", document('odd "näme".pdf'))]
    account.file = bytes(range(251)) * (size // 251) + bytes(size % 251)
    response = await call("POST", DOWNLOAD, json=IDS)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["content-length"] == str(len(response.content))
    answer = json.loads(response.content)
    media = answer["media"]
    assert answer == {"success": True, "media": media, "messageMedia": media}
    assert base64.b64decode(media.pop("data"), validate=True) == account.file
    assert media == {
        "mimetype": "application/pdf",
        "filesize": size,
        "filename": 'odd "näme".pdf',
    }
    assert account.open_files == 0


async def test_a_file_that_has_no_name_has_no_key_for_it(call: Any, account: Any) -> None:
    account.stored = [stored("M1", document(""))]
    response = await call("POST", DOWNLOAD, json=IDS)
    assert "filename" not in response.json()["media"]


async def test_a_message_without_a_file_has_nothing_to_download(
    call: Any, problem: Any, account: Any
) -> None:
    refused = (400, "Message does not contain downloadable media", "validation_error")
    assert problem(await call("POST", DOWNLOAD, json=IDS)) == refused
    data = {"messageData": {"message": {"conversation": "x"}}}
    assert problem(await call("POST", DOWNLOAD, json=data)) == refused


async def test_what_fails_before_the_file_is_there_is_an_error(
    call: Any, problem: Any, account: Any
) -> None:
    account.stored = [stored("M1", document())]
    account.error = QueryTimeout()
    response = await call("POST", DOWNLOAD, json=IDS)
    assert problem(response) == (500, "Timed Out", "Timed Out")


class Reader:
    """Whoever reads an answer; may go away, and may be slow."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.sent: list[AsgiMessage] = []
        self.most = 0

    async def receive(self) -> AsgiMessage:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: AsgiMessage) -> None:
        self.sent.append(message)
        self.most = max(self.most, len(message.get("body", b"")))
        await asyncio.sleep(0)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def test_no_piece_of_an_answer_is_large(account: FakeClient) -> None:
    account.file = bytes(STEP * 5 + 7)
    reader = Reader()
    answer = FileAnswer(account.media, stored("M1", document()))
    await answer({"type": "http"}, reader.receive, reader.send)
    assert reader.most == STEP // 3 * 4
    start = dict(reader.sent[0]["headers"])
    assert int(start[b"content-length"]) == len(reader.body)
    assert base64.b64decode(json.loads(reader.body)["messageMedia"]["data"]) == account.file


async def test_nothing_more_is_read_for_whoever_is_gone(account: FakeClient) -> None:
    account.file = bytes(STEP * 50)
    reader = Reader()

    async def send(message: AsgiMessage) -> None:
        await reader.send(message)
        if len(reader.sent) == 4:
            reader.gone.set()

    answer = FileAnswer(account.media, stored("M1", document()))
    await answer({"type": "http"}, reader.receive, send)
    assert len(reader.sent) < 10
    assert account.open_files == 0


async def test_a_file_is_let_go_when_the_answer_is_cancelled(account: FakeClient) -> None:
    account.file = bytes(STEP * 2)
    blocked = asyncio.Event()

    async def send(message: AsgiMessage) -> None:
        blocked.set()
        await asyncio.Event().wait()

    reader = Reader()
    answer = FileAnswer(account.media, stored("M1", document()))
    task = asyncio.create_task(answer({"type": "http"}, reader.receive, send))
    await blocked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert account.open_files == 0


# --- messages that callers give back -------------------------------------------------------------


def data_of(message_id: str = "M1", **more: object) -> dict[str, Any]:
    """The `_data` of a message as an answer has it, after a trip through JSON."""
    shape = message_json(stored(message_id, document()), OWN)
    data: dict[str, Any] = json.loads(json.dumps(shape["_data"]))
    return {**data, **more}


async def test_data_that_comes_back_names_the_same_file(call: Any, account: FakeClient) -> None:
    account.file = b"the file"
    for data in (data_of(), {"_data": data_of(), "body": "x"}):
        response = await call("POST", DOWNLOAD, json={"messageData": data})
        assert response.status_code == 200
        media = response.json()["media"]
        assert base64.b64decode(media["data"]) == b"the file"
        assert (media["mimetype"], media["filename"]) == ("application/pdf", "paper.pdf")


async def test_numbers_and_bytes_are_read_in_several_forms() -> None:
    data = data_of()
    part = data["message"]["documentMessage"]
    key = base64.urlsafe_b64encode(bytes(range(224, 256))).decode().rstrip("=")
    for length in (5, "5"):
        part |= {"fileLength": length, "mediaKey": key, "unknown": {"a": [1]}, "title": None}
        message = await read_message_data(data, OWN)
        file = media_of(message).file
        assert (file.length, file.media_key) == (5, bytes(range(224, 256)))
    assert message.key == MessageKey(PEER, "M1", False, PEER)


async def test_a_content_that_is_only_there_as_bytes_is_read() -> None:
    raw = base64.b64encode(document("raw.pdf").SerializeToString()).decode()
    message = await read_message_data({"rawMessage": raw}, OWN)
    content = media_of(message)
    assert isinstance(content, Document)
    assert content.file_name == "raw.pdf"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            {"remoteJid": "1203630001@g.us", "id": "A", "participant": "15551110000@c.us"},
            MessageKey(Jid("1203630001", "g.us"), "A", False, Jid("15551110000", "s.whatsapp.net")),
        ),
        (
            {"remoteJid": "15559990000@s.whatsapp.net", "id": "A", "fromMe": True},
            MessageKey(PEER, "A", True, OWN),
        ),
        *(
            (key, None)
            for key in (
                *(None, 5, {}, {"id": "A"}, {"remoteJid": "nobody", "id": "A"}),
                *({"remoteJid": "1@g.us", "id": 5}, {"remoteJid": "15559990000@c.us", "id": "a b"}),
                *({"remoteJid": ["x"], "id": "A"}, {"remoteJid": "15559990000@c.us", "id": ""}),
                {"remoteJid": "15559990000@c.us", "id": "x" * 129},
            )
        ),
    ],
)
async def test_a_key_that_is_unusable_names_nothing(
    key: object, expected: MessageKey | None
) -> None:
    message = await read_message_data(data_of(key=key), OWN)
    if expected is None:
        # So that neither the server nor the phone is asked about it.
        assert message.key.id == ""
    else:
        assert message.key == expected


@pytest.mark.parametrize(
    ("data", "text"),
    [
        *(
            ({"message": value}, "Message payload is missing")
            for value in (None, 5, "x", [], {}, [{"a": 1}])
        ),
        *(
            (data, "messageData must be the _data of a message")
            for data in (
                {"message": {"imageMessage": 5}},
                {"message": {"imageMessage": [1]}},
                {"message": {"imageMessage": {"mediaKey": 5}}},
                {"message": {"imageMessage": {"mediaKey": "a"}}},
                {"message": {"imageMessage": {"fileLength": "x"}}},
                {"message": {"imageMessage": {"fileLength": 1.5}}},
                {"message": {"imageMessage": {"contextInfo": {"mentionedJid": 5}}}},
                {"message": {"conversation": {"a": 1}}},
                {"rawMessage": "!"},
            )
        ),
    ],
)
async def test_data_that_is_no_message_is_refused(
    call: Any, problem: Any, account: FakeClient, data: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidRequest):
        await read_message_data(data, OWN)
    response = await call("POST", DOWNLOAD, json={"messageData": data})
    assert problem(response) == (400, text, "validation_error")
