from __future__ import annotations

import pytest

from waport.errors import StanzaError
from waport.media import MediaKind, SealedRetry
from waport.stanza.media import (
    MAX_HOSTS,
    MAX_TTL_S,
    FetchMediaConn,
    RetrySubject,
    media_retry_receipt,
    parse_media_retry,
)
from waport.wire import Jid, Node, decode_node, encode_node

OWN = Jid("15550001111", "s.whatsapp.net", 7)
CHAT = Jid("120363000000000000", "g.us")
AUTHOR = Jid("15550002222", "s.whatsapp.net")


def host(name: str, **attrs: str) -> Node:
    return Node("host", {"hostname": name, **attrs})


def reply(*hosts: Node, **attrs: str) -> Node:
    given = {"auth": "TOKEN", "ttl": "300", "auth_ttl": "21600", **attrs}
    return Node("iq", {"type": "result"}, [Node("media_conn", dict(given), list(hosts))])


def test_the_question_is_an_empty_media_conn() -> None:
    request = FetchMediaConn().request()
    assert (request.get("type"), request.get("xmlns")) == ("set", "w:m")
    assert str(request.jid("to")) in ("s.whatsapp.net", "@s.whatsapp.net")
    assert request.child("media_conn").content is None


def test_the_answer_is_read() -> None:
    conn = FetchMediaConn().parse(reply(host("mmg.whatsapp.net", type="primary")))
    assert (conn.auth, conn.ttl_s, conn.auth_ttl_s, conn.lifetime_s) == ("TOKEN", 300, 21600, 300)
    assert [host.hostname for host in conn.hosts] == ["mmg.whatsapp.net"]
    assert "TOKEN" not in repr(conn)


def test_primaries_come_first_and_keep_their_order() -> None:
    conn = FetchMediaConn().parse(
        reply(
            host("f1.whatsapp.net", type="fallback"),
            host("p1.whatsapp.net", type="primary"),
            host("f2.whatsapp.net", type="fallback"),
            host("p2.whatsapp.net", type="primary"),
        )
    )
    names = [host.hostname.partition(".")[0] for host in conn.hosts]
    assert names == ["p1", "p2", "f1", "f2"]


def test_a_host_takes_only_what_it_lists() -> None:
    node = host("mmg.whatsapp.net")
    node.content = [
        Node("upload", {}, [Node("image"), Node("ptt")]),
        Node("download", {}, [Node("video")]),
    ]
    (parsed,) = FetchMediaConn().parse(reply(node)).hosts
    assert parsed.takes(MediaKind.IMAGE)
    assert parsed.takes(MediaKind.STICKER)
    assert parsed.takes(MediaKind.VOICE)
    assert not parsed.takes(MediaKind.AUDIO)
    assert parsed.gives(MediaKind.GIF)
    assert not parsed.gives(MediaKind.IMAGE)


def test_a_host_that_lists_nothing_takes_everything() -> None:
    (parsed,) = FetchMediaConn().parse(reply(host("mmg.whatsapp.net"))).hosts
    assert all(parsed.takes(kind) and parsed.gives(kind) for kind in MediaKind)


@pytest.mark.parametrize(
    "name", ["127.0.0.1:8443", "localhost:1", "[::1]:443", "a.b-c.whatsapp.net"]
)
def test_a_host_may_name_a_port(name: str) -> None:
    (parsed,) = FetchMediaConn().parse(reply(host(name))).hosts
    assert parsed.hostname == name


@pytest.mark.parametrize(
    "name",
    ["", "evil.example/x", "a@b", "a b", "-a", "a.", "a:b", "[::1", "a?b", "ü.example", "a\n"],
)
def test_a_host_name_that_is_none_is_left_out(name: str) -> None:
    conn = FetchMediaConn().parse(reply(host(name), host("mmg.whatsapp.net")))
    assert [host.hostname for host in conn.hosts] == ["mmg.whatsapp.net"]
    with pytest.raises(StanzaError):
        FetchMediaConn().parse(reply(host(name)))


def test_hosts_are_bounded() -> None:
    conn = FetchMediaConn().parse(reply(*(host(f"h{i}.whatsapp.net") for i in range(1000))))
    assert len(conn.hosts) == MAX_HOSTS


@pytest.mark.parametrize(("ttl", "seconds"), [("x", 300), ("-5", 0), ("99999999999", MAX_TTL_S)])
def test_a_senseless_life_is_brought_into_bounds(ttl: str, seconds: int) -> None:
    conn = FetchMediaConn().parse(reply(host("mmg.whatsapp.net"), ttl=ttl))
    assert conn.ttl_s == seconds


def test_an_answer_without_a_token_is_refused() -> None:
    node = reply(host("mmg.whatsapp.net"))
    del node.child("media_conn").attrs["auth"]
    with pytest.raises(StanzaError):
        FetchMediaConn().parse(node)
    with pytest.raises(StanzaError):
        FetchMediaConn().parse(Node("iq", {"type": "result"}))


def test_a_retry_request_goes_to_the_own_account() -> None:
    node = media_retry_receipt(
        "ID", OWN, SealedRetry(b"cipher", bytes(12)), RetrySubject(CHAT, False, AUTHOR)
    )
    assert node.jid("to") == OWN.bare
    assert node.get("type") == "server-error"
    assert node.child("encrypt").child("enc_p").data == b"cipher"
    assert node.child("encrypt").child("enc_iv").data == bytes(12)
    rmr = node.child("rmr")
    assert (rmr.jid("jid"), rmr.get("from_me"), rmr.jid("participant")) == (CHAT, "false", AUTHOR)


def test_a_retry_request_for_history_names_no_chat() -> None:
    node = media_retry_receipt("ID", OWN, SealedRetry(b"c", bytes(12)), None)
    assert node.get("category") == "peer"
    assert node.find("rmr") is None


@pytest.mark.parametrize("subject", [RetrySubject(CHAT, False, AUTHOR), RetrySubject(AUTHOR, True)])
def test_what_is_sent_can_be_read_back(subject: RetrySubject) -> None:
    sealed = SealedRetry(b"cipher", bytes(12))
    sent = media_retry_receipt("ID", OWN, sealed, subject)
    got = parse_media_retry(decode_node(encode_node(sent)))
    assert (got.message_id, got.subject, got.sealed, got.error) == ("ID", subject, sealed, 0)


def test_an_error_needs_no_answer() -> None:
    node = Node("notification", {"id": "ID"}, [Node("error", {"code": "3"})])
    got = parse_media_retry(node)
    assert (got.sealed, got.error, got.subject) == (None, 3, None)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [Node("encrypt")],
        [Node("encrypt", {}, [Node("enc_p", {}, b"x")])],
        [Node("encrypt", {}, [Node("enc_p"), Node("enc_iv", {}, bytes(12))])],
    ],
)
def test_an_answer_that_says_nothing_is_refused(content: list[Node] | None) -> None:
    with pytest.raises(StanzaError):
        parse_media_retry(Node("notification", {"id": "ID"}, content))


def test_an_answer_without_an_id_is_refused() -> None:
    with pytest.raises(StanzaError):
        parse_media_retry(Node("notification", {}, [Node("error", {"code": "2"})]))
