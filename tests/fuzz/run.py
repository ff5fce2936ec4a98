"""Feed every reader with mutated inputs for a while: `make fuzz`."""

from __future__ import annotations

import argparse
import random
import sys
import time

from .mutate import mutate
from .targets import EXPECTED, TARGETS, Target


def fuzz(target: Target, seconds: float, chosen: random.Random) -> int:
    """Returns how many inputs were tried; what escapes is raised with the input beside it."""
    deadline = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < deadline:
        data = mutate(chosen.choice(target.seeds), chosen)
        tried += 1
        try:
            target.read(data)
        except EXPECTED:
            continue
        except BaseException:
            print(f"{target.name} let an error escape for {data.hex()}", file=sys.stderr)
            raise
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else time.time_ns()
    print(f"seed {seed}")
    for target in TARGETS:
        tried = fuzz(target, arguments.seconds / len(TARGETS), random.Random(seed))
        print(f"{target.name}: {tried} inputs, only our errors")


if __name__ == "__main__":
    main()
