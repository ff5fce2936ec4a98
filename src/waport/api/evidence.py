"""What `/session/status` tells of a connection beyond its state."""

from __future__ import annotations

from ..model import Evidence
from .schemas.session import StatusAnswer


def add_evidence(answer: StatusAnswer, evidence: Evidence | None) -> None:
    """Add what shows that the connection lives, if there is one."""
    if evidence is not None:
        answer["evidence"] = {
            "connectedAt": _ms(evidence.logged_in_at),
            "lastReceivedAt": _ms(evidence.received_at),
            "lastPongAt": _ms(evidence.pong_at),
        }


def _ms(unix_s: float | None) -> int | None:
    return None if unix_s is None else int(unix_s * 1000)
