"""Asking the phone for history that it did not send by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.account import NOW, OWN_LID, Account
from support.history import BOB, CAROL, CAROL_LID, HistoryScene, chat, inline, piece, said
from waport.client.features.history import (
    COOL_DOWN_S,
    MAX_FAILURES,
    TIMEOUT_S,
    HistoryRefused,
)
from waport.errors import DecodeError, InvalidInput, QueryTimeout, RateLimited
from waport.model import OlderHistory
from waport.proto import pb
from waport.wire import Jid, Node

MORE, LAST = 2, 1


@pytest.fixture
async def scene(account: Account, tmp_path: Path) -> AsyncIterator[HistoryScene]:
    scene = HistoryScene(account, tmp_path)
    await scene.take(inline(piece(conversations=[chat(BOB, [said("M9", at=NOW - 100)])])))
    yield scene
    await scene.end()


def answered(request_id: str, *names: str, where: Jid = BOB, end: int = MORE) -> Any:
    """The phone's answer to a request."""
    messages = [said(name, at=NOW - 200) for name in names]
    found = chat(where, messages, endOfHistoryTransferType=end)
    data = piece("ON_DEMAND", conversations=[found])
    return inline(data, "ON_DEMAND", peerDataRequestSessionId=request_id)


async def asked(scene: HistoryScene, count: int = 1) -> str:
    """Wait until the phone was asked; the id of the request."""
    await scene.server.arrived(count)
    return scene.server.messages[-1].attr("id")


async def test_older_messages_come_with_the_answer(scene: HistoryScene) -> None:
    fetching = scene.start(scene.history.fetch_older(BOB, 20))
    request_id = await asked(scene)
    (request,) = scene.asked()
    wanted = request.historySyncOnDemandRequest
    assert (wanted.chatJid, wanted.oldestMsgId, wanted.oldestMsgFromMe) == (str(BOB), "M9", False)
    assert wanted.oldestMsgTimestampMs == NOW - 100
    assert wanted.onDemandMsgCount == 20
    assert wanted.accountLid == str(OWN_LID.bare)
    # An answer to somebody else's question is stored, and ends nobody's wait.
    await scene.take(answered("another", "M7"))
    assert not fetching.done()
    await scene.take(answered(request_id, "M8", "M7"))
    assert await fetching == OlderHistory(1, is_complete=False)


async def test_when_the_phone_has_no_more_it_is_not_asked(scene: HistoryScene) -> None:
    fetching = scene.start(scene.history.fetch_older(BOB))
    await scene.take(answered(await asked(scene), "M8", end=LAST))
    assert await fetching == OlderHistory(1, is_complete=True)
    assert await scene.history.fetch_older(BOB) == OlderHistory(0, is_complete=True)
    assert await scene.history.request_older(BOB) is False
    assert len(scene.server.messages) == 1


async def test_the_phone_is_asked_in_its_own_words(scene: HistoryScene) -> None:
    old = chat(CAROL_LID, [said("C1")], pnJid=str(CAROL))
    await scene.take(inline(piece(conversations=[old])))
    assert await scene.history.request_older(CAROL, 5) is True
    (request,) = scene.asked()
    assert request.historySyncOnDemandRequest.chatJid == str(CAROL_LID)


async def test_the_other_unit_of_time_is_tried_where_nothing_comes(scene: HistoryScene) -> None:
    fetching = scene.start(scene.history.fetch_older(BOB))
    await asked(scene)
    await scene.clock.pass_by(TIMEOUT_S)
    request_id = await asked(scene, 2)
    first, second = (request.historySyncOnDemandRequest for request in scene.asked())
    assert second.oldestMsgTimestampMs == 1000 * first.oldestMsgTimestampMs
    await scene.take(answered(request_id, "M8"))
    assert (await fetching).messages == 1


async def test_a_slow_phone_may_answer_the_first_of_both(scene: HistoryScene) -> None:
    fetching = scene.start(scene.history.fetch_older(BOB))
    first = await asked(scene)
    await scene.clock.pass_by(TIMEOUT_S)
    await asked(scene, 2)
    await scene.take(answered(first, "M8"))
    async with asyncio.timeout(5):
        assert (await fetching).messages == 1


