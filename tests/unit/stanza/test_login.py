from __future__ import annotations

import pytest

from waport.errors import Conflict, NotAuthorized, NotFound, QueryError, RateLimited, StanzaError
from waport.stanza.ids import message_id, participant_hash, tag_prefix, unified_session_id
from waport.stanza.login import (
    CleanDirty,
    Ping,
    RemoveCompanion,
    SetActive,
    parse_failure,
    parse_stream_error,
    parse_success,
)
from waport.stanza.query import check_reply, iq_error, iq_result
from waport.wire import SERVER, Jid, Node, decode_stanza, encode_stanza


def test_success_of_the_sheet() -> None:
    node = decode_stanza(
        bytes.fromhex(
            "00f80b4c1aff0517000000005cee04ece6fc044e554c4c76f70103ff88123456789012345f3dfc03667263"
        )
    )
    success = parse_success(node)
    assert success.server_time == 1700000000
    assert success.lid == Jid("123456789012345", "lid", 3)


@pytest.mark.parametrize("t", ["", "x", "-5", "0", "1.5", "9" * 40])
def test_a_bad_time_in_success_is_ignored_alone(t: str) -> None:
    success = parse_success(Node("success", {"t": t, "lid": Jid("1", "lid", 2)}))
    assert success.server_time is None
    assert success.lid == Jid("1", "lid", 2)


@pytest.mark.parametrize("lid", ["", "nonsense", "15550001111@s.whatsapp.net"])
def test_a_bad_lid_in_success_is_ignored_alone(lid: str) -> None:
    success = parse_success(Node("success", {"t": "5", "lid": lid}))
    assert (success.server_time, success.lid) == (5, None)


def test_failures_and_stream_errors_of_the_sheet() -> None:
    failure = parse_failure(decode_stanza(bytes.fromhex("00f805ee3cec2e8d3dfc03727661")))
    assert failure.reason == 401
    restart = parse_stream_error(decode_stanza(bytes.fromhex("00f8039d70ff82515f")))
    assert restart.code == 515
    removed = parse_stream_error(
        decode_stanza(bytes.fromhex("00f8049d708df801f803ec0e04fc0e6465766963655f72656d6f766564"))
    )
    assert (removed.code, removed.conflict) == (401, "device_removed")
    replaced = parse_stream_error(decode_stanza(bytes.fromhex("00f8029df801f803ec0e04ec11")))
    assert (replaced.code, replaced.conflict) == (0, "replaced")


def test_a_stream_error_may_name_a_missing_ack() -> None:
    ack = Node("ack", {"class": "message", "id": "A1"})
    assert parse_stream_error(Node("stream:error", {}, [ack])).unacked == ("message", "A1")


def with_id(node: Node, query_id: str) -> Node:
    node.attrs = {"id": query_id, **node.attrs}
    return node


def test_the_ping_has_no_child_as_the_sheet_shows() -> None:
    expected = bytes.fromhex("00f8091908ff831b2a3f11fa000304291657")
    assert encode_stanza(with_id(Ping().request(), "1.2-3")) == expected


def test_logging_out_is_encoded_as_the_sheet_shows() -> None:
    node = with_id(RemoveCompanion(Jid("15551234567", "s.whatsapp.net", 3)).request(), "1.2-9")
    assert node.attrs == {"id": "1.2-9", "to": SERVER, "type": "set", "xmlns": "md"}
    assert b"remove-companion-device" in encode_stanza(node)


def test_simple_queries_go_to_the_service() -> None:
    for query in (SetActive(), CleanDirty("account_sync", "17")):
        node = query.request()
        assert node.jid("to") == SERVER
        query.parse(Node("iq", {"type": "result"}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("401", NotAuthorized),
        ("403", NotAuthorized),
        ("404", NotFound),
        ("409", Conflict),
        ("429", RateLimited),
        ("500", QueryError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(code: str, kind: type[QueryError]) -> None:
    error = Node("error", {"code": code, "text": "some-text", "backoff": "7"})
    with pytest.raises(QueryError) as caught:
        check_reply(Node("iq", {"type": "error"}, [error]))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.text) == (int(code), "some-text")
    assert caught.value.backoff_s == 7


@pytest.mark.parametrize(
    "reply",
    [
        Node("iq", {"type": "error"}),
        Node("iq", {"type": "error"}, [Node("error", {"code": "many"})]),
    ],
)
def test_a_refusal_without_a_code_has_code_zero(reply: Node) -> None:
    with pytest.raises(QueryError) as caught:
        check_reply(reply)
    assert caught.value.code == 0


@pytest.mark.parametrize("attrs", [{}, {"type": "get"}])
def test_an_answer_that_is_none_is_a_stanza_error(attrs: dict[str, str]) -> None:
    with pytest.raises(StanzaError):
        check_reply(Node("iq", dict(attrs)))


def test_answers_to_the_server_carry_its_id() -> None:
    request = Node("iq", {"from": SERVER, "id": "900", "type": "set"})
    assert encode_stanza(iq_result(request)) == bytes.fromhex("00f8071911fa0003041408ed4c")
    assert iq_error(request, 501, "no").child("error").get("code") == "501"


def test_message_ids_have_the_form_of_the_web_client() -> None:
    made = {message_id("15550001111", 1_700_000_000) for _ in range(100)}
    assert len(made) == 100
    assert all(len(i) == 22 and i.startswith("3EB0") for i in made)
    assert all(set(i[4:]) <= set("0123456789ABCDEF") for i in made)


def test_tag_prefixes_pack_as_nibbles() -> None:
    assert tag_prefix(lambda n: b"\x04\xd2\x16\x2e") == "1234.5678-"


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (
            [
                Jid("15550001111", "s.whatsapp.net", 1),
                Jid("15550002222", "s.whatsapp.net"),
                Jid("15550001111", "s.whatsapp.net"),
            ],
            "2:jotsfOD4",
        ),
        (
            [
                Jid("100000000000002", "lid", 33),
                Jid("100000000000001", "lid"),
                Jid("100000000000002", "lid"),
            ],
            "2:95Kr2zGt",
        ),
    ],
)
def test_participant_hashes_of_the_sheet(devices: list[Jid], expected: str) -> None:
    assert participant_hash(devices) == expected


def test_the_session_id_is_the_time_of_the_week() -> None:
    assert unified_session_id(1_700_000_000_000, 0) == "166400000"
