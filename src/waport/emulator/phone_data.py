"""What the phone answers when a companion asks for something that it has lost or could not read.

Source: docs/protocol/messages.md, "Retries"; docs/protocol/app-state.md, "Recovery".
"""

from __future__ import annotations

from collections.abc import Callable

from ..proto import pb

_MAX_REQUESTS = 64  # messages that a companion may ask for at once
_NOT_FOUND = pb.MediaRetryNotification.NOT_FOUND

Find = Callable[[pb.MessageKey], pb.WebMessageInfo | None]
"""A message by its key; None when there is none such."""

CopyState = Callable[[str], bytes]
"""A whole collection of app state, compressed."""


def data_response(
    name: str, request: pb.PeerDataOperationRequestMessage, find: Find
) -> pb.ProtocolMessage:
    """Answer a data request.

    Args:
        name: id of the message that asked.
        request: what it asked for.
        find: looks the phone's messages up.
    """
    result_type = pb.PeerDataOperationRequestResponseMessage.PeerDataOperationResult
    results = []
    for wanted in request.placeholderMessageResendRequest[:_MAX_REQUESTS]:
        found = find(wanted.messageKey)
        if found is None:
            results.append(result_type(mediaUploadResult=_NOT_FOUND))
            continue
        response = result_type.PlaceholderMessageResendResponse(
            webMessageInfoBytes=found.SerializeToString()
        )
        results.append(result_type(placeholderMessageResendResponse=response))
    return pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage=pb.PeerDataOperationRequestResponseMessage(
            peerDataOperationRequestType=request.peerDataOperationRequestType,
            stanzaId=name,
            peerDataOperationResult=results or [result_type(mediaUploadResult=_NOT_FOUND)],
        ),
    )


def state_response(
    name: str, request: pb.PeerDataOperationRequestMessage, copy: CopyState
) -> pb.ProtocolMessage:
    """Answer a companion that cannot go on with a collection by itself.

    Args:
        name: id of the message that asked.
        request: what it asked for.
        copy: makes the copy.

    Raises:
        InvalidInput, CryptoError, ProtocolError: there is none.
    """
    result_type = pb.PeerDataOperationRequestResponseMessage.PeerDataOperationResult
    wanted = request.syncdCollectionFatalRecoveryRequest.collectionName
    response = result_type.SyncDSnapshotFatalRecoveryResponse(
        collectionSnapshot=copy(wanted), isCompressed=True
    )
    return pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage=pb.PeerDataOperationRequestResponseMessage(
            peerDataOperationRequestType=request.peerDataOperationRequestType,
            stanzaId=name,
            peerDataOperationResult=[result_type(syncdSnapshotFatalRecoveryResponse=response)],
        ),
    )
