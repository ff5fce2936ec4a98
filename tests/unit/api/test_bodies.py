"""Bodies made to cost much: bounded before they are read, and read beside the event loop."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from typing import Any

import pytest

from waport.api import body as body_module
from waport.api.body import MAX_BODY, MAX_INLINE
from waport.api.errors import HttpError
from waport.api.forms import MAX_ESCAPES, parse_form
from waport.api.inflate import MAX_MEMBERS, inflate
from waport.api.json_body import MAX_VALUES, parse_json

SEND = "/client/sendMessage/on"
HELLO = {"chatId": "15559990000", "contentType": "string", "content": "hello"}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
INVALID_JSON = (400, "Invalid JSON body", "invalid_json")
TOO_MUCH = (400, "Form has too many or too deeply nested fields", "bad_request")


# --- gzip ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 1000, 70_000])
def test_a_gzip_body_may_be_many_members(step: int) -> None:
    data = bytes(range(256)) * 400
    packed = b"".join(gzip.compress(data[at : at + step]) for at in range(0, step * 20, step))
    assert inflate(packed, "gzip", MAX_BODY) == data[: step * 20]


def test_what_follows_the_last_gzip_member_is_ignored() -> None:
    assert inflate(gzip.compress(b"{}") + b"\x00" * 100_000, "gzip", MAX_BODY) == b"{}"


def test_gzip_members_are_counted() -> None:
    member = gzip.compress(b"")
    assert inflate(member * MAX_MEMBERS, "gzip", MAX_BODY) == b""
    with pytest.raises(zlib.error):
        inflate(member * (MAX_MEMBERS + 1), "gzip", MAX_BODY)


async def test_a_body_of_empty_gzip_members_is_soon_refused(call: Any, problem: Any) -> None:
    member = gzip.compress(b"")
    headers = {**JSON, "content-encoding": "gzip"}
    bomb = member * (MAX_BODY // len(member))
    assert problem(await call("POST", SEND, content=bomb, headers=headers)) == INVALID_JSON


def test_every_cut_of_a_compressed_body_is_damage() -> None:
    whole = gzip.compress(b"{}")
    for cut in range(1, len(whole)):
        with pytest.raises(zlib.error):
            inflate(whole[:cut], "gzip", MAX_BODY)


# --- JSON ----------------------------------------------------------------------------------------


def array_of(count: int) -> str:
    return "[" + ",".join(["{}"] * count) + "]"


def test_json_has_so_many_values_and_no_more() -> None:
    # Each member costs its own bracket and a comma.
    assert len(parse_json(array_of(MAX_VALUES // 2 - 1))) == MAX_VALUES // 2 - 1
    with pytest.raises(HttpError) as caught:
        parse_json(array_of(MAX_VALUES))
    assert caught.value.problem.code == "invalid_json"
    with pytest.raises(HttpError):
        parse_json("[" + ",".join(["1"] * (MAX_VALUES + 2)) + "]")


async def test_a_body_of_millions_of_values_is_refused(call: Any, problem: Any) -> None:
    response = await call("POST", SEND, content=array_of(5_000_000), headers=JSON)
    assert problem(response) == INVALID_JSON


def test_each_lone_surrogate_is_replaced_once() -> None:
    count = 500_000
    (text,) = parse_json('["' + "\\ud800" * count + "\\ud83d\\ude42x\\uDFFF" + '"]')
    assert text == "\ufffd" * count + "🙂x\ufffd"


def test_surrogates_are_replaced_wherever_they_stand() -> None:
    assert parse_json(r'{"a\uD801":[{"b":"\udc00\ud800"}],"c":1}') == {
        "a\ufffd": [{"b": "\ufffd\ufffd"}],
        "c": 1,
    }


# --- forms ---------------------------------------------------------------------------------------


def test_escapes_across_a_long_value_are_all_decoded() -> None:
    text = "%41%E2%82%AC+b&" * 3
    value = "%41" + "x%E2%82%AC+" * 50_000
    assert parse_form(f"{text}v={value}")["v"] == "A" + "x€ " * 50_000


@pytest.mark.parametrize(
    ("form", "value"),
    [("a=%", "%"), ("a=%4", "%4"), ("a=%zz", "%zz"), ("a=100%25", "100%"), ("a=%ff", "\ufffd")],
)
def test_what_is_no_escape_stands_for_itself(form: str, value: str) -> None:
    assert parse_form(form) == {"a": value}


async def test_a_form_has_so_many_escapes_and_no_more(call: Any, problem: Any) -> None:
    response = await call("POST", SEND, content="a=" + "%41" * 16_000_000, headers=FORM)
    assert problem(response) == TOO_MUCH
    assert parse_form("a=" + "%41" * 1000) == {"a": "A" * 1000}
    with pytest.raises(HttpError):
        parse_form("a=" + "%" * (MAX_ESCAPES + 1))


# --- where it is done ----------------------------------------------------------------------------


@pytest.fixture
def parsed_on(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads on which JSON was parsed."""
    threads: list[threading.Thread] = []

    def parse(text: str) -> Any:
        threads.append(threading.current_thread())
        return parse_json(text)

    monkeypatch.setattr(body_module, "parse_json", parse)
    return threads


async def test_large_bodies_are_parsed_beside_the_event_loop(
    call: Any, sessions: Any, parsed_on: list[threading.Thread]
) -> None:
    large = json.dumps({**HELLO, "unused": "x" * MAX_INLINE})
    assert (await call("POST", SEND, content=large, headers=JSON)).status_code == 200
    headers = {**JSON, "content-encoding": "gzip"}
    packed = gzip.compress(large.encode())
    assert (await call("POST", SEND, content=packed, headers=headers)).status_code == 200
    assert len(sessions.account.sent) == 2
    assert threading.main_thread() not in parsed_on


async def test_small_bodies_are_parsed_at_once(
    call: Any, parsed_on: list[threading.Thread]
) -> None:
    assert (await call("POST", SEND, json=HELLO)).status_code == 200
    assert parsed_on == [threading.main_thread()]


async def test_a_refusal_from_the_thread_reaches_the_caller(call: Any, problem: Any) -> None:
    large = json.dumps({"unused": "x" * MAX_INLINE})[:-1]
    assert problem(await call("POST", SEND, content=large, headers=JSON)) == INVALID_JSON
