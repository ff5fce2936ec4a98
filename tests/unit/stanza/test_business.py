"""Businesses: what is asked, what is read, and what is left out because it is no good."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, StanzaError
from waport.model.business import (
    BusinessDay,
    BusinessHours,
    LinkTarget,
    ProductDraft,
    ProfileChange,
)
from waport.proto import pb
from waport.stanza.business import (
    ChangeBusinessProfile,
    FetchBusinessProfile,
    FetchVerifiedName,
    OwnContactCode,
    ResolveLink,
    SetCoverPhoto,
    link_code,
    parse_verified_name,
)
from waport.stanza.catalog import (
    DeleteProducts,
    FetchCatalog,
    FetchCollections,
    FetchOrder,
    SaveProduct,
    parse_product,
)
from waport.wire import Jid, Node

SHOP = Jid("15550001111", "s.whatsapp.net")


def value(tag: str, text: Any) -> Node:
    return Node(tag, {}, text if isinstance(text, bytes) else str(text).encode())


def product(*content: Node, **attrs: str) -> Node:
    return Node("product", dict(attrs), list(content))


def iq(*content: Node) -> Node:
    return Node("iq", {"type": "result"}, list(content))


# --- profiles ------------------------------------------------------------------------------------


def test_a_profile_is_asked_for_by_its_address() -> None:
    node = FetchBusinessProfile(SHOP).request()
    assert (node.get("xmlns"), node.get("type")) == ("w:biz", "get")
    asked = node.child("business_profile")
    assert (asked.attr("v"), asked.child("profile").jid("jid")) == ("244", SHOP)


def test_the_good_parts_of_a_profile_are_kept() -> None:
    hours = Node(
        "business_hours",
        {"timezone": "Europe/Lisbon"},
        [
            Node(
                "business_hours_config",
                {"day_of_week": day, "mode": mode, "open_time": opens, "close_time": "90"},
            )
            for day, mode, opens in (
                ("mon", "specific_hours", "60"),
                ("someday", "specific_hours", "60"),
                ("tue", "", "60"),
                ("wed", "new_mode", "2000"),
            )
        ],
    )
    profile = Node(
        "profile",
        {"jid": SHOP, "tag": "7"},
        [
            value("description", b"caf\xe9\x00!"),
            Node("address", {}, [Node("x")]),
            value("website", "https://a.example"),
            Node("website"),
            Node("categories", {}, [Node("category", {"id": "1"}, b"Bakery"), Node("category")]),
            hours,
            value("latitude", "no number"),
            value("longitude", "-9.5"),
            Node("automated_type", {}, b"unknown"),
        ],
    )
    others = [Node("profile"), Node("profile", {"jid": "120363@g.us"})]
    found = FetchBusinessProfile(SHOP).parse(iq(Node("business_profile", {}, [*others, profile])))
    assert found is not None
    assert (found.jid, found.tag, found.address) == (SHOP, "7", "")
    assert found.description == "caf\ufffd!"
    assert found.websites == ("https://a.example",)
    assert [(each.id, each.name) for each in found.categories] == [("1", "Bakery")]
    assert found.hours == BusinessHours(
        "Europe/Lisbon",
        (
            BusinessDay("mon", "specific_hours", 60, 90),
            BusinessDay("wed", "new_mode", None, 90),
        ),
    )
    assert (found.latitude, found.longitude) == (None, -9.5)
    assert [each.tag for each in found.extra] == ["automated_type"]


def test_no_profile_is_none_and_no_answer_an_error() -> None:
    assert FetchBusinessProfile(SHOP).parse(iq(Node("business_profile"))) is None
    with pytest.raises(StanzaError):
        FetchBusinessProfile(SHOP).parse(iq())


def test_only_what_changes_is_sent() -> None:
    change = ProfileChange(description="", websites=(), categories=("1", "2"))
    node = ChangeBusinessProfile(change).request().child("business_profile")
    assert node.attrs == {"v": "3", "mutation_type": "delta"}
    assert [(each.tag, each.content is None) for each in node.children()[:2]] == [
        ("description", True),
        ("website", True),
    ]
    assert [each.attr("id") for each in node.child("categories").children()] == ["1", "2"]


@pytest.mark.parametrize(
    "change",
    [
        ProfileChange(),
        ProfileChange(description="x" * 513),
        ProfileChange(email="x" * 129),
        ProfileChange(address="half \ud83d"),
        ProfileChange(websites=("a", "b", "c")),
        ProfileChange(categories=()),
        ProfileChange(hours=BusinessHours("UTC", (BusinessDay("someday", "open_24h"),))),
        ProfileChange(hours=BusinessHours("UTC", (BusinessDay("mon", "specific_hours"),))),
        ProfileChange(hours=BusinessHours("UTC", (BusinessDay("mon", "specific_hours", 90, 60),))),
    ],
)
def test_a_change_that_the_server_would_refuse_is_refused_here(change: ProfileChange) -> None:
    with pytest.raises(InvalidInput):
        ChangeBusinessProfile(change).request()


def test_cover_photos_name_their_upload() -> None:
    shown = SetCoverPhoto("9", "token", "7").request().child("business_profile")
    assert shown.child("cover_photo").attrs == {
        "op": "update",
        "id": "9",
        "token": "token",
        "ts": "7",
    }
    gone = SetCoverPhoto("9").request().child("business_profile")
    assert gone.child("cover_photo").attrs == {"op": "delete", "id": "9"}


# --- names ---------------------------------------------------------------------------------------


def certificate(**details: Any) -> bytes:
    data = pb.VerifiedNameCertificate.Details(**details)
    data.localizedNames.add(lg="pt", lc="BR", verifiedName="Pao")
    data.localizedNames.add(lg="de", verifiedName="Brot")
    data.localizedNames.add(lg="fr")
    return pb.VerifiedNameCertificate(
        details=data.SerializeToString(), signature=b"s", serverSignature=b"t"
    ).SerializeToString()


def test_a_certificate_is_read_whole() -> None:
    data = certificate(serial=5, issuer="smb:wa", verifiedName="Bread", issueTime=9)
    node = Node("verified_name", {"verified_level": "high"}, data)
    name = FetchVerifiedName(SHOP).parse(iq(node))
    assert name is not None
    assert (name.name, name.serial, name.issuer, name.issued_at) == ("Bread", 5, "smb:wa", 9)
    assert name.localized == (("pt_BR", "Pao"), ("de", "Brot"))
    assert (name.level, name.is_signed) == ("high", True)


def test_names_in_a_certificate_that_are_no_utf_8_are_texts() -> None:
    data = pb.VerifiedNameCertificate.Details(verifiedName="B??", issuer="i??")
    data.localizedNames.add(lg="p??", lc="B??", verifiedName="P??")
    details = data.SerializeToString().replace(b"??", b"\xff\xfe")
    content = pb.VerifiedNameCertificate(details=details).SerializeToString()
    name = parse_verified_name(Node("verified_name", {}, content))
    assert name is not None
    bad = "\ufffd\ufffd"
    assert (name.name, name.issuer) == (f"B{bad}", f"i{bad}")
    assert name.localized == ((f"p{bad}_B{bad}", f"P{bad}"),)


@pytest.mark.parametrize(
    "node",
    [
        None,
        Node("verified_name"),
        Node("verified_name", {}, b"\xff\xff"),
        Node("verified_name", {}, pb.VerifiedNameCertificate(details=b"\xff").SerializeToString()),
        Node("verified_name", {}, certificate()),
    ],
)
def test_a_certificate_without_a_name_is_none(node: Node | None) -> None:
    assert parse_verified_name(node) is None


# --- short links ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("https://wa.me/message/ABC", "ABC"),
        ("wa.me/qr/AB-C_9/", "AB-C_9"),
        ("http://api.whatsapp.com/qr/X", "X"),
        (" XYZ ", "XYZ"),
    ],
)
def test_codes_are_found_in_links(link: str, code: str) -> None:
    assert link_code(link) == code


@pytest.mark.parametrize(
    "link", ["", "https://wa.me/15550001111", "https://evil.example/qr/A", "a b"]
)
def test_other_links_are_none(link: str) -> None:
    with pytest.raises(InvalidInput):
        link_code(link)


def test_short_links_go_to_no_address() -> None:
    node = ResolveLink("ABC").request()
    assert "to" not in node.attrs
    answer = Node(
        "qr",
        {"jid": SHOP.with_device(3), "notify": "Bread"},
        [value("message", "hi"), Node("business", {"verified_name": "B", "verified_level": "low"})],
    )
    assert ResolveLink("ABC").parse(iq(answer)) == LinkTarget(
        SHOP, "Bread", "hi", False, "B", "low"
    )
    assert "to" not in OwnContactCode().request().attrs
    assert OwnContactCode(revoke=True).request().child("qr").attr("action") == "revoke"
    for bad in (Node("qr"), Node("qr", {"jid": "1@g.us"}), Node("qr", {"code": "../x"})):
        with pytest.raises(StanzaError):
            ResolveLink("ABC").parse(iq(bad))
        with pytest.raises(StanzaError):
            OwnContactCode().parse(iq(bad))


# --- catalogues ----------------------------------------------------------------------------------


def test_a_product_is_read_whole() -> None:
    media = Node(
        "media",
        {},
        [
            Node(
                "image",
                {},
                [
                    value("id", "i"),
                    value("request_image_url", "https://x.example/s"),
                    value("original_image_url", "https://x.example/o"),
                ],
            ),
            Node("image", {}, [value("request_image_url", "javascript:alert(1)")]),
        ],
    )
    found = parse_product(
        product(
            value("id", "1"),
            value("name", "Rye"),
            value("price", "4500"),
            value("currency", "EUR"),
            media,
            Node("status_info", {}, [value("status", "APPROVED")]),
            is_hidden="true",
        )
    )
    assert found is not None
    assert (found.id, found.name, found.price_1000, found.currency) == ("1", "Rye", 4500, "EUR")
    (image,) = found.images
    assert (image.id, image.url, image.original_url) == (
        "i",
        "https://x.example/s",
        "https://x.example/o",
    )
    assert (found.review, found.is_hidden) == ("APPROVED", True)


@pytest.mark.parametrize("price", ["", "1.5", "free", "9" * 30, "١٢", "1" + "0" * 17])
def test_a_price_that_is_none_leaves_the_product(price: str) -> None:
    found = parse_product(product(value("id", "1"), value("price", price)))
    assert found is not None
    assert found.price_1000 is None


def test_bad_products_of_a_page_are_counted_and_left_out() -> None:
    nodes = [
        product(value("id", "1")),
        product(),
        Node("product", {}, b"bytes"),
        product(Node("id", {}, [Node("x")])),
        product(value("id", "2")),
        Node("paging", {}, [value("after", "cursor")]),
    ]
    page = FetchCatalog(SHOP).parse(iq(Node("product_catalog", {}, nodes)))
    assert [each.id for each in page.products] == ["1", "2"]
    assert (page.after, page.skipped) == ("cursor", 3)
    with pytest.raises(StanzaError):
        FetchCatalog(SHOP).parse(iq())


def test_a_page_without_end_is_cut() -> None:
    nodes = [product(value("id", number)) for number in range(600)]
    page = FetchCatalog(SHOP).parse(iq(Node("product_catalog", {}, nodes)))
    assert (len(page.products), page.skipped) == (500, 100)


def test_collections_and_orders_lose_their_bad_parts_alone() -> None:
    collections = [
        Node("collection", {}, [value("id", "c"), product(value("id", "1")), product()]),
        Node("collection", {}, [value("name", "nameless")]),
    ]
    (only,) = FetchCollections(SHOP).parse(iq(Node("collections", {}, collections)))
    assert (only.id, [each.id for each in only.products], only.can_appeal) == ("c", ["1"], False)
    order = Node(
        "order",
        {"creation_ts": "7"},
        [
            product(value("id", "1"), value("quantity", "-3")),
            product(value("quantity", "1")),
            Node("price", {}, [value("total", "10"), value("currency", "EUR")]),
        ],
    )
    found = FetchOrder("o", "t").parse(iq(order))
    assert (found.id, found.total_1000, found.currency, found.created_at) == ("o", 10, "EUR", 7)
    assert [(each.id, each.quantity) for each in found.items] == [("1", 0)]
    assert found.skipped == 1


def test_questions_have_the_form_of_the_web_client() -> None:
    catalog = FetchCatalog(SHOP, 5, "next").request().child("product_catalog")
    assert catalog.attrs == {"jid": SHOP, "allow_shop_source": "true"}
    assert [(each.tag, each.text) for each in catalog.children()] == [
        ("limit", "5"),
        ("width", "100"),
        ("height", "100"),
        ("after", "next"),
    ]
    collections = FetchCollections(SHOP).request()
    assert collections.get("smax_id") == "35"
    order = FetchOrder("o", "t").request()
    assert (order.get("xmlns"), order.get("smax_id")) == ("fb:thrift_iq", "5")
    assert order.child("order").attrs == {"op": "get", "id": "o"}
    deleted = DeleteProducts(["1", "2"]).request().child("product_catalog_delete")
    assert [each.child("id").text for each in deleted.children()] == ["1", "2"]
    made = SaveProduct(ProductDraft("Rye", None, None, None, 1, "EUR", origin_country="")).request()
    node = made.child("product_catalog_add").child("product")
    assert node.attrs == {"compliance_category": "COUNTRY_ORIGIN_EXEMPT"}


@pytest.mark.parametrize(
    "draft",
    [
        ProductDraft(),
        ProductDraft(""),
        ProductDraft("x" * 151),
        ProductDraft("x", "y" * 5001),
        ProductDraft("x", price_1000=5),
        ProductDraft("x", currency="EUR"),
        ProductDraft("x", price_1000=-1, currency="EUR"),
        ProductDraft("x", price_1000=1, currency="euro"),
        ProductDraft("x", origin_country="Portugal"),
        ProductDraft("x", image_urls=("http://plain.example/x",)),
        ProductDraft("x", retailer_id="y" * 257),
        ProductDraft("half a pair \ud83d"),
        ProductDraft("x", image_urls=("https://media.example/\udc4d",)),
    ],
)
def test_a_product_that_is_none_is_refused_here(draft: ProductDraft) -> None:
    with pytest.raises(InvalidInput):
        SaveProduct(draft).request()


@pytest.mark.parametrize(
    "query",
    [
        FetchCatalog(SHOP, 0),
        FetchCollections(SHOP, 0),
        FetchOrder("", "t"),
        FetchOrder("o", ""),
        FetchOrder("o", "\ud83d"),
        FetchCatalog(SHOP, 1, "\ud83d"),
        DeleteProducts(["\ud83d"]),
        DeleteProducts([]),
        DeleteProducts([""]),
    ],
)
def test_questions_about_nothing_are_refused_here(query: Any) -> None:
    with pytest.raises(InvalidInput):
        query.request()
