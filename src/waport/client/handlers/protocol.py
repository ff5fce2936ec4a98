"""`protocolMessage`: machinery inside the encryption (docs/protocol/messages.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ...errors import DecodeError
from ...proto import pb
from ...stanza.content import parse_inline_history, unwrap
from ...stanza.contents.fields import enum_number
from ...stanza.contents.trust import is_trusted
from ...stanza.message import IncomingMessage
from ...stanza.peer import parse_mapping_sync
from ...stanza.receipt import receipt
from ..encryption import learn_mapping
from ..work import Work

log = logging.getLogger(__name__)

_Type = pb.ProtocolMessage.Type

PeerAnswer = Callable[[Work, IncomingMessage, pb.ProtocolMessage], None]
"""Takes what the own phone answers to a request of ours."""

MappingSync = Callable[[Work, bytes], None]
"""Takes the payload of a LID migration."""

KeyShare = Callable[[Work, pb.AppStateSyncKeyShare], None]
"""Takes keys of the app state, which an own device shares."""


def take_mappings(work: Work, payload: bytes) -> None:
    """The phone's table of phone numbers and hidden ids.

    Source: docs/protocol/messages.md, "Protocol messages".
    """
    try:
        pairs = parse_mapping_sync(payload)
    except DecodeError as exc:
        log.warning("a table of hidden ids is unusable: %s", exc)
        return
    for pn, lid in pairs:
        learn_mapping(work.store, pn, lid)


class ProtocolMessages:
    """Acts on machinery; the same from anybody who may not send it is dropped silently.

    Args:
        on_answer: for answers of the own phone.
        on_mappings: for the phone's table of hidden ids.
        on_keys: for keys of the app state.
    """

    def __init__(self, on_answer: PeerAnswer, on_mappings: MappingSync, on_keys: KeyShare) -> None:
        self._on_answer = on_answer
        self._on_mappings = on_mappings
        self._on_keys = on_keys

    def handle(self, work: Work, incoming: IncomingMessage, message: pb.Message) -> None:
        """Act on a message, if it is machinery.

        Raises:
            DecodeError: it is wrapped deeper than any real message.
        """
        inner = unwrap(message)
        if not inner.HasField("protocolMessage"):
            return
        protocol = inner.protocolMessage
        kind = enum_number(protocol, "type")
        if not is_trusted(
            kind,
            from_me=incoming.from_me,
            device=incoming.sender.device,
            is_private=incoming.chat.is_user,
        ):
            return
        if kind == _Type.HISTORY_SYNC_NOTIFICATION:
            _history(work, incoming, protocol.historySyncNotification)
        elif kind == _Type.APP_STATE_SYNC_KEY_SHARE:
            self._on_keys(work, protocol.appStateSyncKeyShare)
        elif kind == _Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE:
            self._on_answer(work, incoming, protocol)
        elif kind == _Type.LID_MIGRATION_MAPPING_SYNC:
            payload = protocol.lidMigrationMappingSyncMessage.encodedMappingPayload
            self._on_mappings(work, payload)
        elif kind == _Type.SHARE_PHONE_NUMBER:
            log.debug("somebody shows their phone number; the stanza names it")


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
