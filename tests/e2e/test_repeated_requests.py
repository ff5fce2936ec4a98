"""A request that is sent again because its answer was lost: what it did is done once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from support.talk import SESSION, Talk

pytestmark = pytest.mark.e2e


async def post(talk: Talk, path: str, key: str, **body: Any) -> httpx.Response:
    return await talk.world.server.api.post(
        f"{path}/{SESSION}", json={"chatId": talk.chat, **body}, headers={"Idempotency-Key": key}
    )


TEXT = {"contentType": "string", "content": "only once"}


async def killed(talk: Talk, point: str, path: str, **body: Any) -> list[httpx.Response]:
    """The answers to a request that is made three times: the server dies in the first one."""
    world = talk.world
    await world.server.stop()
    ready = len(world.inbox.of("ready"))
    await world.server.start({"WAPORT_CRASH_POINT": point})
    await world.inbox.count("ready", ready + 1)
    with pytest.raises(httpx.TransportError):
        await post(talk, path, point, **body)
    await world.server.wait()
    await world.server.start()
    await world.inbox.count("ready", ready + 2)
    return [await post(talk, path, point, **body) for _ in range(2)]


async def test_a_killed_request_is_made_again_and_its_message_arrives_once(talk: Talk) -> None:
    first = await post(talk, "/client/sendMessage", "before", **TEXT)
    # Committed and not sent; acknowledged by the server and not known.
    for point in ("send.committed", "send.acked"):
        answers = await killed(talk, point, "/client/sendMessage", **TEXT)
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
        assert answers[0].content == answers[1].content
        assert answers[1].headers["idempotent-replayed"] == "true"
        message = answers[0].json()["message"]
        assert message["ack"] >= 1
        await talk.seen(message["id"]["id"])
    # So with what is no message of its own: sent, and that is not known.
    react = {"messageId": first.json()["message"]["id"]["id"], "emoji": "\N{THUMBS UP SIGN}"}
    answers = await killed(talk, "send.transmitted", "/message/react", **react)
    assert [answer.json()["message"] for answer in answers] == ["Reaction sent"] * 2
    # What was answered before all that is answered still, and for that body alone.
    assert (await post(talk, "/client/sendMessage", "before", **TEXT)).content == first.content
    response = await post(talk, "/client/sendMessage", "before", **{**TEXT, "content": "no"})
    assert response.json()["message"] == "idempotency_key_reused"
    last = await talk.send("the end")
    await talk.seen(last["id"]["id"])
    messages = talk.phone.messages()
    assert [message.text for message in messages].count("only once") == 3
    assert sum(message.message.HasField("reactionMessage") for message in messages) == 1
