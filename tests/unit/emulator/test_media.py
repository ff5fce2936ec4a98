"""The media host: uploads, downloads, what a test may let go wrong, and what survives a restart."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.media_store import KINDS
from waport.emulator.phone_media import OutgoingFile
from waport.media import open_retry_answer, seal_retry_request
from waport.media.retry import SealedRetry
from waport.wire import SERVER, Node

Linked = Callable[..., Awaitable[Any]]
TIMEOUT_S = 5.0
BODY = bytes(range(256)) * 3000  # several pieces, and no multiple of one


class Host:
    """A media client in its simplest form."""

    def __init__(self, emulator: Emulator, http: httpx.AsyncClient) -> None:
        self.emulator = emulator
        self.http = http
        self.url = f"https://127.0.0.1:{emulator.port}"
        self.auth = ""

    async def renew(self) -> Node:
        """Ask for the media hosts, as the phone of an account."""
        account = self.emulator.directory.by_name("Alice")
        account = account or await self.emulator.create_account(name="Alice")
        link = self.emulator.phone_of(account)._link
        attrs = {"to": SERVER, "type": "set", "xmlns": "w:m"}
        conn = (await link.query(Node("iq", dict(attrs), [Node("media_conn")]))).child("media_conn")
        self.auth = conn.attr("auth")
        return conn

    async def post(
        self,
        body: bytes | AsyncIterator[bytes],
        *,
        folder: str = "/mms/image",
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> httpx.Response:
        """Upload; the token is that of the body."""
        token = token or token_of(body if isinstance(body, bytes) else BODY)
        params = {"auth": self.auth, "token": token, **(query or {})}
        return await self.http.request(
            method, f"{self.url}{folder}/{token}", params=params, content=body
        )

    async def upload(self, body: bytes, **options: Any) -> dict[str, str]:
        """Upload what will be taken; the answer."""
        answer = await self.post(body, **options)
        assert answer.status_code == 200, answer.text
        taken: dict[str, str] = answer.json()
        return taken

    async def get(self, path: str, span: str | None = None) -> httpx.Response:
        """Download as real clients do, with more of a query."""
        headers = {} if span is None else {"Range": span}
        return await self.http.get(
            f"{self.url}{path}&hash=x&mms-type=image&__wa-mms=", headers=headers
        )


def token_of(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")


def trust(emulator: Emulator) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=emulator.ca_certificate().decode())


@pytest.fixture
async def host(emulator: Emulator) -> AsyncIterator[Host]:
    async with httpx.AsyncClient(verify=trust(emulator), trust_env=False) as http:
        host = Host(emulator, http)
        await host.renew()
        yield host


async def test_media_conn_names_this_port_and_a_new_token_each_time(host: Host) -> None:
    first = await host.renew()
    old = host.auth
    second = await host.renew()
    assert [node.get("hostname") for node in first.children("host")] == [
        f"127.0.0.1:{host.emulator.port}"
    ]
    assert first.child("host").get("type") == "primary"
    assert (first.get("ttl"), first.get("auth_ttl")) == ("300", "21600")
    assert second.get("auth") != old
    host.auth = old
    await host.upload(BODY)


async def test_the_hosts_are_the_ones_that_the_policy_names(host: Host) -> None:
    host.emulator.policy.media_hosts = ("one:1", "two:2")
    named = (await host.renew()).children("host")
    assert [(node.get("hostname"), node.get("type")) for node in named] == [
        ("one:1", "primary"),
        ("two:2", "fallback"),
    ]


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_what_is_uploaded_can_be_downloaded(host: Host, kind: str) -> None:
    folder = {
        "product-catalog-image": "/product/image",
        "biz-cover-photo": "/pps/biz-cover-photo",
    }.get(kind, f"/newsletter/{kind}" if kind.startswith("newsletter-") else f"/mms/{kind}")
    answer = await host.upload(BODY, folder=folder)
    ticket = {"fbid", "meta_hmac", "ts"} if kind == "biz-cover-photo" else set()
    assert set(answer) == {"url", "direct_path", "handle", "object_id"} | ticket
    assert answer["url"] == host.url + answer["direct_path"]
    assert "?" in answer["direct_path"]
    assert answer["object_id"].isdigit()
    got = await host.get(answer["direct_path"])
    assert (got.status_code, got.content) == (200, BODY)
    assert got.headers["content-length"] == str(len(BODY))
    assert (await host.http.get(answer["url"])).content == BODY
    head = await host.http.head(answer["url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(BODY)))


async def test_the_same_file_again_is_at_the_same_place(host: Host) -> None:
    first, *more = await asyncio.gather(*(host.upload(BODY) for _ in range(4)))
    assert more == [first] * 3
    assert await host.upload(BODY, folder="/mms/video") != first
    assert host.emulator.media_files()[0].size == len(BODY)
    store = host.emulator._parts.media.store
    assert store.used == len(BODY)


async def test_a_token_may_end_in_an_equals_sign(host: Host) -> None:
    await host.upload(BODY, token=token_of(BODY) + "=")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": token_of(b"something else")}, 400),
        ({"token": "short"}, 400),
        ({"token": "*" * 43}, 400),
        ({"query": {"token": token_of(b"something else")}}, 400),
        ({"query": {"token": ""}}, 400),
        ({"query": {"auth": ""}}, 401),
        ({"query": {"auth": "a.b.c"}}, 401),
        ({"query": {"auth": "x" * 10_000}}, 401),
        ({"query": {"file_offset": "x"}}, 400),
        ({"query": {"file_offset": "-1"}}, 400),
        ({"query": {"file_offset": "1"}}, 400),
        ({"query": {"file_offset": "9" * 18}}, 413),
        ({"folder": "/mms/holiday"}, 404),
        ({"folder": "/mms/newsletter-image"}, 404),
        ({"folder": "/newsletter/image"}, 404),
        ({"folder": "/mms"}, 404),
    ],
)
async def test_a_bad_upload_is_refused_and_nothing_is_kept(
    host: Host, change: dict[str, Any], status: int
) -> None:
    assert (await host.post(BODY, **change)).status_code == status
    assert host.emulator.media_files() == []
    assert host.emulator._parts.media.store.used == 0
    await host.upload(BODY)


async def test_a_token_runs_out(host: Host) -> None:
    now = [0.0]
    host.emulator._parts.media.conn._now = lambda: now[0]
    await host.renew()
    now[0] = host.emulator.policy.media_auth_ttl_s
    await host.upload(BODY)
    now[0] += 1
    assert (await host.post(BODY)).status_code == 401
    await host.renew()
    await host.upload(BODY)


async def test_revoked_tokens_are_refused_until_the_hosts_are_asked_for_again(host: Host) -> None:
    host.emulator.faults.revoke_media_tokens()
    assert (await host.post(BODY)).status_code == 401
    await host.renew()
    await host.upload(BODY)


async def test_a_file_beyond_the_limit_is_refused_announced_or_not(host: Host) -> None:
    host.emulator.policy.media_file_limit = len(BODY) - 1

    async def pieces() -> AsyncIterator[bytes]:
        yield BODY

    assert (await host.post(BODY)).status_code == 413
    assert (await host.post(pieces())).status_code == 413
    host.emulator.policy.media_file_limit += 1
    await host.upload(BODY)


async def test_the_oldest_files_make_room_for_new_ones(host: Host) -> None:
    bodies = [bytes((number,)) * 1000 for number in range(4)]
    host.emulator.policy.media_store_limit = 2500
    paths = [(await host.upload(body))["direct_path"] for body in bodies]
    codes = [(await host.get(path)).status_code for path in paths]
    assert codes == [410, 410, 200, 200]
    assert (await host.post(b"x" * 2501)).status_code == 507
    assert host.emulator._parts.media.store.used <= 2500


# --- uploads in several attempts -----------------------------------------------------------------


async def test_an_interrupted_upload_goes_on_where_it_ended(host: Host) -> None:
    assert (await host.post(b"", token=token_of(BODY), query={"resume": "1"})).json() == {
        "resume": 0
    }
    await order(host, on="upload", cut=True)
    with pytest.raises(httpx.TransportError):
        await host.post(BODY)
    offset = await eventually_held(host)
    assert offset == len(BODY) // 2
    beyond = {"file_offset": str(offset + 1)}
    assert (
        await host.post(BODY[offset + 1 :], token=token_of(BODY), query=beyond)
    ).status_code == 400
    rest = {"file_offset": str(offset)}
    answer = await host.upload(BODY[offset:], token=token_of(BODY), query=rest)
    assert (await host.get(answer["direct_path"])).content == BODY
    probe = await host.post(b"", token=token_of(BODY), query={"resume": "1"})
    assert probe.json() == {"resume": "complete", **answer}
    assert host.emulator._parts.media.store.used == len(BODY)


async def test_a_wrong_rest_spoils_only_itself(host: Host) -> None:
    await order(host, on="upload", cut=True)
    with pytest.raises(httpx.TransportError):
        await host.post(BODY)
    offset = await eventually_held(host)
    wrong = await host.post(BODY, token=token_of(BODY), query={"file_offset": str(offset)})
    assert wrong.status_code == 400
    await host.upload(BODY)
    assert host.emulator._parts.media.store.used == len(BODY)


async def eventually_held(host: Host) -> int:
    """How much of BODY the host has, once it has noticed that the client is gone."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            probe = await host.post(b"", token=token_of(BODY), query={"resume": "1"})
            if probe.json()["resume"]:
                held: int = probe.json()["resume"]
                return held


