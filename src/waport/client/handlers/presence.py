"""`<presence>` and `<chatstate>` stanzas: somebody comes, leaves or types.

Source: docs/protocol/queries.md, "Presence and chat state".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ...errors import StanzaError
from ...model import PresenceChanged
from ...stanza.presence import parse_chat_state, parse_presence
from ...wire import Node
from ..fanout import canonical
from ..presences import Presences
from ..work import Work

log = logging.getLogger(__name__)


def presence_handler(known: Presences) -> Callable[[Work, Node], None]:
    """A handler for both tags. They are not acked, so one that cannot be read is left alone.

    Args:
        known: remembers what they say.
    """

    def handle_presence(work: Work, node: Node) -> None:
        to = node.get_jid("to")
        if to is not None and to.is_user and not work.own.is_own(to):
            return  # the echo of our own
        try:
            parse = parse_chat_state if node.tag == "chatstate" else parse_presence
            presence = parse(node)
        except StanzaError as exc:
            log.info("ignored a presence: %s", exc)
            return
        if work.own.is_own(presence.user):
            return
        presence = replace(
            presence,
            chat=canonical(work.store, presence.chat),
            user=canonical(work.store, presence.user),
        )
        known.put(presence)
        work.emit(PresenceChanged(presence))

    return handle_presence
