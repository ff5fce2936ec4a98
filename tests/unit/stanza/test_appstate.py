from __future__ import annotations

import pytest

from waport.appstate import Collection
from waport.errors import InvalidInput, StanzaError
from waport.stanza.appstate import (
    MAX_PATCHES,
    CollectionAnswer,
    CollectionChange,
    CollectionError,
    CollectionRequest,
    SyncCollections,
    fetch_all,
    parse_server_sync,
)
from waport.wire import SERVER, Node, decode_stanza, encode_stanza

LOW, HIGH, REGULAR = Collection.REGULAR_LOW, Collection.REGULAR_HIGH, Collection.REGULAR


def reply(*collections: Node) -> Node:
    return Node(
        "iq", {"type": "result", "id": "1", "from": SERVER}, [Node("sync", {}, [*collections])]
    )


def parse(
    *collections: Node, asked: tuple[Collection, ...] = (LOW,)
) -> tuple[CollectionAnswer, ...]:
    query = SyncCollections([CollectionRequest(each) for each in asked])
    node = reply(*collections)
    assert query.parse(decode_stanza(encode_stanza(node))) == query.parse(node)
    return query.parse(node)


def patches(*contents: bytes) -> Node:
    return Node("patches", {}, [Node("patch", {}, content) for content in contents])


# --- asking --------------------------------------------------------------------------------------


def test_collections_are_asked_for_in_one_iq() -> None:
    request = SyncCollections(
        [
            CollectionRequest(LOW, 41),
            CollectionRequest(HIGH, 5, wants_snapshot=True),
            CollectionRequest(REGULAR, 7, patch=b"PATCH"),
        ]
    ).request()
    assert request == Node(
        "iq",
        {"to": SERVER, "type": "set", "xmlns": "w:sync:app:state"},
        [
            Node(
                "sync",
                {},
                [
                    Node(
                        "collection",
                        {"name": "regular_low", "version": "41", "return_snapshot": "false"},
                    ),
                    Node("collection", {"name": "regular_high", "return_snapshot": "true"}),
                    Node(
                        "collection",
                        {"name": "regular", "version": "7", "return_snapshot": "false"},
                        [Node("patch", {}, b"PATCH")],
                    ),
                ],
            )
        ],
    )
    encode_stanza(request)


def test_what_was_never_fetched_is_asked_for_as_a_snapshot() -> None:
    assert fetch_all([(LOW, 0), (HIGH, 3)]).requests == [
        CollectionRequest(LOW, 0, wants_snapshot=True),
        CollectionRequest(HIGH, 3),
    ]


def test_an_upload_may_build_on_version_0() -> None:
    (sync,) = SyncCollections([CollectionRequest(LOW, 0, patch=b"P")]).request().children()
    assert sync.child("collection").attrs["version"] == "0"


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [CollectionRequest(LOW), CollectionRequest(LOW, 4)],
        [CollectionRequest(LOW, 0, wants_snapshot=True, patch=b"P")],
    ],
)
def test_a_question_that_makes_no_sense_is_not_asked(requests: list[CollectionRequest]) -> None:
    with pytest.raises(InvalidInput):
        SyncCollections(requests).request()


def test_a_patch_does_not_show() -> None:
    assert "PATCH" not in repr(CollectionRequest(LOW, 1, patch=b"PATCH"))


# --- answers -------------------------------------------------------------------------------------


def test_each_collection_is_answered_by_itself() -> None:
    answers = parse(
        Node(
            "collection",
            {"name": "regular_low", "version": "43", "type": "result"},
            [patches(b"A", b"B")],
        ),
        Node(
            "collection",
            {"name": "regular_high", "version": "9", "has_more_patches": "true"},
            [Node("snapshot", {}, b"REF"), patches(b"C")],
        ),
        Node(
            "collection",
            {"name": "regular", "type": "error"},
            [Node("error", {"code": "404", "text": "item-not-found"})],
        ),
        asked=(REGULAR, LOW, HIGH),
    )
    assert answers == (
        CollectionAnswer(REGULAR, None, error=CollectionError(404, "item-not-found")),
        CollectionAnswer(LOW, 43, None, (b"A", b"B")),
        CollectionAnswer(HIGH, 9, b"REF", (b"C",), True),
    )


