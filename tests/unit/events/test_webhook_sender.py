"""One delivery: its body, headers and signature, and how each answer is judged."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from waport.events.webhook_sender import Outcome, Verdict, WebhookSender
from waport.store import Delivery

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def delivery(data: str = '{"qr":"grüße"}', event_id: int = 7) -> Delivery:
    return Delivery(event_id, "abc", "", "qr", data, 0, 0)


async def test_the_body_is_exactly_the_three_keys_in_order(receiver: Any) -> None:
    async with WebhookSender() as sender:
        outcome = await sender.send(receiver.url, delivery())
    assert outcome == Outcome(Verdict.DONE, 200)
    (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.body == '{"sessionId":"abc","dataType":"qr","data":{"qr":"grüße"}}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json, text/plain, */*"


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


async def test_the_key_does_not_go_to_another_host(receiver: Any, make_answer: Any) -> None:
    elsewhere = receiver.url.replace("127.0.0.1", "localhost").replace("/hook", "/there")
    receiver.script = lambda request: (
        make_answer(307, location=elsewhere) if request.path == "/hook" else make_answer(200)
    )
    async with WebhookSender(api_key="k") as sender:
        await sender.send(receiver.url, delivery())
    first, second = receiver.requests
    assert "x-api-key" in first.headers
    assert second.path == "/there"
    assert "x-api-key" not in second.headers


async def test_an_endless_redirect_ends_as_a_refusal(receiver: Any, make_answer: Any) -> None:
    receiver.script = lambda _: make_answer(302, location="/hook")
    async with WebhookSender() as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.REFUSED, 302)
    assert len(receiver.requests) == 6


async def test_a_redirect_to_something_else_than_http_is_a_failure(
    receiver: Any, make_answer: Any
) -> None:
    receiver.script = lambda _: make_answer(302, location="file:///etc/passwd")
    async with WebhookSender() as sender:
        assert (await sender.send(receiver.url, delivery())).verdict is Verdict.UNREACHABLE


async def test_of_a_huge_answer_only_the_beginning_is_read(receiver: Any, make_answer: Any) -> None:
    receiver.script = lambda _: make_answer(200, b"x" * 5_000_000)
    async with WebhookSender() as sender:
        assert await sender.send(receiver.url, delivery()) == Outcome(Verdict.DONE, 200)
