"""Asking the own phone for its copy of an app-state collection.

Source: docs/protocol/app-state.md, "Recovery".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..appstate import Collection
from ..proto import pb

MAX_RESULTS: Final = 4
"""Results looked at in one answer; there is one."""


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """What the phone answers.

    Attributes:
        request_id: of the message that asked.
        data: see `appstate.parse_copy`.
        is_compressed: it is a gzip file.
    """

    request_id: str
    data: bytes = field(repr=False)
    is_compressed: bool


def copy_request(collection: Collection, timestamp: int) -> pb.Message:
    """Ask the phone for all that it knows of a collection.

    Args:
        timestamp: now, Unix seconds.
    """
    message = pb.Message()
    protocol = message.protocolMessage
    protocol.type = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE
    request = protocol.peerDataOperationRequestMessage
    request.peerDataOperationRequestType = pb.COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY
    request.syncdCollectionFatalRecoveryRequest.collectionName = collection.value
    request.syncdCollectionFatalRecoveryRequest.timestamp = timestamp
    return message


def parse_copy_answer(message: pb.ProtocolMessage) -> CopyAnswer | None:
    """Read the phone's answer; None when it is one to another request, or holds nothing."""
    response = message.peerDataOperationRequestResponseMessage
    if (
        response.peerDataOperationRequestType != pb.COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY
        or not isinstance(response.stanzaId, str)
    ):
        return None
    for result in response.peerDataOperationResult[:MAX_RESULTS]:
        found = result.syncdSnapshotFatalRecoveryResponse
        if found.collectionSnapshot:
            return CopyAnswer(response.stanzaId, found.collectionSnapshot, found.isCompressed)
    return None
