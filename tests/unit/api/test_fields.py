"""Body classes: texts about missing fields, names, kinds; and the small parts of the HTTP layer."""

from __future__ import annotations

from typing import Any

import pytest

from waport.api.errors import HttpError
from waport.api.fields import body, body_schema, defined, optional, read_fields, required
from waport.api.forms import parse_form
from waport.api.kinds import (
    ADDRESS,
    ADDRESSES,
    ANYTHING,
    BOOLEAN,
    INTEGER,
    MAX_ITEMS,
    OBJECT,
    TEXT,
    Kind,
    nested,
)
from waport.api.limits import MAX_CALLERS, RateLimit
from waport.api.paths import PathTable
from waport.errors import InvalidInput
from waport.wire import Jid

PERSON = Jid("15551234567", "s.whatsapp.net")


@body
class One:
    a: str = required("a", TEXT)


@body
class Two:
    a: str = required("a", TEXT)
    b: object = defined("b", ANYTHING)


LIST = Kind(ADDRESSES.read, ADDRESSES.schema, is_array=True)


@body
class Three:
    """Three fields."""

    group: Jid = required("groupId", ADDRESS, also=("chatId",))
    participants: tuple[Jid, ...] = required("participants", LIST, note="Who.")
    more: str | None = optional("more", TEXT, default="x", example="y")
    subject: str = required("subject", TEXT)


@body
class Inner:
    n: int = required("n", INTEGER)


@body
class Outer:
    inner: Inner | None = optional("inner", nested(Inner), default=None)


def refusal(cls: Any, source: dict[str, object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_fields(cls, source)
    return str(caught.value)


def test_the_text_names_all_that_must_be_given() -> None:
    assert refusal(One, {}) == "a is required"
    assert refusal(Two, {"b": 1}) == "a and b are required"
    three = "groupId, participants array, and subject are required"
    assert refusal(Three, {"groupId": "1@g.us", "subject": "s"}) == three


@pytest.mark.parametrize("value", ["", None, 0, False, 0.0])
def test_what_is_false_is_missing(value: object) -> None:
    assert refusal(One, {"a": value}) == "a is required"


@pytest.mark.parametrize("value", [[], {}, 1, True])
def test_what_is_not_false_is_only_of_a_wrong_type(value: object) -> None:
    assert refusal(One, {"a": value}) == "a must be a string"


@pytest.mark.parametrize("value", [None, "", 0, False])
def test_a_defined_field_may_hold_anything(value: object) -> None:
    assert read_fields(Two, {"a": "x", "b": value}).b == value
    assert refusal(Two, {"a": "x"}) == "a and b are required"


def test_a_required_array_that_is_none_is_missing() -> None:
    good = {"groupId": "1@g.us", "participants": ["1"], "subject": "s"}
    assert read_fields(Three, good).participants == (Jid("1", "s.whatsapp.net"),)
    assert "participants array" in refusal(Three, {**good, "participants": "1"})
    assert read_fields(Three, {**good, "participants": []}).participants == ()


def test_the_first_name_that_is_given_counts() -> None:
    good: dict[str, object] = {"participants": [], "subject": "s"}
    assert read_fields(Three, {**good, "chatId": "2@g.us"}).group.user == "2"
    both = {**good, "chatId": "2@g.us", "groupId": "1@g.us"}
    assert read_fields(Three, both).group.user == "1"


def test_null_in_an_optional_field_means_not_given() -> None:
    good: dict[str, object] = {"groupId": "1@g.us", "participants": [], "subject": "s"}
    assert read_fields(Three, {**good, "more": None}).more == "x"
    assert read_fields(Three, good).more == "x"


def test_inner_fields_are_named_with_dots() -> None:
    assert read_fields(Outer, {"inner": {"n": "2.5"}}).inner == Inner(n=2)
    assert refusal(Outer, {"inner": {"n": "x"}}) == "inner.n must be a number"
    assert refusal(Outer, {"inner": 5}) == "inner must be an object"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (INTEGER, 1, 1),
        (INTEGER, " 2.50 ", 2),
        (INTEGER, "-1e3", -1000),
        (INTEGER, "7", 7),
        (INTEGER, 7.9, 7),
        (BOOLEAN, "true", True),
        (BOOLEAN, " FALSE", False),
        (ADDRESSES, "15551234567", (PERSON,)),
        (ADDRESSES, 15551234567, (PERSON,)),
        (ADDRESSES, ["15551234567@c.us", 15551234567], (PERSON, PERSON)),
        (ADDRESSES, [1234567] * MAX_ITEMS, (Jid("1234567", "s.whatsapp.net"),) * MAX_ITEMS),
    ],
)
def test_kindnesses_are_kept(kind: Kind[Any], value: object, expected: object) -> None:
    assert kind.read(value, "f") == expected


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (INTEGER, "1_000", "f must be a number"),
        (INTEGER, "nan", "f must be a number"),
        (INTEGER, "Infinity", "f must be a number"),
        (INTEGER, "0x10", "f must be a number"),
        (INTEGER, "", "f must be a number"),
        (INTEGER, "1" * 401, "f must be a number"),
        (INTEGER, 10**400, "f must be a number"),
        (INTEGER, True, "f must be a number"),
        (INTEGER, None, "f must be a number"),
        (BOOLEAN, 1, "f must be a boolean"),
        (BOOLEAN, "yes", "f must be a boolean"),
        (OBJECT, [], "f must be an object"),
        (ADDRESSES, {}, "f must be an array"),
        (ADDRESSES, [[]], "f.0 must be a string"),
        (ADDRESSES, [5], "f.0 must be a string"),
        (ADDRESSES, ["a"] * (MAX_ITEMS + 1), "f must be an array of at most 10000 items"),
        (TEXT, 5, "f must be a string"),
    ],
)
def test_wrong_types_have_their_texts(kind: Kind[Any], value: object, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        kind.read(value, "f")
    assert str(caught.value) == text


def test_a_body_class_describes_itself() -> None:
    assert body_schema(Three) == {
        "type": "object",
        "properties": {
            "groupId": {"type": "string"},
            "participants": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Who.",
            },
            "more": {"type": "string", "example": "y", "default": "x"},
            "subject": {"type": "string"},
        },
        "required": ["groupId", "participants", "subject"],
    }


