"""Forwarding, and texts in place of buttons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.contents import CONTEXT, IMAGE, KEY
from waport.errors import InvalidInput
from waport.model.contents import (
    Context,
    Image,
    Reaction,
    Text,
    fallback_text,
    forwarded,
    has_context,
    with_context,
)


def test_forwarding_counts_and_drops_the_old_context() -> None:
    assert forwarded(IMAGE).context == Context(is_forwarded=True, forwarding_score=6)
    assert forwarded(Text("x")).context.forwarding_score == 1


def test_own_words_are_not_counted_but_what_one_had_forwarded_is() -> None:
    assert forwarded(Text("x"), is_own=True).context == Context()
    assert forwarded(IMAGE, is_own=True).context == Context(is_forwarded=True, forwarding_score=6)


def test_what_is_seen_once_and_what_is_no_message_can_not_be_forwarded() -> None:
    for content in (Image(IMAGE.file, view_once=True), Reaction(KEY, "x")):
        with pytest.raises(InvalidInput):
            forwarded(content)


def test_a_plain_text_with_a_context_is_plain_no_more() -> None:
    plain = Text("x", is_plain=True)
    assert not with_context(plain, lambda _: CONTEXT).is_plain
    assert with_context(plain, lambda context: context) == plain


def test_a_context_can_be_changed_in_part() -> None:
    changed = with_context(IMAGE, lambda context: replace(context, expiration_s=0))
    assert changed.context == replace(CONTEXT, expiration_s=0)


def test_reactions_have_no_context() -> None:
    assert has_context(IMAGE)
    assert not has_context(Reaction(KEY, "x"))


@pytest.mark.parametrize(
    ("title", "footer", "text"),
    [
        ("", "", "body"),
        ("title", "", "title\n\nbody"),
        ("", "footer", "body\n\nfooter"),
        ("title", "footer", "title\n\nbody\n\nfooter"),
    ],
)
def test_buttons_become_a_text(title: str, footer: str, text: str) -> None:
    assert fallback_text("body", title, footer) == text
