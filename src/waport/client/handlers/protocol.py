"""`protocolMessage`: machinery inside the encryption (docs/protocol/messages.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ...errors import DecodeError
from ...proto import pb
from ...stanza.content import unwrap
from ...stanza.contents.fields import enum_number
from ...stanza.contents.trust import is_trusted
from ...stanza.message import IncomingMessage
from ...stanza.peer import parse_mapping_sync, parse_migration_time
from ..encryption import learn_mapping
from ..work import Work

log = logging.getLogger(__name__)

_Type = pb.ProtocolMessage.Type

PeerAnswer = Callable[[Work, IncomingMessage, pb.ProtocolMessage], None]
"""Takes what the own phone answers to a request of ours."""

MappingSync = Callable[[Work, str, bytes], None]
"""Takes the payload of a LID migration; the text is the id of the message."""

HistoryNotice = Callable[[Work, str, pb.HistorySyncNotification], None]
"""Takes the announcement of a piece of history; the text is the id of the message."""

MAX_AT_ONCE = 200
"""Pairs of addresses that are taken in at once; a larger table is taken in step by step."""

KeyShare = Callable[[Work, pb.AppStateSyncKeyShare], None]
"""Takes keys of the app state, which an own device shares."""

KeyRequest = Callable[[Work, IncomingMessage, pb.AppStateSyncKeyRequest], None]
"""Takes the wish of another own device for keys of the app state."""


def mappings_taker(take_many: MappingSync) -> MappingSync:
    """Takes the phone's table of phone numbers and hidden ids.

    Args:
        take_many: takes one that is too large to be taken in at once.

    Source: docs/protocol/messages.md, "Protocol messages".
    """

    def take_mappings(work: Work, message_id: str, payload: bytes) -> None:
        try:
            pairs = parse_mapping_sync(payload)
        except DecodeError as exc:
            log.warning("a table of hidden ids is unusable: %s", exc)
            return
        migrated_at = parse_migration_time(payload)
        if migrated_at:
            work.store.history.keep_first("account", "lid_migrated_at", str(migrated_at).encode())
        if len(pairs) > MAX_AT_ONCE:
            take_many(work, message_id, payload)
            return
        for pn, lid in pairs:
            learn_mapping(work.store, pn, lid)

    return take_mappings


class ProtocolMessages:
    """Acts on machinery; the same from anybody who may not send it is dropped silently.

    Args:
        on_answers: for answers of the own phone; each takes those to its own requests.
        on_mappings: for the phone's table of hidden ids.
        on_keys: for keys of the app state.
        on_key_request: for own devices that lack some.
        on_history: for announcements of history.
    """

    def __init__(
        self,
        on_answers: Sequence[PeerAnswer],
        on_mappings: MappingSync,
        on_keys: KeyShare,
        on_key_request: KeyRequest,
        on_history: HistoryNotice,
    ) -> None:
        self._on_answers = on_answers
        self._on_history = on_history
        self._on_mappings = on_mappings
        self._on_keys = on_keys
        self._on_key_request = on_key_request

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
            self._on_history(work, incoming.id, protocol.historySyncNotification)
        elif kind == _Type.APP_STATE_SYNC_KEY_SHARE:
            self._on_keys(work, protocol.appStateSyncKeyShare)
        elif kind == _Type.APP_STATE_SYNC_KEY_REQUEST:
            self._on_key_request(work, incoming, protocol.appStateSyncKeyRequest)
        elif kind == _Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE:
            for take in self._on_answers:
                take(work, incoming, protocol)
        elif kind == _Type.LID_MIGRATION_MAPPING_SYNC:
            payload = protocol.lidMigrationMappingSyncMessage.encodedMappingPayload
            self._on_mappings(work, incoming.id, payload)
        elif kind == _Type.SHARE_PHONE_NUMBER:
            log.debug("somebody shows their phone number; the stanza names it")
