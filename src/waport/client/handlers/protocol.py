"""`protocolMessage`: machinery inside the encryption (docs/protocol/messages.md)."""

from __future__ import annotations

import logging
from dataclasses import replace

from ...errors import DecodeError
from ...proto import pb
from ...stanza.content import parse_inline_history
from ...stanza.message import IncomingMessage
from ...stanza.receipt import receipt
from ..encryption import learn_mapping
from ..work import Work

log = logging.getLogger(__name__)


def handle_protocol_message(
    work: Work, incoming: IncomingMessage, message: pb.ProtocolMessage
) -> None:
    """Act on what an own device sends; the same from anybody else is dropped silently."""
    if not incoming.from_me:
        return
    kind = message.type
    if kind == pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION:
        _history(work, incoming, message.historySyncNotification)
    elif kind == pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE:
        _app_state_keys(work, message.appStateSyncKeyShare)


def _history(
    work: Work, incoming: IncomingMessage, notification: pb.HistorySyncNotification
) -> None:
    """Learn names and addresses from an inline first history, our own name among them."""
    payload = notification.initialHistBootstrapInlinePayload
    if payload:
        try:
            names = parse_inline_history(payload)
        except DecodeError as exc:
            log.warning("an inline history was unusable: %s", exc)
            return
        for pn, lid in names.mappings:
            learn_mapping(work.store, pn, lid)
        for jid, name in names.push_names:
            if work.own.is_own(jid):
                if name != work.credentials.push_name:
                    work.credentials = replace(work.credentials, push_name=name)
                    work.store.devices.save(work.credentials)
                    work.later(work.announce)
            else:
                work.store.contacts.set_push_name(jid, name)
    work.reply(receipt(work.own.pn.bare, [incoming.id], "hist_sync"))


def _app_state_keys(work: Work, share: pb.AppStateSyncKeyShare) -> None:
    """Keep the keys of the app state: the phone sends them once."""
    for key in share.keys:
        if key.keyId.keyId and len(key.keyData.keyData) == 32:
            work.store.app_state.put_key(
                key.keyId.keyId, key.keyData.keyData, key.keyData.timestamp
            )
