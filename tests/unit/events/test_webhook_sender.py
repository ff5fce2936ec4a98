"""One delivery: its body, headers and signature, and how each answer is judged."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from waport.api.webhook_guard import webhook_guard
from waport.client.addresses import AllowList
from waport.errors import InvalidInput, SessionNotConnected
from waport.events import http_post
from waport.events.http_post import Endpoint
from waport.events.signing import Signer, new_secret
from waport.events.webhook_sender import (
    MAX_WAIT_S,
    PATIENCE,
    Outcome,
    Receiver,
    Verdict,
    WebhookSender,
)
from waport.store import Delivery

from .conftest import answer as http_answer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def delivery(data: str = '{"qr":"grüße"}', event_id: int = 7) -> Delivery:
    return Delivery(event_id, "abc", "", "qr", data, 0)


async def test_the_body_is_exactly_the_three_keys_in_order(receiver: Any) -> None:
    async with WebhookSender() as sender:
        outcome = await sender.send(receiver.url, delivery())
    assert outcome == Outcome(Verdict.DONE, 200)
    (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.body == '{"sessionId":"abc","dataType":"qr","data":{"qr":"grüße"}}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json, text/plain, */*"


async def test_an_event_whose_file_cannot_be_had_now_waits_and_goes_at_last(
    receiver: Any,
) -> None:
    async def complete(session_id: str, kind: str, data: str) -> str:
        raise SessionNotConnected(session_id)

    async with WebhookSender(complete=complete) as sender:
        outcome = await sender.send(receiver.url, delivery())
        assert (outcome.verdict, outcome.status, receiver.requests) == (Verdict.REFUSED, None, [])
        outcome = await sender.send(receiver.url, replace(delivery(), refusals=PATIENCE))
    assert outcome == Outcome(Verdict.DONE, 200)
    assert len(receiver.requests) == 1


async def test_the_signature_is_a_standard_webhooks_one(receiver: Any) -> None:
    async with WebhookSender(SECRET) as sender:
        await sender.send(receiver.url, delivery())
    (request,) = receiver.requests
    assert Webhook(SECRET).verify(request.body, request.headers)["dataType"] == "qr"
    assert request.headers["webhook-id"] == "evt_7"
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60


async def test_without_a_secret_there_is_an_id_but_no_signature(receiver: Any) -> None:
    async with WebhookSender() as sender:
        await sender.send(receiver.url, delivery())
    (request,) = receiver.requests
    assert request.headers["webhook-id"] == "evt_7"
    assert "webhook-signature" not in request.headers


async def test_the_key_is_the_receivers_own_or_none(receiver: Any) -> None:
    async with WebhookSender() as sender:
        await sender.send(receiver.url, delivery())
    async with WebhookSender(api_key="theirs") as sender:
        await sender.send(receiver.url, delivery())
    without, given = receiver.requests
    assert "x-api-key" not in without.headers
    assert given.headers["x-api-key"] == "theirs"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, Verdict.DONE) for status in (200, 201, 204, 299, 410)),
        *((status, Verdict.REFUSED) for status in (302, 304, 400, 401, 404, 500)),
        *((status, Verdict.UNREACHABLE) for status in (429, 502, 503, 504)),
    ],
)
async def test_each_answer_has_its_verdict(
    receiver: Any, make_answer: Any, status: int, verdict: Verdict
) -> None:
    receiver.script = lambda _: make_answer(status)
    async with WebhookSender() as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(verdict, status)


async def test_nobody_there_means_unreachable(receiver: Any) -> None:
    async with WebhookSender() as sender:
        for url in ("http://127.0.0.1:1/", "http://no.such.host.invalid/", "http://[::1]:1/"):
            assert await sender.send(url, delivery()) == Outcome(Verdict.UNREACHABLE, None)
        receiver.script = lambda _: b""
        assert (await sender.send(receiver.url, delivery())).verdict is Verdict.UNREACHABLE
        receiver.script = lambda _: b"no http\r\n\r\n"
        assert (await sender.send(receiver.url, delivery())).verdict is Verdict.UNREACHABLE


async def test_a_slow_receiver_gets_the_time_out_and_no_more(receiver: Any) -> None:
    never = asyncio.Event()

    async def hang(_: object) -> bytes:
        await never.wait()
        return b""

    receiver.script = hang
    async with WebhookSender(timeout_s=0.05) as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.UNREACHABLE, None)
    never.set()


async def test_redirects_are_followed_with_method_and_body(receiver: Any, make_answer: Any) -> None:
    def script(request: Any) -> bytes:
        if request.path == "/hook":
            return bytes(make_answer(302, location="/second"))
        if request.path == "/second":
            return bytes(make_answer(308, location=receiver.url.replace("/hook", "/third")))
        return bytes(make_answer(200))

    receiver.script = script
    async with WebhookSender(api_key="k") as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 200)
    assert [request.path for request in receiver.requests] == ["/hook", "/second", "/third"]
    assert len({request.body for request in receiver.requests}) == 1
    assert all(request.headers["x-api-key"] == "k" for request in receiver.requests)


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "//[",
        "http://xn--a/",
        "http://\xff\xfe/",
        "http://user@:x/",
        "http://127.0.0.1:1/there",
        "http://localhost:{port}/there",
        "file:///etc/passwd",
        "https:",
        "http://127.0.0.1:99999/",
    ],
)
async def test_a_redirect_to_elsewhere_or_nowhere_is_a_refusal(
    receiver: Any, make_answer: Any, location: str
) -> None:
    target = location.format(port=receiver.url.split(":")[2].removesuffix("/hook"))
    receiver.script = lambda _: make_answer(302).replace(
        b"\r\n\r\n", b"\r\nlocation: " + target.encode("latin-1") + b"\r\n\r\n", 1
    )
    async with WebhookSender(api_key="k") as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.REFUSED, 302)
    assert len(receiver.requests) == 1


def test_a_redirect_may_change_to_https_on_the_same_host_and_never_back() -> None:
    plain = Endpoint.of("http://user:pw@host.example:8080/hook?x=1")
    secure = plain.follow(b"https://host.example/hook")
    assert secure.origin == ("https", "host.example", 443)
    assert (b"authorization", b"Basic dXNlcjpwdw==") in secure.headers
    assert secure.follow(b"/there").origin == secure.origin
    for location in (b"http://host.example:8080/hook", b"https://host.example:444/"):
        with pytest.raises(InvalidInput):
            secure.follow(location)
    with pytest.raises(InvalidInput):
        plain.follow(b"http://host.example/hook")


async def test_an_endless_redirect_ends_as_a_refusal(receiver: Any, make_answer: Any) -> None:
    receiver.script = lambda _: make_answer(302, location="/hook")
    async with WebhookSender() as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.REFUSED, 302)
    assert len(receiver.requests) == 6


@pytest.mark.parametrize(
    "url",
    ["http://xn--a/", "http://[", "ftp://host/", "http://", "http://a..b/", "http://" + "a" * 64],
)
async def test_a_url_that_leads_nowhere_means_unreachable(url: str) -> None:
    async with WebhookSender() as sender:
        assert await sender.send(url, delivery()) == Outcome(Verdict.UNREACHABLE, None)


@pytest.mark.parametrize("key", ["schl\u00fcssel", "a\r\nb", "a\tb", "\x7f"])
def test_a_key_that_no_header_can_hold_is_refused_at_once(key: str) -> None:
    with pytest.raises(InvalidInput):
        WebhookSender(api_key=key)


async def test_name_and_password_of_the_url_go_into_a_header(receiver: Any) -> None:
    url = receiver.url.replace("http://", "http://me:p%40ss@")
    async with WebhookSender() as sender:
        await sender.send(url, delivery())
    assert receiver.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
    assert "me" not in receiver.requests[0].headers["host"]


async def test_cookies_are_not_kept_and_no_proxy_is_used(
    receiver: Any, make_answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    receiver.script = lambda _: make_answer(200, **{"set-cookie": "a=b"})
    async with WebhookSender() as sender:
        for _ in range(2):
            assert (await sender.send(receiver.url, delivery())).verdict is Verdict.DONE
    assert "cookie" not in receiver.requests[1].headers


# --- the answer counts at its head ---------------------------------------------------------------


async def test_of_a_huge_answer_only_the_beginning_is_read(receiver: Any, make_answer: Any) -> None:
    receiver.script = lambda _: make_answer(200, b"x" * 5_000_000)
    async with WebhookSender() as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 200)


@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: 100\r\n\r\nhalf",
        b"content-length: 100\r\nconnection: close\r\n\r\nhalf",
        b"transfer-encoding: chunked\r\n\r\nno chunk\r\n",
        b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhel",
        b"connection: close\r\n\r\nuntil the end",
    ],
)
async def test_what_happens_after_the_head_of_an_answer_does_not_matter(
    receiver: Any, rest: bytes
) -> None:
    receiver.script = lambda _: b"HTTP/1.1 200 OK\r\n" + rest
    async with WebhookSender() as sender:
        for _ in range(3):
            assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 200)


async def test_an_interim_answer_is_not_the_answer(receiver: Any, make_answer: Any) -> None:
    receiver.script = lambda _: b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + make_answer(500)
    async with WebhookSender() as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.REFUSED, 500)


async def test_a_head_without_end_means_unreachable(receiver: Any) -> None:
    receiver.script = lambda _: b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000
    async with WebhookSender() as sender:
        assert (await sender.send(receiver.url, delivery())).verdict is Verdict.UNREACHABLE


async def test_an_answer_may_come_before_the_event_is_read() -> None:
    is_over = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 413 Too large\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        while await reader.read(65536):  # until the other side gives up
            pass
        writer.close()
        await writer.wait_closed()
        is_over.set()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with WebhookSender() as sender:
        large = delivery(f'"{"x" * 20_000_000}"')
        assert await sender.send(url, large) == Outcome(Verdict.REFUSED, 413)
    await is_over.wait()
    server.close()
    await server.wait_closed()


# --- connections ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno",
    ],
)
async def test_a_connection_is_used_again(receiver: Any, reply: bytes) -> None:
    receiver.script = lambda _: reply
    async with WebhookSender() as sender:
        for _ in range(5):
            await sender.send(receiver.url, delivery())
    assert (len(receiver.requests), receiver.connections) == (5, 1)


async def test_a_connection_that_went_away_unused_is_no_failure(
    receiver: Any, make_answer: Any
) -> None:
    """The receiver closes at the sight of a second request, as one does whose patience ran out."""
    receiver.script = lambda _: b"" if len(receiver.requests) % 2 == 0 else make_answer(200)
    async with WebhookSender() as sender:
        for _ in range(3):
            assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 200)
    assert receiver.connections == 3


async def test_what_a_receiver_says_unasked_is_not_taken_for_an_answer(
    receiver: Any, make_answer: Any
) -> None:
    receiver.script = lambda _: make_answer(200) + make_answer(500)
    async with WebhookSender() as sender:
        for _ in range(3):
            assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 200)


async def test_posts_at_the_same_time_have_connections_of_their_own(
    receiver: Any, make_answer: Any
) -> None:
    everybody = asyncio.Barrier(4)

    async def meet(_: object) -> bytes:
        await everybody.wait()
        return bytes(make_answer(200))

    receiver.script = meet
    async with WebhookSender() as sender:
        for _ in range(2):
            sends = [sender.send(receiver.url, delivery()) for _ in range(4)]
            assert await asyncio.gather(*sends) == [Outcome(Verdict.DONE, 200)] * 4
    assert receiver.connections == 4


async def test_over_tls_the_certificate_is_checked(
    receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with WebhookSender() as sender:
        outcome = await sender.send(f"https://localhost:{port}/hook", delivery())
        assert outcome == Outcome(Verdict.UNREACHABLE, None)
        assert "certificate" in outcome.why
    trusting = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr(http_post, "_tls_context", lambda: trusting)
    async with WebhookSender() as sender:
        for _ in range(2):
            outcome = await sender.send(f"https://localhost:{port}/hook", delivery())
            assert outcome == Outcome(Verdict.DONE, 200)
        outcome = await sender.send(f"https://127.0.0.1:{port}/hook", delivery())
        assert outcome.verdict is Verdict.UNREACHABLE
    assert len(receiver.requests) == 2
    server.close()
    await receiver.close()
    await server.wait_closed()


# --- webhooks of the API -------------------------------------------------------------------------


def to_webhook(number: int = 1) -> Delivery:
    return Delivery(7, "abc", "", "qr", "{}", 0, webhook=number)


async def anywhere(host: str, port: int) -> str:
    return host


async def test_a_webhook_has_headers_and_secrets_of_its_own(receiver: Any) -> None:
    new, old = new_secret("hmac"), new_secret("hmac")
    hook = Receiver(((b"x-tenant", b"t"),), (Signer(new), Signer(old)))
    async with WebhookSender(
        SECRET, "own-key", receiver_of={1: hook}.get, guard=anywhere
    ) as sender:
        assert (await sender.send(receiver.url, to_webhook())).verdict is Verdict.DONE
        assert (await sender.send(receiver.url, to_webhook(2))).verdict is Verdict.REFUSED
    (request,) = receiver.requests
    assert request.headers["x-tenant"] == "t"
    assert "x-api-key" not in request.headers
    for secret in (new, old):
        assert Webhook(secret).verify(request.body, request.headers)["dataType"] == "qr"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body, request.headers)


async def test_410_ends_a_webhook_and_one_event_of_the_settings_receiver(receiver: Any) -> None:
    receiver.script = lambda _: http_answer(410)
    async with WebhookSender(receiver_of={1: Receiver()}.get, guard=anywhere) as sender:
        assert await sender.send(receiver.url, to_webhook()) == Outcome(Verdict.GONE, 410)
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 410)


async def test_a_webhook_reaches_no_address_that_is_not_allowed(receiver: Any) -> None:
    guard = webhook_guard(AllowList())
    async with WebhookSender(receiver_of={1: Receiver()}.get, guard=guard) as sender:
        # A connection of the trusted receiver is no way around the guard either.
        assert (await sender.send(receiver.url, delivery())).verdict is Verdict.DONE
        outcome = await sender.send(receiver.url, to_webhook())
        assert (outcome.verdict, outcome.why) == (Verdict.UNREACHABLE, "not a public address")
        local = receiver.url.replace("127.0.0.1", "localhost")
        assert (await sender.send(local, to_webhook())).why == "not a public address"
    assert len(receiver.requests) == 1
    guard = webhook_guard(AllowList.parse(["127.0.0.0/8"]))
    async with WebhookSender(receiver_of={1: Receiver()}.get, guard=guard) as sender:
        assert (await sender.send(receiver.url, to_webhook())).verdict is Verdict.DONE


@pytest.mark.parametrize(
    ("status", "text", "wait_s"),
    [
        (429, "120", 120),
        (503, "0", 0),
        (500, "7", 7),
        (503, "Tue, 14 Nov 2023 22:15:00 GMT", 100),
        (503, "Tue, 14 Nov 2023 22:00:00 GMT", 0),
        (503, "99999999999999", MAX_WAIT_S),
        (503, "soon", 0),
        (503, "-5", 0),
    ],
)
async def test_retry_after_is_heard(receiver: Any, status: int, text: str, wait_s: float) -> None:
    receiver.script = lambda _: http_answer(status, **{"retry-after": text})
    async with WebhookSender(clock=lambda: 1_700_000_000.0) as sender:
        outcome = await sender.send(receiver.url, delivery())
    assert (outcome.status, outcome.wait_s) == (status, wait_s)
