from __future__ import annotations

from itertools import product

import pytest

from waport.model import TRANSITIONS, WA_WORDS, SessionState, Step


@pytest.mark.parametrize(("state", "step"), list(product(SessionState, Step)))
def test_every_state_answers_every_step(state: SessionState, step: Step) -> None:
    after = TRANSITIONS[state, step]
    match step:
        case Step.CONNECT:
            assert after is SessionState.CONNECTING
        case Step.LOG_IN:
            assert after is SessionState.CONNECTED
        case Step.LOSE:
            assert after is SessionState.DISCONNECTED
        case Step.SHOW_QR:
            assert after is (SessionState.QR if state is SessionState.CONNECTING else state)
        case Step.SHOW_CODE:
            waiting = (SessionState.CONNECTING, SessionState.QR, SessionState.PAIRING)
            assert after is (SessionState.PAIRING if state in waiting else state)
        case Step.CODE_EXPIRED:
            assert after is (SessionState.QR if state is SessionState.PAIRING else state)


def test_every_state_has_a_word() -> None:
    assert set(WA_WORDS) == set(SessionState)
