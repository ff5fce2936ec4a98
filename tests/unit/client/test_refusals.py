from __future__ import annotations

import pytest

from waport.client.refusals import REFUSALS, Action, action_for, refusal
from waport.errors import (
    AccountRestricted,
    AddressingChanged,
    ChatNotFound,
    MessageRefused,
    NewChatLimit,
    NotAuthorized,
    NotFound,
    QueryError,
    RateLimited,
    SendingTooFast,
    ServerTrouble,
    StanzaRefused,
    WritingForbidden,
)


@pytest.mark.parametrize(
    ("code", "error", "private", "group"),
    [
        (400, MessageRefused, Action.FAIL, Action.FAIL),
        (401, WritingForbidden, Action.FAIL, Action.REFRESH_GROUP),
        (403, WritingForbidden, Action.FAIL, Action.REFRESH_GROUP),
        (404, ChatNotFound, Action.FAIL, Action.FAIL),
        (405, MessageRefused, Action.FAIL, Action.FAIL),
        (406, MessageRefused, Action.FAIL, Action.FAIL),
        (421, AddressingChanged, Action.FAIL, Action.SEND_ONCE_MORE),
        (429, SendingTooFast, Action.FAIL, Action.FAIL),
        (463, AccountRestricted, Action.GIVE_TOKEN, Action.FAIL),
        (473, MessageRefused, Action.FAIL, Action.FAIL),
        (475, NewChatLimit, Action.FAIL, Action.FAIL),
        (479, StanzaRefused, Action.FAIL, Action.FAIL),
        (500, ServerTrouble, Action.SEND_LATER, Action.SEND_LATER),
        (503, ServerTrouble, Action.SEND_LATER, Action.SEND_LATER),
        (999, MessageRefused, Action.FAIL, Action.FAIL),
    ],
)
def test_each_code_says_what_follows(
    code: int, error: type[QueryError], private: Action, group: Action
) -> None:
    assert type(refusal(code, is_group=False)) is error
    assert type(refusal(code, is_group=True)) is error
    assert action_for(code, is_group=False) is private
    assert action_for(code, is_group=True) is group


@pytest.mark.parametrize(
    ("code", "general"),
    [(401, NotAuthorized), (403, NotAuthorized), (404, NotFound), (429, RateLimited)],
)
def test_who_handles_refused_questions_handles_refused_messages_too(
    code: int, general: type[QueryError]
) -> None:
    assert isinstance(refusal(code, is_group=True), general)


@pytest.mark.parametrize("code", [*REFUSALS, 999])
@pytest.mark.parametrize("is_group", [True, False])
def test_the_text_is_for_people_and_the_code_for_programs(code: int, is_group: bool) -> None:
    error = refusal(code, is_group=is_group)
    assert error.code == code
    assert str(code) not in error.text
    assert len(error.text.split()) > 3
    assert str(error) == f"{code} {error.text}"


def test_groups_and_private_chats_have_words_of_their_own() -> None:
    assert refusal(403, is_group=True).text == "this account is no member of the group"
    assert refusal(401, is_group=True).text == "only admins may write in this group"
    assert refusal(404, is_group=True).text == "there is no such group"
    assert "group" not in refusal(403, is_group=False).text
    assert "group" not in refusal(404, is_group=False).text
