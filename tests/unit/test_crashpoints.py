"""Crash points: registered, used, and without effect unless one is asked for."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import waport
from waport.crashpoints import ENVIRONMENT_NAME, POINTS

SOURCE = Path(waport.__file__).parent
PROGRAM = """
from waport.crashpoints import crash_point
for number in range(5):
    crash_point("store.committed")
    crash_point("link.sent")
    print(number, flush=True)
"""


def test_every_point_is_passed_somewhere_and_every_place_is_registered() -> None:
    named = re.compile(r'crash_point\("([^"]+)"\)')
    passed = {
        name
        for file in SOURCE.rglob("*.py")
        if file.name != "crashpoints.py"
        for name in named.findall(file.read_text())
    }
    assert passed == set(POINTS)


@pytest.mark.parametrize(
    ("asked", "lines", "code"),
    [
        ("", 5, 0),
        ("nothing.of.the.kind", 5, 0),
        ("store.committed", 0, -signal.SIGKILL),
        ("store.committed:4", 3, -signal.SIGKILL),
        ("link.sent:6", 5, 0),
    ],
)
def test_the_process_dies_at_the_pass_that_was_asked_for(asked: str, lines: int, code: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={ENVIRONMENT_NAME: asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert ended.stdout.split() == [str(number) for number in range(lines)]
    assert ended.stderr == (f"crash point {asked.partition(':')[0]}\n" if code else "")