async def test_an_answer_of_another_kind_is_none(scene: HistoryScene) -> None:
    fetching = scene.start(scene.history.fetch_older(BOB))
    await take_answer(scene, full_answer(await asked(scene), 0))
    with pytest.raises(DecodeError):
        await fetching


async def test_a_phone_that_never_answers_is_left_alone_for_a_while(scene: HistoryScene) -> None:
    for _ in range(MAX_FAILURES):
        fetching = scene.start(scene.history.fetch_older(BOB))
        await scene.clock.pass_by(TIMEOUT_S)
        await scene.clock.pass_by(TIMEOUT_S)
        with pytest.raises(QueryTimeout):
            await fetching
    with pytest.raises(RateLimited):
        await scene.history.fetch_older(BOB)
    scene.clock.advance(COOL_DOWN_S)
    fetching = scene.start(scene.history.fetch_older(BOB))
    await scene.clock.sleeping(TIMEOUT_S)
    assert not fetching.done()


async def test_nothing_is_asked_of_a_chat_that_nobody_knows(scene: HistoryScene) -> None:
    with pytest.raises(InvalidInput):
        await scene.history.fetch_older(CAROL)
    with pytest.raises(InvalidInput):
        await scene.history.request_older(BOB, 0)


async def test_an_answer_that_can_not_be_used_is_told(scene: HistoryScene) -> None:
    fetching = scene.start(scene.history.fetch_older(BOB))
    request_id = await asked(scene)
    notice = inline(b"no zlib", "ON_DEMAND", peerDataRequestSessionId=request_id)
    await scene.announce(notice)
    await scene.account.write(
        lambda store: store.history.set_state(
            store.history.notices()[0].position, store.history.notices()[0].state, 3
        )
    )
    await scene.work_off()
    with pytest.raises(DecodeError):
        await fetching


def full_answer(stanza_id: str, code: int) -> pb.ProtocolMessage:
    answer = pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
    )
    response = answer.peerDataOperationRequestResponseMessage
    response.peerDataOperationRequestType = pb.FULL_HISTORY_SYNC_ON_DEMAND
    response.stanzaId = stanza_id
    told = response.peerDataOperationResult.add().fullHistorySyncOnDemandRequestResponse
    told.responseCode = code  # type: ignore[assignment]
    return answer


async def take_answer(scene: HistoryScene, answer: pb.ProtocolMessage) -> None:
    work = await scene.account.handle(
        lambda work, _: scene.sync.take_answer(work, answer) or None, Node("message")
    )
    for follow_up in work.follow_ups:
        await follow_up()


async def test_the_phone_agrees_to_send_everything(scene: HistoryScene) -> None:
    asking = scene.start(scene.history.request_full(since=5, days=7))
    request_id = await asked(scene)
    (request,) = scene.asked()
    assert request.peerDataOperationRequestType == pb.FULL_HISTORY_SYNC_ON_DEMAND
    config = request.fullHistorySyncOnDemandRequest.fullHistorySyncOnDemandConfig
    assert (config.historyFromTimestamp, config.historyDurationDays) == (5, 7)
    assert request.fullHistorySyncOnDemandRequest.requestMetadata.requestId
    await take_answer(scene, full_answer("another", 0))
    assert not asking.done()
    await take_answer(scene, full_answer(request_id, 0))
    await asking


async def test_a_phone_that_sends_everything_without_a_word_has_agreed(
    scene: HistoryScene,
) -> None:
    asking = scene.start(scene.history.request_full())
    data = piece("FULL", conversations=[chat(BOB, [said("M8")])])
    await scene.take(inline(data, "FULL", peerDataRequestSessionId=await asked(scene)))
    await asking


async def test_the_phone_declines_to_send_everything(scene: HistoryScene) -> None:
    asking = scene.start(scene.history.request_full())
    await take_answer(scene, full_answer(await asked(scene), 2))
    with pytest.raises(HistoryRefused, match="does not share"):
        await asking


async def test_without_an_answer_nobody_waits_for_ever(scene: HistoryScene) -> None:
    asking = scene.start(scene.history.request_full())
    await scene.clock.pass_by(TIMEOUT_S)
    with pytest.raises(QueryTimeout):
        await asking
