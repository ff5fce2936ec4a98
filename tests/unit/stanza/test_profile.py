"""Pictures, the about text and the timer of new chats on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, NotAuthorized, NotFound, StanzaError
from waport.model import Picture
from waport.stanza.profile import (
    MAX_ABOUT,
    FetchPicture,
    SetAbout,
    SetDefaultTimer,
    SetPicture,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
GROUP = Jid("120363000000000001", "g.us")
TOKEN = Node("tctoken", {}, b"token")


def result(*children: Node) -> Node:
    return Node("iq", {"type": "result"}, list(children))


def picture(**attrs: Any) -> Node:
    return Node("picture", attrs)


def test_a_picture_is_asked_for_with_the_token_inside() -> None:
    iq = FetchPicture(ANN, preview=True, tokens=(TOKEN,)).request()
    assert (iq.get("xmlns"), iq.get("type"), iq.jid("target")) == (
        "w:profile:picture",
        "get",
        ANN,
    )
    assert iq.children() == [Node("picture", {"type": "preview", "query": "url"}, [TOKEN])]
    assert FetchPicture(GROUP).request().children() == [
        Node("picture", {"type": "image", "query": "url"})
    ]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (result(picture(id="7", url="https://x/y")), Picture("7", "https://x/y")),
        (result(picture(url="https://x/y")), Picture("", "https://x/y")),
        (result(picture(id="7", status="204")), None),
        (result(Node("picture", {}, [Node("error", {"code": "204"})])), None),
        (result(), None),
    ],
)
def test_a_picture_is_none_where_the_server_names_none(
    reply: Node, expected: Picture | None
) -> None:
    assert FetchPicture(ANN).parse(reply) == expected


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "file:///x", "x/y", "javascript:x", "https://x/\n", "https://" + "x" * 9000, ""],
)
def test_a_url_of_no_web_server_is_refused(url: str) -> None:
    with pytest.raises(StanzaError):
        FetchPicture(ANN).parse(result(picture(url=url)))


@pytest.mark.parametrize(("code", "error"), [("401", NotAuthorized), ("404", NotFound)])
def test_a_refusal_inside_the_result_is_a_refusal(code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        FetchPicture(ANN).parse(result(Node("picture", {}, [Node("error", {"code": code})])))


def test_a_picture_is_set_for_us_or_a_group_and_its_id_is_told() -> None:
    own = SetPicture(b"jpeg")
    assert "target" not in own.request().attrs
    assert own.request().children() == [Node("picture", {"type": "image"}, b"jpeg")]
    assert own.parse(result(picture(id="9"))) == "9"
    with pytest.raises(StanzaError):
        own.parse(result())
    assert SetPicture(b"jpeg", GROUP).request().jid("target") == GROUP


def test_a_picture_is_removed_by_nothing() -> None:
    query = SetPicture(None, GROUP)
    assert (query.request().content, query.request().jid("target")) == (None, GROUP)
    assert query.parse(result()) == ""


def test_an_about_text_is_bounded_and_may_be_empty() -> None:
    assert SetAbout("ä" * MAX_ABOUT).request().child("status").text == "ä" * MAX_ABOUT
    assert SetAbout("").request().child("status").content is None
    for text in ("x" * (MAX_ABOUT + 1), "\ud800"):
        with pytest.raises(InvalidInput):
            SetAbout(text).request()
    SetAbout("").parse(result())


def test_a_timer_is_a_number_of_seconds() -> None:
    iq = SetDefaultTimer(86_400).request()
    assert (iq.get("xmlns"), iq.get("type")) == ("disappearing_mode", "set")
    assert iq.child("disappearing_mode").get("duration") == "86400"
    for seconds in (-1, 2**32):
        with pytest.raises(InvalidInput):
            SetDefaultTimer(seconds).request()
    SetDefaultTimer(0).parse(result())