def test_a_conflict_brings_the_patches_that_are_missing() -> None:
    (answer,) = parse(
        Node(
            "collection",
            {"name": "regular_low", "version": "44", "type": "error", "has_more_patches": "true"},
            [Node("error", {"code": "409", "text": "conflict"}), patches(b"A")],
        )
    )
    assert answer.error == CollectionError(409, "conflict")
    assert answer.error.is_conflict
    assert (answer.version, answer.patches, answer.has_more) == (44, (b"A",), True)


@pytest.mark.parametrize(
    ("code", "fatal"),
    [(400, True), (404, True), (405, True), (406, True), (409, False), (500, False), (0, False)],
)
def test_some_refusals_are_for_good(code: int, fatal: bool) -> None:
    error = CollectionError(code)
    assert error.is_fatal is fatal
    assert error.is_conflict is (code == 409)


@pytest.mark.parametrize(
    ("attrs", "children", "code"),
    [
        ({"type": "error"}, [], 0),
        ({"type": "error"}, [Node("error")], 0),
        ({}, [Node("error", {"code": "500"})], 500),
        ({"type": "result"}, [Node("error", {"code": "abc"})], 0),
    ],
)
def test_a_refusal_in_any_form_is_one(
    attrs: dict[str, str], children: list[Node], code: int
) -> None:
    (answer,) = parse(Node("collection", {"name": "regular_low", **attrs}, children))
    assert answer.error == CollectionError(code)


def test_a_collection_without_an_answer_gets_an_error() -> None:
    first, second = parse(Node("collection", {"name": "regular_low"}), asked=(LOW, HIGH))
    assert first == CollectionAnswer(LOW, None)
    assert second.error == CollectionError(0, "no answer")
    assert not second.error.is_fatal


def test_what_was_not_asked_for_is_left_out() -> None:
    answers = parse(
        Node("collection", {"name": "future_block", "version": "1"}),
        Node("collection", {"name": "regular", "version": "2"}),
        Node("collection", {"version": "3"}),
        Node("collection", {"name": "regular_low", "version": "4"}),
        Node("collection", {"name": "regular_low", "version": "5"}),
    )
    assert answers == (CollectionAnswer(LOW, 4),)


@pytest.mark.parametrize("version", ["-1", "x", "", "1" * 20])
def test_a_version_that_is_none_is_not_told(version: str) -> None:
    (answer,) = parse(Node("collection", {"name": "regular_low", "version": version}))
    assert answer.version is None


def test_contents_that_are_no_bytes_are_left_out() -> None:
    (answer,) = parse(
        Node(
            "collection",
            {"name": "regular_low"},
            [
                Node("snapshot", {}, [Node("x")]),
                Node("patches", {}, [Node("patch"), Node("patch", {}, b"A"), Node("x", {}, b"B")]),
            ],
        )
    )
    assert (answer.snapshot, answer.patches) == (None, (b"A",))


def test_more_patches_than_the_limit_are_asked_for_again() -> None:
    (answer,) = parse(
        Node("collection", {"name": "regular_low"}, [patches(*[b"A"] * (MAX_PATCHES + 1))])
    )
    assert len(answer.patches) == MAX_PATCHES
    assert answer.has_more


def test_an_answer_without_a_sync_is_refused() -> None:
    with pytest.raises(StanzaError):
        SyncCollections([CollectionRequest(LOW)]).parse(Node("iq", {"type": "result"}))


# --- notifications -------------------------------------------------------------------------------


def test_a_notification_names_what_has_changed() -> None:
    node = Node(
        "notification",
        {"type": "server_sync", "from": SERVER, "id": "1", "t": "1700000000"},
        [
            Node("collection", {"name": "regular_low", "version": "44"}),
            Node("collection", {"name": "future_block", "version": "2"}),
            Node("collection", {"name": "critical_block"}),
            Node("other", {"name": "regular"}),
        ],
    )
    assert parse_server_sync(node) == (
        CollectionChange(LOW, 44),
        CollectionChange(Collection.CRITICAL_BLOCK, None),
    )


@pytest.mark.parametrize("content", [None, b"bytes", []])
def test_a_notification_may_name_nothing(content: bytes | list[Node] | None) -> None:
    assert parse_server_sync(Node("notification", {"type": "server_sync"}, content)) == ()