# --- downloads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-", 206, slice(None)),
        ("bytes=16-31", 206, slice(16, 32)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-100", 206, slice(-100, None)),
        (f"bytes=-{len(BODY) + 1}", 206, slice(None)),
        (f"bytes=100-{len(BODY) * 2}", 206, slice(100, None)),
        ("bytes=9-5", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
        (f"bytes={len(BODY)}-", 416, slice(0)),
        ("bytes=-0", 416, slice(0)),
    ],
)
async def test_a_range_is_served(host: Host, asked: str, status: int, expected: slice) -> None:
    path = (await host.upload(BODY))["direct_path"]
    got = await host.get(path, asked)
    assert (got.status_code, got.content) == (status, BODY[expected])
    if status == 206:
        start, stop, _ = expected.indices(len(BODY))
        assert got.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(BODY)}"
    if status == 416:
        assert got.headers["content-range"] == f"bytes */{len(BODY)}"


async def test_an_expired_file_is_gone_and_may_be_uploaded_again(host: Host) -> None:
    path = (await host.upload(BODY))["direct_path"]
    assert host.emulator.faults.expire_media(path) == 1
    assert (await host.get(path)).status_code == 410
    again = (await host.upload(BODY))["direct_path"]
    assert again != path
    assert (await host.get(again)).content == BODY
    assert (await host.get(path)).status_code == 410
    assert host.emulator.faults.expire_media() == 1