# --- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a", {"a": ""}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[]=1", {"a": ["1"]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[1]=y&a[0]=x", {"a": ["x", "y"]}),
        ("a[7]=x", {"a": ["x"]}),
        ("a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a[b][c][]=1", {"a": {"b": {"c": ["1"]}}}),
        ("a[][b]=1&a[][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("a=1&a[b]=2", {"a": {"0": "1", "b": "2"}}),
        ("a[b]=2&a=1", {"a": {"b": "2", "1": "1"}}),
        ("[a]=1&b[=2&c]=3&d[x]y=4", {"[a]": "1", "b[": "2", "c]": "3", "d[x]y": "4"}),
        ("a=x+y%20z%2B", {"a": "x y z+"}),
        ("a=%ff", {"a": "\ufffd"}),
        ("&&a=1&&", {"a": "1"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_forms_are_read_like_this(form: str, expected: dict[str, object]) -> None:
    assert parse_form(form) == expected


def test_a_form_may_be_as_large_as_its_bounds() -> None:
    assert len(parse_form("&".join(f"a{n}=1" for n in range(1000)))) == 1000
    parse_form("a" + "[x]" * 31 + "=1")
    with pytest.raises(HttpError):
        parse_form("a" + "[x]" * 32 + "=1")


# --- paths and limits ----------------------------------------------------------------------------


def test_a_fixed_segment_goes_before_a_parameter_but_does_not_hide_it() -> None:
    table: PathTable[str] = PathTable()
    table.add("/a/{x}", "GET", "parameter", changes_state=False)
    table.add("/a/b", "GET", "fixed", changes_state=False)
    table.add("/a/b/c", "GET", "deep", changes_state=False)
    table.add("/a/{x}/d", "POST", "below", changes_state=False)

    def found(path: str) -> tuple[list[str], list[str]] | None:
        hit = table.find(path)
        return None if hit is None else (sorted(set(hit[0].routes.values())), hit[1])

    assert found("/a/B") == (["fixed"], [])
    assert found("/a/other") == (["parameter"], ["other"])
    assert found("/a/b/c/") == (["deep"], [])
    assert found("/a/b/d") == (["below"], ["b"])
    assert found("/a") is None
    assert found("a/b") is None


def test_the_rate_limit_lets_in_again_after_its_window() -> None:
    now = 0.0
    limit = RateLimit(2, 1500, clock=lambda: now)
    assert [limit.take(b"a"), limit.take(b"a"), limit.take(b"a")] == [None, None, 2]
    assert limit.take(b"b") is None
    now = 1.2
    assert limit.take(b"a") == 1
    now = 1.5
    assert [limit.take(b"a"), limit.take(b"a"), limit.take(b"a")] == [None, None, 2]


def test_the_rate_limit_remembers_a_bounded_number_of_callers() -> None:
    limit = RateLimit(1, 1000, clock=lambda: 0.0)
    for n in range(MAX_CALLERS + 10):
        assert limit.take(str(n).encode()) is None
    assert len(limit._windows) == MAX_CALLERS
