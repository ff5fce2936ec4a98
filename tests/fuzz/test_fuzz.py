"""A short, repeatable run of the fuzzer over every reader; `make fuzz` runs it for longer."""

from __future__ import annotations

import random

import pytest

from . import targets
from .mutate import mutate

ROUNDS = 1500


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.name)
def test_only_our_errors_escape(target: object) -> None:
    chosen = random.Random(20)
    for _ in range(ROUNDS):
        data = mutate(chosen.choice(target.seeds), chosen)  # type: ignore[attr-defined]
        try:
            target.read(data)  # type: ignore[attr-defined]
        except targets.EXPECTED:
            continue


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.name)
def test_no_input_is_refused_as_well(target: object) -> None:
    try:
        target.read(b"")  # type: ignore[attr-defined]
    except targets.EXPECTED:
        return
