"""What the server says of itself and of what it offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..wire import Jid


@dataclass(frozen=True, slots=True)
class ServerProperties:
    """Settings of the server that concern clients, the AB props.

    Attributes:
        hash: names this state of them; empty before the first.
        values: by config code.
        refresh_s: after so long they are to be asked for anew; 0 when not told.
    """

    hash: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    refresh_s: int = 0


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot that may be written to.

    Attributes:
        jid: its address.
        persona_id: its role.
        section: the headings under which it stands.
    """

    jid: Jid
    persona_id: str
    section: str = ""


@dataclass(frozen=True, slots=True)
class BotList:
    """The bots that there are.

    Attributes:
        bots: in the server's order; one may stand under several headings.
        default: the one that is asked if none is named.
    """

    bots: tuple[Bot, ...] = ()
    default: Bot | None = None
