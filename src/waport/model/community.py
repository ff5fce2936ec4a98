"""Communities: groups of groups.

Source: docs/protocol/queries.md, "Communities".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid
from .group import ParticipantResult


@dataclass(frozen=True, slots=True)
class SubGroup:
    """A group of a community, as a list of them shows it.

    Attributes:
        jid: `...@g.us`.
        subject: its name.
        subject_at: when it was named, Unix seconds.
        created_at: Unix seconds; 0 when not told.
        creator: who made it, bare; None when not told.
        size: how many members it has; 0 when not told.
        is_default: it is the announcement group.
        is_general: all members of the community are in it and may write.
        is_hidden: it is shown to its members alone.
        needs_approval: admins decide who joins.
    """

    jid: Jid
    subject: str = ""
    subject_at: int = 0
    created_at: int = 0
    creator: Jid | None = None
    size: int = 0
    is_default: bool = False
    is_general: bool = False
    is_hidden: bool = False
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class LinkResult:
    """What came of putting a group into a community, or taking it out.

    Attributes:
        group: its address.
        code: 200 when it was done; else the server's error, 0 when that is no number.
        left_behind: members who could not follow.
    """

    group: Jid
    code: int = 200
    left_behind: tuple[ParticipantResult, ...] = ()

    @property
    def is_done(self) -> bool:
        """It took effect."""
        return self.code == 200
