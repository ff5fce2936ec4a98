"""The `call` event."""

from __future__ import annotations

import json

from waport.events.render import render
from waport.model import Call, CallChanged, CallStatus
from waport.wire import Jid

ANN = Jid("15559990000", "s.whatsapp.net")
GROUP = Jid("120363000000000001", "g.us")


def test_a_private_call_has_the_keys_of_the_contract_in_order() -> None:
    call = Call("C1", ANN.with_device(2), ANN, CallStatus.OFFER, 1700000000, True, None, False)
    (frame,) = render(CallChanged(call))
    assert (frame.kind, frame.lane) == ("call", str(ANN))
    assert json.loads(frame.text) == {
        "id": "C1",
        "from": "15559990000@c.us",
        "isVideo": True,
        "isGroup": False,
        "status": "offer",
        "timestamp": 1700000000,
        "fromMe": False,
        "participants": {},
    }
    assert list(frame.data)[:5] == ["id", "from", "isVideo", "isGroup", "status"]


def test_what_the_offer_would_have_said_is_absent_without_it() -> None:
    (frame,) = render(CallChanged(Call("C1", ANN, ANN, CallStatus.TIMEOUT, 7)))
    assert "isVideo" not in frame.data
    assert "isGroup" not in frame.data
    assert frame.data["status"] == "timeout"


def test_a_group_call_names_the_group_and_who_is_called() -> None:
    call = Call("C1", ANN, ANN, CallStatus.OFFER, 7, False, GROUP, True, (ANN,))
    (frame,) = render(CallChanged(call))
    assert frame.lane == str(GROUP)
    assert frame.data["groupJid"] == str(GROUP)
    assert frame.data["participants"] == {"15559990000@c.us": {}}
