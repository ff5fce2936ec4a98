"""What a phone does when it is asked for something: it may be away, or have lost what is wanted.

Source: docs/emulator.md, "Phones that do not answer".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from ..errors import InvalidInput

Habit = Literal["answer", "ignore", "refuse"]

HABITS: frozenset[Habit] = frozenset({"answer", "ignore", "refuse"})
_NEVER_REFUSED = frozenset({"state", "retries"})


@dataclass(slots=True)
class Habits:
    """How it treats each kind of request: it answers, is silent, or says that it cannot help.

    Attributes:
        placeholders: for messages that a companion could not read; refused as not found.
        media: for files that cannot be downloaded any more; refused as gone.
        keys: for app-state keys; refused as not known.
        state: for copies of app-state collections; never refused.
        retries: for a message that another device could not read; never refused.
        history: for old messages, or a piece of history once more; refused as not there.
    """

    placeholders: Habit = "answer"
    media: Habit = "answer"
    keys: Habit = "answer"
    state: Habit = "answer"
    retries: Habit = "answer"
    history: Habit = "answer"

    def change(self, wanted: Mapping[str, object]) -> None:
        """Change some of them.

        Raises:
            InvalidInput: there is no such request or habit.
        """
        names = {field.name for field in fields(self)}
        for name, habit in wanted.items():
            if name not in names or habit not in HABITS:
                raise InvalidInput(f"there is no habit {name}: {habit}")
            if habit == "refuse" and name in _NEVER_REFUSED:
                raise InvalidInput(f"requests for {name} cannot be refused")
        for name, habit in wanted.items():
            setattr(self, name, habit)

    def shown(self) -> dict[str, str]:
        """All of them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
