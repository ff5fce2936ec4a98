"""The server itself."""

from __future__ import annotations

from typing import Literal

from .common import MessageAnswer, SuccessEnvelope


class PingAnswer(MessageAnswer):
    """`timestamp` is in milliseconds."""

    timestamp: int


class UpAnswer(SuccessEnvelope):
    """The server is up."""

    status: Literal["up"]
