"""What groups are called: the limits that callers are told."""

from __future__ import annotations

from ..stanza.group_settings import MAX_SUBJECT
from .errors import InvalidRequest


def check_subject(subject: str, name: str) -> None:
    """Refuse a name that no group can have.

    Args:
        name: of the field.

    Raises:
        InvalidRequest: it is too long, or there is nothing to see of it.
    """
    if not subject.strip() or len(subject) > MAX_SUBJECT:
        raise InvalidRequest(f"{name} must be a string of 1 to {MAX_SUBJECT} characters")
