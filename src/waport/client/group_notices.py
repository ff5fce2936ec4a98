"""What is told of a change of a group: an event, and the notice that its chat shows."""

from __future__ import annotations

from collections.abc import Callable

from ..model import Ack, DomainEvent, GroupChanged, Message, MessageKey, MessageKind
from ..model.group import GroupChange
from ..stanza.group_stubs import notice_of
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid
from .fanout import canonical

Emit = Callable[[DomainEvent], None]
"""Records an event in the open transaction."""


def tell_changes(
    store: UnitOfWork,
    own: OwnAddresses,
    emit: Emit,
    changes: list[GroupChange],
    *,
    group: Jid,
    author: Jid | None,
    at: int,
    id: str,
) -> None:
    """Keep a notice for each change where people are shown one, and announce the change.

    Args:
        author: who made them, in the group's addressing; None when not said.
        at: when, Unix seconds.
        id: of the notification; of several changes in one the later ones get a number behind it.
    """
    by = None
    if author is not None:
        by = own.pn.bare if own.is_own(author) else canonical(store, author)
    named = (author, *(member for change in changes for member in change.members))
    lids = store.addresses.lids_of(jid for jid in named if jid is not None and jid.is_pn)
    for place, change in enumerate(changes):
        notice = notice_of(change, author, lambda jid: lids.get(jid.bare))
        if notice is not None:
            from_me = by is not None and own.is_own(by)
            key = MessageKey(group, f"{id}-{place}" if place else id, from_me, by or group)
            store.messages.add(
                Message(
                    key,
                    at,
                    notice.info().SerializeToString(),
                    MessageKind.STUB,
                    ack=Ack.SERVER,
                )
            )
        emit(GroupChanged(group, change, by, at, id))
