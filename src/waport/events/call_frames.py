"""Frames about calls."""

from __future__ import annotations

from ..model import CallChanged
from .frames import Frame
from .ids import jid_text


def call_frame(event: CallChanged) -> Frame:
    """The `call` event, in the lane of the chat that shows the call.

    `isVideo` and `isGroup` are absent when the offer itself never came; `participants` is an
    object, empty but for calls of groups.
    """
    call = event.call
    data: dict[str, object] = {"id": call.id, "from": jid_text(call.caller)}
    if call.is_video is not None:
        data["isVideo"] = call.is_video
    if call.is_group is not None:
        data["isGroup"] = call.is_group
    data["status"] = call.status.value
    data["timestamp"] = call.timestamp
    data["fromMe"] = False
    data["participants"] = {jid_text(each): {} for each in call.participants}
    if call.group is not None:
        data["groupJid"] = jid_text(call.group)
    return Frame.of("call", data, lane=str(call.chat))