async def test_a_deleted_or_unknown_file_is_not_found(host: Host) -> None:
    path = (await host.upload(BODY))["direct_path"]
    assert (
        await host.post(b"", token=token_of(BODY), method="DELETE", query={"auth": ""})
    ).status_code == 401
    for _ in range(2):
        gone = await host.post(b"", token=token_of(BODY), method="DELETE", query={"d_md": "x"})
        assert gone.status_code == 200
    for unknown in (path, "/v/t62.7118-24/0123456789abcdef_n.enc?a=b", "/v/t62.7118-24/..?a=b"):
        assert (await host.get(unknown)).status_code == 404
    assert host.emulator._parts.media.store.used == 0


# --- trouble to order ----------------------------------------------------------------------------


async def order(host: Host, **fault: Any) -> None:
    answer = await host.http.post(f"{host.url}/admin/media/faults", json=fault)
    assert answer.status_code == 200, answer.text


async def test_a_download_is_damaged_as_often_as_ordered(host: Host) -> None:
    path = (await host.upload(BODY))["direct_path"]
    await order(host, on="download", corrupt=True, count=2)
    for _ in range(2):
        got = (await host.get(path)).content
        assert len(got) == len(BODY)
        assert sum(a != b for a, b in zip(got, BODY, strict=True)) == 1
    assert (await host.get(path)).content == BODY


