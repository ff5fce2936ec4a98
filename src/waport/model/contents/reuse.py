"""Making a content out of another one: forwarded, answered, under a timer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import InvalidInput
from .context import Context
from .text import Text

if TYPE_CHECKING:
    from . import Content

C = TypeVar("C", bound="Content")


def has_context(content: Content) -> bool:
    """Whether a content can quote, mention and carry a timer."""
    return isinstance(getattr(content, "context", None), Context)


def with_context(content: C, change: Callable[[Context], Context]) -> C:
    """The same content with another context.

    Args:
        change: from the context that it has to the one it gets.

    Raises:
        InvalidInput: contents of this kind have none.
    """
    value: Any = content
    if not has_context(content):
        raise InvalidInput(f"a {type(content).__name__} has no context")
    context = change(value.context)
    if isinstance(value, Text):
        value = replace(value, is_plain=value.is_plain and context == Context())
    changed: C = replace(value, context=context)
    return changed


def forwarded(content: C, *, is_own: bool = False) -> C:
    """A content as it is forwarded: without quote, mentions and timer, and counted.

    Args:
        is_own: whoever forwards it has sent it. What they wrote themselves is not counted; what
            they had forwarded is.

    Raises:
        InvalidInput: contents of this kind, or seen only once, can't be forwarded.
    """
    if getattr(content, "view_once", False):
        raise InvalidInput("what can be seen once can't be forwarded")

    def counted(context: Context) -> Context:
        if is_own and not context.is_forwarded:
            return Context()
        return Context(is_forwarded=True, forwarding_score=context.forwarding_score + 1)

    return with_context(content, counted)
