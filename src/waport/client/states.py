"""Where a client stands, and the event that tells when its word changed."""

from __future__ import annotations

from collections.abc import Callable

from ..model import TRANSITIONS, WA_WORDS, SessionState, StateChanged, Step
from .reporter import Reporter


class States:
    """One client's state, moved along the table of the model.

    Args:
        on_state: called on the event loop after every step.
    """

    def __init__(self, reporter: Reporter, on_state: Callable[[SessionState], None]) -> None:
        self._reporter = reporter
        self._on_state = on_state
        self._word = ""
        self.now = SessionState.DISCONNECTED

    def advance(self, step: Step, word: str | None = None) -> None:
        """Take a step; tells the new state's word, or the one given, unless it is the old one."""
        self.now = TRANSITIONS[self.now, step]
        new_word = word or WA_WORDS[self.now]
        if new_word != self._word:
            self._word = new_word
            self._reporter.report(StateChanged(new_word))
        self._on_state(self.now)

    def show(self, qr: str | None, code: str | None) -> None:
        """A QR code or a pairing code is there, or is gone."""
        if code is not None:
            self.advance(Step.SHOW_CODE)
        elif self.now is SessionState.PAIRING:
            self.advance(Step.CODE_EXPIRED)
        elif qr is not None:
            self.advance(Step.SHOW_QR)

    def rest(self) -> None:
        """The client runs no more; nothing is told of that."""
        self.now = SessionState.DISCONNECTED
