"""Links in texts."""

from __future__ import annotations

import sys
from typing import Any, SupportsIndex

import pytest

from waport.events.links import MAX_LENGTH, MAX_LINKS, _trim, find_links, is_suspicious


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("no link", []),
        ("see https://a.example/x?y=1.", ["https://a.example/x?y=1"]),
        ("(http://a.example)", ["http://a.example"]),
        ("http://a.example/(b)", ["http://a.example/(b)"]),
        ("WWW.a.example, and http://b.example!", ["WWW.a.example", "http://b.example"]),
        ("*https://a.example*", ["https://a.example"]),
    ],
)
def test_links_are_found_without_what_follows_them(text: str, links: list[str]) -> None:
    assert [link["link"] for link in find_links(text)] == links


def test_links_are_bounded_in_number_and_length() -> None:
    assert len(find_links("http://a.example " * 500)) == MAX_LINKS == 100
    longest = "http://a.example/".ljust(MAX_LENGTH, "x")
    found = find_links(f"{longest} {longest}x http://b.example")
    assert [link["link"] for link in found] == [longest, "http://b.example"]


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("http://a.example/((b)))))", "http://a.example/((b))"),
        ("http://a.example/[(b)]).]", "http://a.example/[(b)]"),
        ("http://a.example/)(", "http://a.example/)("),
        ("http://a.example/b.)!)", "http://a.example/b"),
    ],
)
def test_brackets_that_the_link_does_not_open_are_not_its_own(text: str, link: str) -> None:
    assert [found["link"] for found in find_links(text)] == [link]


class Watched(str):
    """A text that counts how often somebody goes through all of it."""

    __slots__ = ()
    passes = 0

    def count(self, *args: Any) -> int:
        Watched.passes += 1
        return super().count(*args)

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        found = super().__getitem__(key)
        if not isinstance(key, slice):
            return found
        Watched.passes += 1
        return Watched(found)


@pytest.mark.parametrize("tail", [")", ")]}", ".", "(", "()", ")."])
def test_a_link_is_gone_through_a_few_times_however_long_its_end(tail: str) -> None:
    link = Watched("http://a.example/" + tail * (200_000 // len(tail)))
    Watched.passes = 0
    _trim(link)
    assert Watched.passes < 10


@pytest.mark.parametrize("unit", ["http://", "www.", "http://) ", "http://\u043f.", "<http:/", ")"])
def test_twice_the_text_is_twice_the_work(unit: str) -> None:
    """Counted in steps of the interpreter, so that a busy machine changes nothing."""

    def steps(length: int) -> int:
        count = 0

        def trace(*_: object) -> object:
            nonlocal count
            count += 1
            return trace

        text = ("http://a.example/" + unit * length)[:length]
        before = sys.gettrace()
        sys.settrace(trace)  # type: ignore[arg-type]
        try:
            find_links(text)
        finally:
            sys.settrace(before)
        return count

    assert steps(200_000) < 3 * steps(100_000) + 1000


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.org", False),
        ("https://bücher.example", False),
        ("https://пример.example", False),
        ("https://p\u0430ypal.example", True),  # a Cyrillic letter among Latin ones
        ("https://日本ひらカナ.example", False),
        ("http://[broken", True),
    ],
)
def test_a_host_of_mixed_alphabets_is_suspicious(link: str, expected: bool) -> None:
    assert is_suspicious(link) is expected
