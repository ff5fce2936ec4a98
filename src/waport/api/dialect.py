"""How a route understands callers of an older server, and answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Problem

Finish = Callable[[Any], Any]
"""Makes of an endpoint's answer the one that is sent."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is different for some callers.

    Attributes:
        read: makes the fields that the route knows of those that were sent.
        refuse: makes their error of ours.
    """

    read: Callable[[Mapping[str, object]], Mapping[str, object]]
    refuse: Callable[[Problem], Problem]
