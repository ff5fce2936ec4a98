"""`privacy_token` notifications: somebody lets us write to them."""

from __future__ import annotations

from ...stanza.receipt import ack
from ...stanza.tokens import bears_tokens, parse_privacy_token
from ...wire import Node
from ..encryption import learn_mapping
from ..fanout import canonical
from ..tokens import token_key
from ..work import Work


def handle_privacy_token(work: Work, node: Node) -> None:
    """Keep the token that a person gave us, if it is younger than the one before; ack.

    Raises:
        StanzaError: the notification does not say from whom; the dispatcher refuses it.

    Source: docs/protocol/messages.md, "Trusted-contact token".
    """
    given = parse_privacy_token(node, work.now)
    sender = given.sender
    if bears_tokens(sender) and not work.own.is_own(sender):
        if sender.is_pn and given.lid is not None:
            learn_mapping(work.store, sender, given.lid)
        if given.token and bears_tokens(canonical(work.store, sender)):
            key = token_key(work.store, sender)
            work.store.tokens.put(key, given.token, given.timestamp)
    work.reply(ack(node))
