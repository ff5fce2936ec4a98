from __future__ import annotations

from typing import Any

import pytest

from waport.errors import RateLimited, StanzaError
from waport.proto import pb
from waport.stanza.usync import FetchDevices, UserDevices
from waport.wire import Jid, Node

USER = Jid("15550002222", "s.whatsapp.net")
LID = Jid("100000000000002", "lid")


def index_list(*valid: int, current: int = 3, raw_id: int = 77) -> bytes:
    details = pb.ADVKeyIndexList(
        rawId=raw_id, timestamp=1_700_000_000, currentIndex=current, validIndexes=valid
    )
    return pb.ADVSignedKeyIndexList(
        details=details.SerializeToString(), accountSignature=bytes(64)
    ).SerializeToString()


def device(number: Any, key_index: Any = None, **attrs: str) -> Node:
    node = Node("device", {"id": str(number), **attrs})
    if key_index is not None:
        node.attrs["key-index"] = str(key_index)
    return node


def answer(*devices: Node, index: bytes | None, lid: Any = LID) -> UserDevices:
    children = [Node("device-list", {}, list(devices))]
    if index is not None:
        children.append(Node("key-index-list", {"ts": "1700000000"}, index))
    user = Node("user", {"jid": USER}, [Node("devices", {}, children)])
    if lid is not None:
        assert isinstance(user.content, list)
        user.content.append(Node("lid", {"val": lid}))
    return parse(user)


def parse(*users: Node) -> UserDevices:
    reply = Node("iq", {"type": "result"}, [Node("usync", {}, [Node("list", {}, list(users))])])
    (result,) = FetchDevices([USER], "1.2-3").parse(reply)
    return result


def test_the_request_asks_for_devices_and_hidden_ids() -> None:
    usync = FetchDevices([USER], "1.2-3").request().child("usync")
    assert [node.tag for node in usync.child("query").children()] == ["devices", "lid"]
    assert usync.get("context") == "message"
    assert usync.child("list").child("user").jid("jid") == USER


def test_devices_that_the_signed_list_vouches_for_are_kept() -> None:
    result = answer(device(0), device(1, 1), device(2, 2), device(9, 9), index=index_list(0, 1))
    # 2 is not valid any more; 9 is newer than the list.
    assert result.devices == (0, 1, 9)
    assert (result.lid, result.raw_id, result.timestamp) == (LID, 77, 1_700_000_000)


def test_a_companion_without_an_index_is_dropped() -> None:
    assert answer(device(0), device(1), index=index_list(0, 1)).devices == (0,)


def test_companions_without_a_signed_list_make_the_answer_unusable() -> None:
    assert answer(device(0), device(1, 1), index=None).devices is None
    assert answer(device(0), device(1, 1), index=b"\xff\xff").devices is None
    assert answer(device(0), index=None).devices == (0,)


@pytest.mark.parametrize("number", ["-1", "256", "x", ""])
def test_nonsense_device_numbers_are_dropped(number: str) -> None:
    assert answer(device(0), device(number, 1), index=index_list(0, 1)).devices == (0,)


def test_hosted_devices_are_left_out() -> None:
    result = answer(device(0), device(99, 1, is_hosted="true"), index=index_list(0, 1))
    assert result.devices == (0,)


def test_an_unknown_account_is_told_apart_from_trouble() -> None:
    missing = parse(Node("user", {"jid": USER}, [Node("devices")]))
    assert (missing.exists, missing.devices) == (False, None)
    gone = Node("devices", {}, [Node("error", {"code": "404"})])
    assert not parse(Node("user", {"jid": USER}, [gone])).exists
    trouble = Node("devices", {}, [Node("error", {"code": "500"})])
    assert parse(Node("user", {"jid": USER}, [trouble])).exists


def test_a_lid_that_is_none_is_ignored() -> None:
    assert answer(device(0), index=None, lid=USER).lid is None
    assert answer(device(0), index=None, lid="nonsense").lid is None


def test_a_reply_without_a_list_is_refused_and_bad_users_are_skipped() -> None:
    with pytest.raises(StanzaError):
        FetchDevices([USER], "1").parse(Node("iq", {"type": "result"}))
    users = Node("list", {}, [Node("user", {"jid": "?"}), Node("user")])
    reply = Node("iq", {"type": "result"}, [Node("usync", {}, [users])])
    assert FetchDevices([USER], "1").parse(reply) == []


def test_a_refusal_of_all_devices_does_not_say_that_nobody_has_an_account() -> None:
    refused = Node("error", {"code": "429", "text": "rate-overlimit", "backoff": "7"})
    result = Node("result", {}, [Node("devices", {}, [refused])])
    users = Node("list", {}, [Node("user", {"jid": USER})])
    reply = Node("iq", {"type": "result"}, [Node("usync", {}, [result, users])])
    with pytest.raises(RateLimited) as caught:
        FetchDevices([USER], "1").parse(reply)
    assert caught.value.backoff_s == 7
    # Without hidden ids the devices are told all the same.
    result.content = [Node("lid", {}, [refused]), Node("devices")]
    assert [each.user for each in FetchDevices([USER], "1").parse(reply)] == [USER]
