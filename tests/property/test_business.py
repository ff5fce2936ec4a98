"""Whatever the server says of calls, businesses and small things: only our own errors come out."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waport.errors import InvalidInput, QueryError, StanzaError
from waport.model.business import ProductDraft, ProfileChange
from waport.pairing import passkey
from waport.stanza.business import (
    ChangeBusinessProfile,
    FetchBusinessProfile,
    FetchVerifiedName,
    OwnContactCode,
    ResolveLink,
    parse_verified_name,
)
from waport.stanza.calls import CreateCallLink, QueryCallLink, call_answer, parse_call
from waport.stanza.catalog import (
    DeleteProducts,
    FetchCatalog,
    FetchCollections,
    FetchOrder,
    SaveProduct,
    parse_product,
)
from waport.stanza.contacts import FetchUsername
from waport.stanza.notices import parse_about, parse_picture, parse_timer
from waport.stanza.query import check_reply
from waport.stanza.server import (
    AnnouncementsBlocked,
    FetchBots,
    FetchProperties,
    ReportedMessage,
    ReportSpam,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
QUERIES: list[Any] = [
    FetchBusinessProfile(ANN),
    ChangeBusinessProfile(ProfileChange("x")),
    FetchVerifiedName(ANN),
    ResolveLink("A"),
    OwnContactCode(),
    FetchCatalog(ANN),
    FetchCollections(ANN),
    FetchOrder("o", "t"),
    SaveProduct(ProductDraft("x")),
    SaveProduct(ProductDraft("x"), "1"),
    DeleteProducts(["1"]),
    CreateCallLink(True),
    QueryCallLink("t", False),
    FetchUsername(ANN, "s"),
    FetchProperties(),
    FetchBots(),
    AnnouncementsBlocked(),
    ReportSpam("ContactInfo", [ReportedMessage("M", ANN, 1, b"")]),
]
TAGS = [
    "business_profile",
    "profile",
    "address",
    "website",
    "categories",
    "category",
    "business_hours",
    "business_hours_config",
    "profile_options",
    "cover_photo",
    "latitude",
    "verified_name",
    "qr",
    "business",
    "message",
    "product_catalog",
    "product_catalog_add",
    "product_catalog_edit",
    "product_catalog_delete",
    "product",
    "id",
    "name",
    "price",
    "currency",
    "media",
    "image",
    "request_image_url",
    "status_info",
    "status",
    "paging",
    "after",
    "collections",
    "collection",
    "order",
    "quantity",
    "total",
    "offer",
    "accept",
    "terminate",
    "reject",
    "video",
    "group_info",
    "participant",
    "link_create",
    "link_query",
    "usync",
    "result",
    "list",
    "user",
    "username",
    "props",
    "prop",
    "bot",
    "section",
    "default",
    "blocking",
    "report_id",
    "report",
    "set",
    "delete",
    "disappearing_mode",
    "primary_ephemeral_identity",
    "ref",
    "error",
]
NAMES = [
    "jid",
    "tag",
    "id",
    "timezone",
    "day_of_week",
    "mode",
    "open_time",
    "close_time",
    "verified_level",
    "code",
    "notify",
    "type",
    "is_hidden",
    "deleted_count",
    "creation_ts",
    "call-id",
    "call-creator",
    "caller_pn",
    "group-jid",
    "reason",
    "duration",
    "media",
    "token",
    "link-creator",
    "config_code",
    "config_value",
    "hash",
    "delta_update",
    "persona_id",
    "status",
    "author",
    "from",
    "t",
    "offline",
    "sender_lid",
    "error",
    "text",
]

jids = st.sampled_from(
    [ANN, Jid("1", "lid", 3), Jid("1", "g.us"), Jid("", "s.whatsapp.net"), Jid("", "call")]
)
values = st.one_of(
    jids, st.sampled_from(["1", "-1", "9" * 19, "true", "mon", "video"]), st.text(max_size=12)
)
attrs = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
leaves = st.builds(Node, st.sampled_from(TAGS), attrs, st.one_of(st.none(), st.binary(max_size=24)))
nodes = st.recursive(
    leaves,
    lambda inner: st.builds(Node, st.sampled_from(TAGS), attrs, st.lists(inner, max_size=5)),
    max_leaves=25,
)


@given(st.lists(nodes, max_size=4), nodes, attrs)
def test_only_our_own_errors_leave_the_readers(
    children: list[Node], odd: Node, outer: dict[str, Any]
) -> None:
    for reply in (Node("iq", outer, children), Node("ack", outer, children), odd):
        readers: list[Any] = [
            *(query.parse for query in QUERIES),
            parse_call,
            parse_product,
            parse_verified_name,
            parse_about,
            parse_picture,
            parse_timer,
            passkey.parse_continuation,
            passkey.parse_ref,
            lambda node: passkey.parse_request(node.content),
            check_reply,
            lambda node: call_answer(node, ANN),
        ]
        for read in readers:
            try:
                read(reply)
            except (StanzaError, QueryError):
                continue


@given(st.one_of(st.binary(max_size=64), st.text(max_size=64).map(str.encode)))
def test_options_of_a_passkey_are_read_or_refused(content: bytes) -> None:
    try:
        passkey.parse_request(content)
    except StanzaError:
        return


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "signature"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=10,
)


@given(json_values)
def test_assertions_are_taken_or_refused(value: Any) -> None:
    request = passkey.PasskeyRequest({}, "Y2hhbGxlbmdl")
    try:
        passkey.check_assertion(value, request)
    except InvalidInput:
        return
