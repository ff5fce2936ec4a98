from __future__ import annotations

import pytest

from waport.errors import StanzaError
from waport.stanza.status import AudienceKind, FetchStatusAudience, StatusAudience
from waport.wire import Jid, Node

ANN = Jid("15550002222", "s.whatsapp.net")


def reply(*lists: Node) -> Node:
    return Node("iq", {"type": "result"}, [Node("privacy", {}, list(lists))])


def some(kind: str, *users: Node, default: str = "true") -> Node:
    return Node("list", {"type": kind, "default": default}, list(users))


def test_the_list_in_use_is_the_default_one() -> None:
    user = Node("user", {"jid": ANN.with_device(3)})
    answer = reply(some("blacklist", default="false"), some("whitelist", user))
    parsed = FetchStatusAudience().parse(answer)
    assert parsed == StatusAudience(AudienceKind.ONLY, frozenset({ANN}))


@pytest.mark.parametrize("lists", [(), (some("whitelist", default="false"),)])
def test_no_list_in_use_means_all_contacts(lists: tuple[Node, ...]) -> None:
    assert FetchStatusAudience().parse(reply(*lists)) == StatusAudience()


def test_a_kind_of_list_that_we_do_not_know_is_refused() -> None:
    with pytest.raises(StanzaError):
        FetchStatusAudience().parse(reply(some("new kind")))


@pytest.mark.parametrize("user", [Node("user"), Node("user", {"jid": Jid("1", "g.us")})])
def test_only_among_those_who_are_left_out_everybody_must_be_a_person(user: Node) -> None:
    assert FetchStatusAudience().parse(reply(some("whitelist", user))).people == frozenset()
    with pytest.raises(StanzaError):
        FetchStatusAudience().parse(reply(some("blacklist", user)))


def test_an_answer_without_settings_is_malformed() -> None:
    with pytest.raises(StanzaError):
        FetchStatusAudience().parse(Node("iq", {"type": "result"}))
