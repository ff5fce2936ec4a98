"""A short, repeatable run of the fuzzer over every reader; `make fuzz` runs it for longer."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROUNDS = 1500


def _module(name: str) -> ModuleType:
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mutate = _module("mutate")
targets = _module("targets")


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.name)
def test_only_our_errors_escape(target: object) -> None:
    chosen = random.Random(20)
    for _ in range(ROUNDS):
        data = mutate.mutate(chosen.choice(target.seeds), chosen)  # type: ignore[attr-defined]
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
