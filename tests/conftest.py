"""For all tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from support.driven import Driven

# How long an example takes says more of the machine than of the code.
settings.register_profile("waport", deadline=None)
settings.load_profile("waport")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--driven",
        type=Path,
        metavar="FILE",
        help="add the calls of the end-to-end tests to FILE, and print what no run has driven yet",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Driven(config), "driven")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many bad inputs were tried, by kind."""
    tried: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "hostile":
                tried[value[0]] += value[1]
    if tried:
        terminalreporter.section("hostile inputs")
        for kind, count in tried.items():
            terminalreporter.write_line(f"{count:6} {kind}")
        terminalreporter.write_line(f"{tried.total():6} in all")
