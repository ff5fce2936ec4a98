"""Frames about calls."""

from __future__ import annotations

from ..model import Call, CallChanged, CallStatus
from .frames import Frame, PayloadForm, payload
from .ids import jid_text


def call_frames(event: CallChanged, form: PayloadForm) -> list[Frame]:
    """The `call` event, in the lane of the chat that shows the call.

    `isVideo` and `isGroup` are absent when the offer itself never came; `participants` is an
    object, empty but for calls of groups. The older server told of offers alone.
    """
    call = event.call
    is_offer = call.status is CallStatus.OFFER
    if form is PayloadForm.WWEBJS and not is_offer:
        return []
    data = payload(form, _flat(call), {"call": _wwebjs(call)} if is_offer else {})
    return [Frame.of("call", data, lane=str(call.chat))]


def _flat(call: Call) -> dict[str, object]:
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
    return data


def _wwebjs(call: Call) -> dict[str, object]:
    return {
        "id": call.id,
        "from": jid_text(call.caller),
        "timestamp": call.timestamp,
        "isVideo": bool(call.is_video),
        "isGroup": bool(call.is_group),
        "fromMe": False,
        "canHandleLocally": False,
        "webClientShouldHandle": False,
        "participants": {jid_text(each): {} for each in call.participants},
    }
