"""For all tests."""

from __future__ import annotations

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