async def test_a_damaged_upload_stays_damaged(host: Host) -> None:
    await order(host, on="upload", corrupt=True)
    path = (await host.upload(BODY))["direct_path"]
    assert (await host.get(path)).content != BODY
    middle = len(BODY) // 2
    assert (await host.get(path, f"bytes={middle}-{middle}")).content != BODY[middle : middle + 1]
    assert (await host.get(path, f"bytes=0-{middle - 1}")).content == BODY[:middle]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_transfers_are_refused_as_often_as_ordered(host: Host, status: int) -> None:
    await order(host, on="upload", status=status, count=2)
    await order(host, on="download", status=status, kind="video")
    codes = [(await host.post(BODY)).status_code for _ in range(3)]
    assert codes == [status, status, 200]
    image = (await host.upload(BODY))["direct_path"]
    video = (await host.upload(BODY, folder="/mms/video"))["direct_path"]
    assert (await host.get(image)).status_code == 200
    assert [(await host.get(video)).status_code for _ in range(2)] == [status, 200]


async def test_a_download_breaks_off_in_the_middle(host: Host) -> None:
    path = (await host.upload(BODY))["direct_path"]
    await order(host, on="download", cut=True)
    with pytest.raises(httpx.TransportError):
        await host.get(path)
    assert (await host.get(path)).content == BODY


