"""Whatever comes from outside, the readers of the HTTP layer only refuse in their own way."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from waport.api.addresses import is_reachable, parse_address
from waport.api.errors import HttpError, Problem, describe
from waport.api.fields import read_fields
from waport.api.forms import parse_form
from waport.api.head import decode_segment
from waport.api.inflate import TooMuchInflated, inflate
from waport.api.json_body import parse_json
from waport.api.schemas.chat import FetchMessagesRequest
from waport.api.schemas.client import SendMessageRequest
from waport.errors import InvalidInput
from waport.events.ids import stanza_id
from waport.events.links import find_links
from waport.wire import Jid


def problem_of(call: Callable[[], object]) -> Problem | None:
    """How a call was refused; None when it was not."""
    try:
        call()
    except HttpError as exc:
        return exc.problem
    except InvalidInput as exc:
        return describe(exc)
    return None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_what_is_json_reads_as_it_was_written(value: Any) -> None:
    text = json.dumps(value)
    if isinstance(value, dict | list):
        assert parse_json(text) == value
    else:
        problem = problem_of(lambda: parse_json(text))
        assert problem is not None
        assert problem.code == "invalid_json"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\ud ') | st.text())
def test_any_text_is_json_or_refused(text: str) -> None:
    problem = problem_of(lambda: parse_json(text))
    if problem is None:
        json.dumps(parse_json(text), ensure_ascii=False).encode("utf-8")
    else:
        assert problem.code == "invalid_json"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab[]=&%0123456789+") | st.text())
def test_any_text_is_a_form_or_refused(text: str) -> None:
    problem = problem_of(lambda: parse_form(text))
    assert problem is None or problem.code == "bad_request"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=8), st.binary(max_size=20), st.integers(0, 5))
def test_gzip_members_join_to_what_went_in(parts: list[bytes], tail: bytes, level: int) -> None:
    packed = b"".join(gzip.compress(part, level) for part in parts)
    assert inflate(packed, "gzip", 5000) == b"".join(parts)
    try:
        inflate(packed + tail, "gzip", 5000)
    except zlib.error:
        assert not parts or tail.startswith(b"\x1f\x8b")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_inflate_or_are_damaged(data: bytes, encoding: str) -> None:
    with contextlib.suppress(zlib.error, TooMuchInflated):
        assert len(inflate(data, encoding, 1000)) <= 1000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("a\ud83d\ude42\ud800\udfffé", max_size=6), max_size=4))
def test_no_half_character_is_left(texts: list[str]) -> None:
    read = parse_json(json.dumps(texts))
    joined = [text.encode("utf-16-le", "surrogatepass") for text in texts]
    assert read == [data.decode("utf-16-le", "replace") for data in joined]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(alphabet="abc", min_size=1), st.text(), max_size=5))
def test_flat_forms_read_as_they_were_written(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields, errors="replace")) == {
        key: value.encode("utf-8", "replace").decode() for key, value in fields.items()
    }


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([SendMessageRequest, FetchMessagesRequest]), st.data())
def test_any_fields_are_a_body_or_refused(cls: Any, data: st.DataObject) -> None:
    names = ["chatId", "contentType", "content", "options", "limit", "before", "searchOptions"]
    source = data.draw(st.dictionaries(st.sampled_from(names), JSON))

    def read() -> None:
        body = read_fields(cls, source)
        if isinstance(body, SendMessageRequest):
            content = body.content_kind.read(body.raw_content, "content")
            assert content is not None
            assert body.options is not None

    problem = problem_of(read)
    assert (
        problem is None
        or " must be " in problem.text
        or " required" in problem.text
        or problem.text.startswith("Unsupported content type")
    )


@settings(max_examples=200, deadline=None)
@given(st.text() | st.from_regex(r"[0-9+ -]{1,20}(@(c\.us|g\.us|lid|s\.whatsapp\.net))?"))
def test_any_text_is_an_address_and_only_digits_are_reachable(text: str) -> None:
    jid = parse_address(text)
    assert Jid.parse(str(jid)) == jid
    if is_reachable(jid):
        assert jid.user == "status" or jid.user.replace("-", "").isdigit()
        assert str(jid).isascii()


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_a_segment_decodes_to_what_was_encoded(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    assert decode_segment(quote(clean, safe="")) == clean
    decode_segment(text)
    stanza_id(text)
    find_links(text)
