"""Contents that nobody has a value for, and those that say something about the chat."""

from __future__ import annotations

from interop.kinds.case import Case, Native, Ours, Raw
from waport.model.contents import SharingLimit, Unknown
from waport.proto import pb

UNKNOWN_FIELD = 9001
UNKNOWN_BYTES = b"\x0a\x05hello"

_LIMITED_AT = 1_700_000_000
_CALL = pb.Message(
    callLogMesssage=pb.CallLogMessage(
        isVideo=True, callOutcome=pb.CallLogMessage.MISSED, durationSecs=12
    )
)
_SCHEDULED = pb.Message(
    scheduledCallCreationMessage=pb.ScheduledCallCreationMessage(
        scheduledTimestampMs=1_900_000_000_000,
        callType=pb.ScheduledCallCreationMessage.VOICE,
        title="later",
    )
)


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field, serialized; `data` is short."""
    tag = number << 3 | 2
    varint = bytearray()
    while tag > 0x7F:
        varint.append(tag & 0x7F | 0x80)
        tag >>= 7
    return bytes((*varint, tag, len(data))) + data


_BEYOND = _field(UNKNOWN_FIELD, UNKNOWN_BYTES)

OTHERS = (
    Case(
        "call log",
        expected=lambda _: _CALL,
        theirs=lambda _: Raw(_CALL),
        ours=lambda _: Ours(Unknown("callLogMesssage", _CALL.SerializeToString())),
    ),
    Case(
        "scheduled call",
        expected=lambda _: _SCHEDULED,
        theirs=lambda _: Raw(_SCHEDULED),
        ours=lambda _: Ours(
            Unknown("scheduledCallCreationMessage", _SCHEDULED.SerializeToString())
        ),
    ),
    Case(
        "content that no schema has",
        expected=lambda _: pb.Message(),
        theirs=lambda _: Raw(pb.Message(), {UNKNOWN_FIELD: UNKNOWN_BYTES}),
        ours=lambda _: Ours(Unknown("", _BEYOND)),
        is_in_schema=False,
    ),
    Case(
        "limited sharing",
        expected=lambda _: pb.Message(
            protocolMessage=pb.ProtocolMessage(
                type=pb.ProtocolMessage.LIMIT_SHARING,
                limitSharing=pb.LimitSharing(sharingLimited=True),
            )
        ),
        theirs=lambda _: Native({"limitSharing": True}),
        ours=lambda _: Ours(SharingLimit(True, _LIMITED_AT)),
        is_announced=False,
    ),
)