async def test_a_slow_answer_holds_up_nobody_else(host: Host) -> None:
    path = (await host.upload(BODY))["direct_path"]
    await order(host, on="download", delay_s=3600)
    with pytest.raises(httpx.ReadTimeout):
        await host.http.get(host.url + path, timeout=0.05)
    assert (await host.get(path)).content == BODY


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/faults", {}, 400),
        ("/faults", {"on": "sideways"}, 400),
        ("/faults", {"on": "upload", "kind": "holiday"}, 400),
        ("/faults", {"on": "upload", "status": 200}, 400),
        ("/faults", {"on": "upload", "status": 5000}, 400),
        ("/faults", {"on": "upload", "count": 0}, 400),
        ("/faults", {"on": "upload", "count": True}, 400),
        ("/faults", {"on": "upload", "corrupt": 1}, 400),
        ("/faults", {"on": "upload", "delay_s": "1"}, 400),
        ("/faults", {"on": "upload", "delay_s": -1}, 400),
        ("/expire", {"direct_path": "/v/unknown"}, 404),
        ("/expire", {"direct_path": 5}, 400),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    host: Host, path: str, body: dict[str, object], status: int
) -> None:
    answer = await host.http.post(f"{host.url}/admin/media{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


async def test_files_are_listed_and_expired_by_the_admin_api(host: Host) -> None:
    path = (await host.upload(BODY))["direct_path"]
    listed = (await host.http.get(f"{host.url}/admin/media")).json()["files"]
    expected = {
        "direct_path": path,
        "kind": "image",
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "size": len(BODY),
        "expired": False,
    }
    assert listed == [expected]
    expired = await host.http.post(f"{host.url}/admin/media/expire", json={"direct_path": path})
    assert expired.json() == {"expired": 1}
    assert (await host.http.post(f"{host.url}/admin/media/expire")).json() == {"expired": 0}
    listed = (await host.http.get(f"{host.url}/admin/media")).json()["files"]
    assert listed == [{**expected, "expired": True}]
    await host.http.post(f"{host.url}/admin/media/revoke-tokens")
    assert (await host.post(BODY)).status_code == 401
    pem = await host.http.get(f"{host.url}/admin/ca.pem")
    assert pem.content == host.emulator.ca_certificate()


# --- the state folder ----------------------------------------------------------------------------


async def test_files_survive_a_restart(tmp_path: Path) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    other = b"other"
    async with Emulator(options) as emulator, httpx.AsyncClient(verify=trust(emulator)) as http:
        host = Host(emulator, http)
        await host.renew()
        kept = (await host.upload(BODY))["direct_path"]
        gone = (await host.upload(other))["direct_path"]
        emulator.faults.expire_media(gone)
        emulator.faults.expire_media((await host.upload(b"lost"))["direct_path"], forget=True)
        before = emulator.media_files()
    media = tmp_path / "media"
    (media / "0123.part").write_bytes(b"unfinished")
    (media / "stranger").write_bytes(b"")
    (media / f"{'0' * 64}.blob").write_bytes(b"nobody leads here")
    async with Emulator(options) as emulator, httpx.AsyncClient(verify=trust(emulator)) as http:
        host = Host(emulator, http)
        await host.renew()
        assert (await host.get(kept)).content == BODY
        assert (await host.get(gone)).status_code == 410
        assert (await host.upload(BODY))["direct_path"] == kept
        assert [(x.name, x.is_gone) for x in emulator.media_files()] == [
            (x.name, x.is_gone) for x in before
        ]
        assert emulator._parts.media.store.used == len(BODY) + len(other)
    assert not list(media.glob("*.part"))
    assert (media / "stranger").exists()
    assert {path.stat().st_mode & 0o077 for path in (tmp_path, media)} == {0}


async def test_an_upload_that_a_restart_interrupts_is_forgotten(tmp_path: Path) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator, httpx.AsyncClient(verify=trust(emulator)) as http:
        host = Host(emulator, http)
        await host.renew()
        await order(host, on="upload", cut=True)
        with pytest.raises(httpx.TransportError):
            await host.post(BODY)
        await eventually_held(host)
    async with Emulator(options) as emulator:
        assert emulator._parts.media.store.used == 0
        assert emulator.media_files() == []


# --- phones and companions -----------------------------------------------------------------------


async def test_a_companion_asks_its_phone_for_a_file_that_has_expired(
    emulator: Emulator, linked: Linked, host: Host
) -> None:
    companion = await linked(emulator, "Alice")
    alice = emulator.directory.by_name("Alice")
    assert alice is not None
    bob = await emulator.create_account(name="Bob")
    phone = emulator.phone_of(bob)
    sent = await phone.send_file(alice.jid, OutgoingFile(b"a picture", "image/jpeg"))
    stanza = await companion.expect("message")
    assert stanza.get("type") == "media"
    assert stanza.child("enc").get("mediatype") == "image"
    found = phone.chats.find(sent.id)
    assert found is not None
    part = found.message.imageMessage
    key = part.mediaKey
    emulator.faults.expire_media()
    assert (await host.get(part.directPath)).status_code == 410

    answer = await ask_for_file(companion, sent.id, seal_retry_request(key, sent.id))
    assert answer.child("rmr").attrs == {"jid": bob.jid, "from_me": "false"}
    inner = answer.child("encrypt")
    sealed = SealedRetry(inner.child("enc_p").data, inner.child("enc_iv").data)
    path = open_retry_answer(key, sent.id, sealed).direct_path
    assert path is not None
    assert hashlib.sha256((await host.get(path)).content).digest() == part.fileEncSha256

    emulator.faults.expire_media(path, forget=True)
    refused = await ask_for_file(companion, sent.id, seal_retry_request(key, sent.id))
    assert refused.child("error").get("code") == "2"


async def ask_for_file(companion: Any, name: str, request: SealedRetry) -> Node:
    """Send a `server-error` receipt; the phone's answer."""
    sealed = [Node("enc_p", {}, request.ciphertext), Node("enc_iv", {}, request.iv)]
    sender = companion.emulator.directory.by_name("Bob").jid
    subject = Node("rmr", {"jid": sender, "from_me": "false"})
    attrs = {"id": name, "to": companion.jid.bare, "type": "server-error"}
    await companion.send(Node("receipt", attrs, [Node("encrypt", {}, sealed), subject]))
    answer = await companion.expect("notification", lambda node: node.get("type") == "mediaretry")
    assert answer.get("id") == name
    await companion.ack(answer)
    return answer


async def test_only_a_phone_answers_media_retries(emulator: Emulator, linked: Linked) -> None:
    alice, other = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    attrs = {"id": "1", "to": other.jid, "type": "mediaretry"}
    await alice.send(Node("notification", dict(attrs), [Node("error", {"code": "2"})]))
    assert all(node.tag != "notification" for node in await other.settled())
