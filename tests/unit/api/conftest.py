"""A server over fake sessions, called in process."""

from support.fake_server import (
    call,
    hub,
    make_app,
    make_call,
    make_message,
    make_settings,
    problem,
    serve,
    sessions,
)

__all__ = [
    "call",
    "hub",
    "make_app",
    "make_call",
    "make_message",
    "make_settings",
    "problem",
    "serve",
    "sessions",
]
