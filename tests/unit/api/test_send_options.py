"""sendMessage: what each option does, and to which content."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from support.fake_client import PEER, FakeChats, text_message
from waport.api import outgoing
from waport.client.compose import NoSuchMessage
from waport.client.media_contents import MediaOptions, UnusableFile
from waport.client.media_hosts import MediaTooLarge
from waport.client.outbound_errors import FetchFailed, UrlRefused
from waport.client.refusals import refusal
from waport.client.stickers import StickerPack
from waport.errors import ConnectionClosed, NotAuthorized, NotFound, query_error
from waport.model import MessageKind
from waport.model.contents import (
    Audio,
    Document,
    GroupMention,
    Image,
    LinkPreview,
    Sticker,
    Text,
    Video,
)
from waport.wire import Jid

SEND = "/client/sendMessage/on"
CHAT = {"chatId": "15559990000@c.us"}
DATA = base64.b64encode(b"a file").decode()
GROUP = "120363000000000001@g.us"


def text(words: str = "hello", **options: object) -> dict[str, object]:
    return {**CHAT, "contentType": "string", "content": words, "options": options}


def file(mimetype: str, name: str | None = "my file", **options: object) -> dict[str, object]:
    content = {"mimetype": mimetype, "data": DATA, "filename": name}
    return {**CHAT, "contentType": "MessageMedia", "content": content, "options": options}


@pytest.fixture
def sent(call: Any, sessions: Any) -> Any:
    """Send a body that is fine; what the account was given."""

    async def send(body: dict[str, object]) -> Any:
        response = await call("POST", SEND, json=body)
        assert response.status_code == 200, response.text
        return sessions.account.sent[-1]

    return send


# --- links ---------------------------------------------------------------------------------------


async def test_a_link_gets_a_preview_unless_none_is_wanted(sent: Any, sessions: Any) -> None:
    words = "see https://a.example"
    preview = LinkPreview("https://a.example", "Title")
    assert (await sent(text(words))).content == Text(words, preview)
    assert (await sent(text(words, linkPreview="false"))).content == Text(words)
    assert sessions.account.previewed == [words]
    assert (await sent(text("nothing"))).content == Text("nothing")


# --- quotes and mentions -------------------------------------------------------------------------


async def test_a_quote_that_must_be_known_is_looked_for(
    call: Any, problem: Any, sent: Any, sessions: Any
) -> None:
    quoted = {"quotedMessageId": "false_15559990000@c.us_Q1", "ignoreQuoteErrors": False}
    refused = (404, "Could not get the quoted message.", "message_not_found")
    assert problem(await call("POST", SEND, json=text(**quoted))) == refused
    sessions.account.stored = [text_message("Q1")]
    assert (await sent(text(**quoted))).quoted_id == "Q1"
    gone = sessions.account.stored[0]
    for kind, content in ((MessageKind.REVOKED, b"x"), (MessageKind.CIPHERTEXT, b"")):
        sessions.account.stored = [
            type(gone)(key=gone.key, timestamp=1, content=content, kind=kind)
        ]
        assert problem(await call("POST", SEND, json=text(**quoted))) == refused
    assert len(sessions.account.sent) == 1


async def test_an_unknown_quote_is_left_to_the_account(sent: Any) -> None:
    assert (await sent(text(quotedMessageId="Q9"))).quoted_id == "Q9"
    assert (await sent(text(quotedMessageId=""))).quoted_id is None


async def test_groups_are_mentioned(sent: Any) -> None:
    mentions = [{"subject": "Friends", "id": GROUP}, {"subject": "None", "id": "nobody"}]
    found = (await sent(text(groupMentions=mentions))).options.group_mentions
    assert found == (GroupMention(Jid("120363000000000001", "g.us"), "Friends"),)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ignoreQuoteErrors": 1}, "options.ignoreQuoteErrors must be a boolean"),
        ({"groupMentions": [5]}, "options.groupMentions.0 must be an object"),
        ({"groupMentions": [{"id": GROUP}]}, "subject and id are required"),
        (
            {"groupMentions": [{"id": GROUP, "subject": 5}]},
            "options.groupMentions.0.subject must be a string",
        ),
        ({"sendVideoAsGif": "x"}, "options.sendVideoAsGif must be a boolean"),
        ({"sendMediaAsSticker": 0}, "options.sendMediaAsSticker must be a boolean"),
        ({"sendMediaAsDocument": []}, "options.sendMediaAsDocument must be a boolean"),
        ({"sendMediaAsHd": 1}, "options.sendMediaAsHd must be a boolean"),
        ({"isViewOnce": 1}, "options.isViewOnce must be a boolean"),
        ({"parseVCards": 1}, "options.parseVCards must be a boolean"),
        ({"sendSeen": 1}, "options.sendSeen must be a boolean"),
        ({"waitUntilMsgSent": 1}, "options.waitUntilMsgSent must be a boolean"),
        ({"invokedBotWid": 1}, "options.invokedBotWid must be a string"),
        ({"extra": 1}, "options.extra must be an object"),
        ({"stickerName": 1}, "options.stickerName must be a string"),
        ({"stickerAuthor": 1}, "options.stickerAuthor must be a string"),
        ({"stickerCategories": "x"}, "options.stickerCategories must be an array"),
        ({"stickerCategories": [1]}, "options.stickerCategories.0 must be a string"),
        (
            {"stickerName": "x" * 1001},
            "stickerName, stickerAuthor and stickerCategories are too long",
        ),
        (
            {"caption": "x" * 1025},
            "options.caption must be a string of at most 1024 characters",
        ),
        ({"media": {}}, "invalid media options"),
        ({"media": {"mimetype": "image/png"}}, "invalid media options"),
        ({"media": {"mimetype": 5, "data": "eA=="}}, "options.media.mimetype must be a string"),
        (
            {"media": {"mimetype": "x", "data": "eA=="}},
            "options.media.mimetype must be a MIME type",
        ),
        (
            {"media": {"mimetype": "image/png", "data": "?"}},
            "options.media.data must be base64",
        ),
    ],
)
async def test_a_wrong_option_is_named_and_nothing_is_sent(
    call: Any, problem: Any, sessions: Any, options: dict[str, object], words: str
) -> None:
    response = await call("POST", SEND, json=text(**options))
    assert problem(response) == (400, words, "validation_error")
    assert sessions.account.sent == []
    assert sessions.account.calls == []


async def test_null_and_unknown_options_count_as_left_out(sent: Any) -> None:
    options = dict.fromkeys(
        (
            *("quotedMessageId", "mentions", "groupMentions", "caption", "linkPreview"),
            *("sendSeen", "media", "extra", "stickerName", "stickerCategories", "parseVCards"),
        )
    )
    assert (await sent(text(**options, nonsense=[1]))).content == Text("hello")


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "caption"),
    [
        (file("image/png", caption="look"), Image, "look"),
        (file("image/png"), Image, "my file"),
        (file("image/png", None), Image, ""),
        (file("image/png", caption=""), Image, "my file"),
        (file("video/mp4", caption="look"), Video, "look"),
        (file("video/mp4"), Video, "my file"),
        (file("audio/mpeg", caption="look"), Audio, None),
        (file("application/pdf", caption="look"), Document, ""),
        (file("application/pdf", caption="look", sendMediaAsDocument=True), Document, "look"),
        (file("image/png", caption="look", sendMediaAsDocument=True), Document, "look"),
        (file("image/png", sendMediaAsDocument=True), Document, ""),
        (file("image/png", caption="look", sendMediaAsSticker=True), Sticker, None),
    ],
)
async def test_each_kind_of_file_has_its_caption(
    sent: Any, body: dict[str, object], kind: type, caption: str | None
) -> None:
    content = (await sent(body)).content
    assert type(content) is kind
    assert getattr(content, "caption", None) == caption


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"sendAudioAsVoice": True}, {"as_voice": True}),
        ({"sendVideoAsGif": "true"}, {"as_gif": True}),
        ({"sendMediaAsSticker": True}, {"as_sticker": True}),
        ({"sendMediaAsDocument": True}, {"as_document": True}),
        ({"isViewOnce": True}, {"view_once": True}),
        ({"sendMediaAsHd": True, "waitUntilMsgSent": False, "extra": {"a": 1}}, {}),
        (
            {"stickerName": "N", "stickerAuthor": "A", "stickerCategories": ["x", "y"]},
            {"sticker_pack": StickerPack("N", "A", ("x", "y"))},
        ),
    ],
)
async def test_options_of_files_reach_whoever_makes_them(
    sent: Any, sessions: Any, options: dict[str, object], wanted: dict[str, Any]
) -> None:
    await sent(file("video/mp4", **options))
    ((_, given),) = sessions.account.uploads
    assert given == MediaOptions(mimetype="video/mp4", file_name="my file", **wanted)


async def test_a_file_can_be_attached_to_a_text(sent: Any, call: Any, problem: Any) -> None:
    media = {"mimetype": "image/png", "data": DATA, "filename": "f"}
    content = (await sent(text("below it", media=media, caption="not this"))).content
    assert (type(content), content.caption) == (Image, "below it")
    assert (await sent(text("", media=media))).content.caption == ""
    pdf = {**media, "mimetype": "application/pdf"}
    assert (await sent(text("below it", media=pdf))).content.caption == "below it"
    response = await call("POST", SEND, json=text("x" * 1025, media=media))
    words = "content must be a string of at most 1024 characters"
    assert problem(response) == (400, words, "validation_error")


async def test_a_file_for_a_channel_is_uploaded_as_it_is(sent: Any, sessions: Any) -> None:
    body = {**file("image/png"), "chatId": "120363000000000002@newsletter"}
    message = await sent(body)
    assert sessions.account.uploads[0][1].channel
    assert message.options.media_id == "handle"
    # The channel is read by nobody.
    assert ("seen", message.chat) not in sessions.account.calls


# --- reading what came before --------------------------------------------------------------------


async def test_a_text_does_not_wait_for_ever_for_its_chat_to_be_read(
    sent: Any, sessions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(outgoing, "_SEEN_TIMEOUT_S", 0.01)
    monkeypatch.setattr(FakeChats, "send_seen", hang)
    assert (await sent(text())).content == Text("hello")


async def test_the_chat_is_read_before_something_is_sent(sent: Any, sessions: Any) -> None:
    await sent(text())
    assert sessions.account.calls == [("seen", PEER), ("send", PEER)]
    await sent(text(sendSeen=False))
    assert sessions.account.calls[2:] == [("send", PEER)]
    sessions.account.seen_error = ConnectionClosed("gone")
    await sent(text())
    await sent({**text(), "chatId": "status@broadcast"})
    assert len(sessions.account.sent) == 4
    assert [name for name, _ in sessions.account.calls].count("seen") == 2


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UnusableFile("not a picture"), (400, "not a picture", "validation_error")),
        (MediaTooLarge(5), (400, "the file is larger than 5 bytes", "validation_error")),
        (UrlRefused("not a URL"), (400, "not a URL", "validation_error")),
        (FetchFailed("the URL answered 404", 404), (500, *("the URL answered 404",) * 2)),
    ],
)
async def test_a_file_that_can_not_be_had_is_told(
    call: Any, problem: Any, sessions: Any, error: Any, expected: object
) -> None:
    sessions.account.error = error
    request = {**CHAT, "contentType": "MessageMediaFromURL", "content": "https://a.example/x"}
    assert problem(await call("POST", SEND, json=request)) == expected


@pytest.mark.parametrize(
    "error", [NotAuthorized(403, "x"), NotFound(404, "x"), query_error(410, "gone")]
)
async def test_no_file_is_uploaded_for_a_group_that_one_is_not_in(
    call: Any, problem: Any, sessions: Any, error: Any
) -> None:
    sessions.account.error = error
    response = await call("POST", SEND, json={**file("image/png"), "chatId": GROUP})
    assert problem(response) == (404, "Group not found", "group_not_found")
    assert sessions.account.uploads == []


@pytest.mark.parametrize(
    ("chat", "code", "expected"),
    [
        ("15559990000", 404, (404, "Contact not found", "contact_not_found")),
        (GROUP, 404, (404, "Group not found", "group_not_found")),
        (GROUP, 403, (404, "Group not found", "group_not_found")),
        ("1@newsletter", 404, (404, "Chat not found", "chat_not_found")),
        *(
            (chat, code, (500, *(f"{words} (error {code})",) * 2))
            for chat, code, words in (
                (GROUP, 401, "only admins may write in this group"),
                ("15559990000", 403, "this account may not write to that chat"),
                ("15559990000", 429, "too many messages in a short time; wait before the next one"),
                ("15559990000", 479, "WhatsApp refused the form of this message"),
                ("15559990000", 499, "WhatsApp refused the message"),
            )
        ),
    ],
)
async def test_what_whatsapp_refuses_is_told_with_its_number(
    call: Any, problem: Any, sessions: Any, chat: str, code: int, expected: object
) -> None:
    sessions.account.error = refusal(code, is_group=chat == GROUP)
    assert problem(await call("POST", SEND, json={**text(), "chatId": chat})) == expected


@pytest.mark.parametrize("chat", ["15550001111@broadcast", "867051314767696@bot"])
async def test_what_takes_no_messages_is_refused(
    call: Any, problem: Any, sessions: Any, chat: str
) -> None:
    words = "chatId must be a person, a group, a channel or status@broadcast"
    response = await call("POST", SEND, json={**text(), "chatId": chat})
    assert problem(response) == (400, words, "validation_error")
    assert sessions.account.sent == []


async def test_a_message_that_vanished_meanwhile_is_not_found(
    call: Any, problem: Any, sessions: Any
) -> None:
    sessions.account.error = NoSuchMessage
    assert problem(await call("POST", SEND, json=text()))[::2] == (404, "message_not_found")
