"""Businesses: our client and Baileys read the same shop and see the same, and both change it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from interop.baileys import Baileys
from interop.conftest import QUIET, Admin, Emulator, launching, linking, open_admin
from support.linked import Linked
from waport.errors import NotAuthorized, NotFound
from waport.model import BusinessChanged
from waport.model.business import (
    BusinessDay,
    BusinessHours,
    BusinessProfile,
    CatalogProduct,
    LinkTarget,
    ProductDraft,
    ProfileChange,
)
from waport.wire import Jid

SAMPLE = {"name": "Bakery", "sample": True}

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Shop:
    """A bakery with our client and Baileys as its companions, and what it has."""

    ours: Linked
    baileys: Baileys
    admin: Admin
    has: Mapping[str, Any]

    async def now(self) -> Any:
        """What the server knows of it."""
        return await self.admin.get(f"/accounts/{self.ours.jid}/business")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(
    node: Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    folder, name = tmp_path_factory.mktemp("shop"), f"Test {uuid.uuid4().hex[:8]}"
    async with (
        open_admin(emulator) as admin,
        linking(emulator, admin, folder, f"{name} us") as ours,
        launching(node, emulator, admin, folder) as launch,
    ):
        second = await launch(f"{name} two", account=str(ours.jid), **QUIET)
        has = await admin.post(f"/accounts/{ours.jid}/business", SAMPLE)
        yield Shop(ours, second, admin, has)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_before(shop: Shop) -> None:
    """Each test finds the shop as it was at first."""
    await shop.admin.post(f"/accounts/{shop.ours.jid}/business", SAMPLE)


def same_product(ours: CatalogProduct, theirs: Mapping[str, Any]) -> None:
    """Field by field; what Baileys makes up of its own (the availability) is left out."""
    image = ours.images[0] if ours.images else None
    assert theirs == {
        **{
            name: value
            for name, value in {
                "id": ours.id,
                "name": ours.name,
                "retailerId": ours.retailer_id,
                "url": ours.url,
                "description": ours.description,
                "currency": ours.currency,
            }.items()
            if value
        },
        "price": ours.price_1000,
        "isHidden": ours.is_hidden,
        "availability": "in stock",
        "reviewStatus": {"whatsapp": ours.review},
        "imageUrls": {}
        if image is None
        else {"requested": image.url, "original": image.original_url},
    }


def same_profile(ours: BusinessProfile, theirs: Mapping[str, Any]) -> None:
    hours = ours.hours
    assert theirs["wid"] == str(ours.jid)
    assert theirs["address"] == ours.address
    assert theirs["description"] == ours.description
    assert theirs["email"] == ours.email
    assert theirs["website"] == list(ours.websites[:1])  # Baileys reads but one
    assert theirs["category"] == ours.categories[0].name
    assert hours is not None
    assert theirs["business_hours"]["timezone"] == hours.timezone
    assert [
        (
            each["day_of_week"],
            each["mode"],
            int(each["open_time"]) if "open_time" in each else None,
            int(each["close_time"]) if "close_time" in each else None,
        )
        for each in theirs["business_hours"]["business_config"]
    ] == [(each.day, each.mode, each.open_minute, each.close_minute) for each in hours.days]


async def test_both_read_the_same_profile(shop: Shop) -> None:
    ours = await shop.ours.client.business.profile()
    assert ours is not None
    same_profile(ours, await shop.baileys.call("getBusinessProfile", str(shop.ours.jid)))
    had = shop.has["profile"]
    assert (ours.description, list(ours.websites)) == (had["description"], had["websites"])
    assert [each.name for each in ours.categories] == ["Bakery", "Cafe"]
    assert dict(ours.options) == had["options"]
    assert (ours.latitude, ours.longitude) == (38.712, -9.139)
    assert ours.member_since == "Member since 2020"
    assert ours.extra == ()


async def test_who_is_no_business_shows_no_profile(shop: Shop, unique_name: str) -> None:
    person = await shop.admin.create_account(f"{unique_name} person")
    business = shop.ours.client.business
    jid = Jid.parse(person["jid"])
    assert await business.profile(jid) is None
    assert await business.verified_name(jid) is None
    with pytest.raises(NotFound):
        await business.catalog(jid)
    assert await shop.baileys.call("getBusinessProfile", person["jid"]) is None


async def test_what_either_changes_both_read(shop: Shop) -> None:
    hours = BusinessHours(
        "America/New_York",
        (BusinessDay("mon", "specific_hours", 60, 120), BusinessDay("tue", "open_24h")),
    )
    since = shop.ours.events.mark
    business = shop.ours.client.business
    await business.edit_profile(
        ProfileChange(
            "New", "Elsewhere 2", "new@bakery.example", ("https://new.example",), None, hours
        )
    )
    ours = await business.profile()
    assert ours is not None
    assert (ours.description, ours.address, ours.hours) == ("New", "Elsewhere 2", hours)
    same_profile(ours, await shop.baileys.call("getBusinessProfile", str(shop.ours.jid)))
    await shop.baileys.call(
        "updateBussinesProfile",
        {
            "address": "Somewhere 3",
            "description": "Theirs",
            "email": "theirs@bakery.example",
            "websites": ["https://theirs.example"],
            "hours": {
                "timezone": "Asia/Tokyo",
                "days": [
                    {
                        "day": "wed",
                        "mode": "specific_hours",
                        "openTimeInMinutes": "30",
                        "closeTimeInMinutes": "90",
                    }
                ],
            },
        },
    )
    told = await shop.ours.events.until(BusinessChanged, since=since)
    assert (told.business, told.what) == (shop.ours.jid, "profile")
    ours = await business.profile()
    assert ours is not None
    assert (ours.address, ours.email) == ("Somewhere 3", "theirs@bakery.example")
    same_profile(ours, await shop.baileys.call("getBusinessProfile", str(shop.ours.jid)))


async def test_both_read_the_same_catalogue_page_by_page(shop: Shop) -> None:
    after: str | None = None
    pages = []
    for count in (2, 2, 1):
        ours = await shop.ours.client.business.catalog(limit=2, after=after)
        question = {"jid": str(shop.ours.jid), "limit": 2} | (
            {} if after is None else {"cursor": after}
        )
        theirs = await shop.baileys.call("getCatalog", question)
        assert len(ours.products) == count
        for one, other in zip(ours.products, theirs["products"], strict=True):
            same_product(one, other)
        assert theirs.get("nextPageCursor") == ours.after
        pages += ours.products
        after = ours.after
    assert after is None
    assert [each.id for each in pages] == [each["id"] for each in shop.has["products"]]
    assert [each.is_hidden for each in pages] == [False, False, False, True, False]
    found = await shop.ours.client.business.product(pages[-1].id)
    assert found == pages[-1]
    with pytest.raises(NotFound):
        await shop.ours.client.business.product("nothing")


async def test_both_read_the_same_collections(shop: Shop) -> None:
    ours = await shop.ours.client.business.collections()
    theirs = (await shop.baileys.call("getCollections", str(shop.ours.jid)))["collections"]
    assert [(each.id, each.name) for each in ours] == [("8001", "Bread"), ("8002", "Cake")]
    for one, other in zip(ours, theirs, strict=True):
        assert (other["id"], other["name"]) == (one.id, one.name)
        assert other["status"] == {"status": one.review, "canAppeal": one.can_appeal}
        for product, theirs_product in zip(one.products, other["products"], strict=True):
            same_product(product, theirs_product)


async def test_both_read_the_same_order(shop: Shop) -> None:
    (order,) = (await shop.now())["orders"]
    ours = await shop.ours.client.business.order(order["id"], order["token"])
    theirs = await shop.baileys.call("getOrderDetails", order["id"], order["token"])
    assert theirs["price"] == {"total": ours.total_1000, "currency": ours.currency}
    assert theirs["products"] == [
        {
            "id": each.id,
            "name": each.name,
            "imageUrl": each.image_url,
            "price": each.price_1000,
            "currency": each.currency,
            "quantity": each.quantity,
        }
        for each in ours.items
    ]
    assert (ours.total_1000, ours.subtotal_1000) == (2 * 4500 + 6 * 1750, 19500)
    assert (ours.id, ours.created_at) == (order["id"], order["created"])
    for wrong in ((order["id"], "another"), ("1", order["token"])):
        with pytest.raises(NotFound):
            await shop.ours.client.business.order(*wrong)


async def test_products_of_either_are_made_changed_and_deleted(shop: Shop, tmp_path: Path) -> None:
    picture = tmp_path / "product.jpg"
    Image.new("RGB", (300, 200), "red").save(picture)
    business = shop.ours.client.business
    draft = ProductDraft("Tart", "With plums.", "SKU-9", None, 9900, "EUR", origin_country="PT")
    ours = await business.create_product(draft, [picture])
    assert (ours.name, ours.price_1000, ours.currency, ours.review) == (
        "Tart",
        9900,
        "EUR",
        "PENDING",
    )
    (image,) = ours.images
    assert image.original_url.startswith("https://")
    theirs = await shop.baileys.call(
        "productCreate",
        {
            "name": "Waffle",
            "description": "Crisp.",
            "retailerId": "SKU-10",
            "price": 3300,
            "currency": "EUR",
            "originCountryCode": "BE",
            "images": [{"url": str(picture)}],
        },
    )
    page = await business.catalog(limit=50)
    assert page.products[-2] == ours
    same_product(page.products[-1], theirs)

    changed = await business.update_product(theirs["id"], ProductDraft(is_hidden=True))
    assert changed == replace(page.products[-1], is_hidden=True)
    theirs = await shop.baileys.call(
        "productUpdate",
        ours.id,
        {"name": "Plum tart", "price": 9000, "currency": "EUR", "images": []},
    )
    ours = await business.product(ours.id)
    assert (ours.name, ours.price_1000, ours.description) == ("Plum tart", 9000, "With plums.")
    same_product(ours, theirs)

    assert await business.delete_products([ours.id, "nothing"]) == 1
    assert await shop.baileys.call("productDelete", [changed.id]) == {"deleted": 1}
    assert len((await business.catalog(limit=50)).products) == len(shop.has["products"])
    with pytest.raises(NotFound):
        await business.update_product(ours.id, ProductDraft(name="x"))


async def test_cover_photos_of_either_are_shown_and_taken_away(shop: Shop, tmp_path: Path) -> None:
    picture = tmp_path / "cover.jpg"
    Image.new("RGB", (900, 500), "blue").save(picture)
    business = shop.ours.client.business
    ours = await business.set_cover_photo(picture)
    assert (await shop.now())["profile"]["cover_photo"] == ours
    profile = await business.profile()
    assert profile is not None
    assert profile.cover_photo == ours
    await shop.baileys.call("removeCoverPhoto", ours)
    assert (await shop.now())["profile"]["cover_photo"] == ""
    theirs = str(await shop.baileys.call("updateCoverPhoto", {"url": str(picture)}))
    profile = await business.profile()
    assert profile is not None
    assert profile.cover_photo == theirs
    await business.remove_cover_photo(theirs)
    assert (await shop.now())["profile"]["cover_photo"] == ""
    with pytest.raises(NotFound):
        await business.remove_cover_photo(theirs)


async def test_bad_products_are_left_out_and_the_rest_is_kept(shop: Shop) -> None:
    products = [{"id": "", "name": "nobody's"}, {"id": "1", "name": "Good", "price": "a lot"}]
    await shop.admin.post(f"/accounts/{shop.ours.jid}/business", {"products": products})
    page = await shop.ours.client.business.catalog()
    (good,) = page.products
    assert (good.id, good.price_1000, page.skipped) == ("1", None, 1)


async def test_a_certified_name_is_learnt_from_the_server_and_from_messages(
    shop: Shop, unique_name: str
) -> None:
    other = await shop.admin.create_account(f"{unique_name} shop")
    jid = Jid.parse(other["jid"])
    await shop.admin.post(f"/accounts/{jid}/business", {"name": "Shoes & Co", "level": "high"})
    name = await shop.ours.client.business.verified_name(jid)
    assert name is not None
    assert (name.name, name.level, name.issuer, name.serial) == ("Shoes & Co", "high", "smb:wa", 1)
    assert name.localized == (("pt_PT", "Shoes & Co (pt)"),)
    assert name.is_signed

    await shop.admin.post(f"/accounts/{jid}/business", {"name": "Boots & Co"})
    await shop.admin.send(str(jid), str(shop.ours.jid), "new shoes")
    await shop.ours.wait_text("new shoes")
    contact = await shop.ours.client.contacts.get(jid)
    assert (contact.is_business, contact.verified_name) == (True, "Boots & Co")
    theirs = await shop.baileys.wait_text("new shoes")
    assert theirs.raw["verifiedBizName"] == "Boots & Co"
    # And whoever asks whether the number has an account hears it, too.
    (found,) = await shop.ours.client.contacts.exists([jid])
    assert (found.is_business, found.verified_name, found.verified_level) == (
        True,
        "Boots & Co",
        "high",
    )


async def test_short_links_lead_to_people_and_businesses(shop: Shop) -> None:
    business = shop.ours.client.business
    found = await business.resolve_link(f"https://wa.me/message/BREAD{shop.ours.jid.user}")
    name = (await shop.admin.account_of(str(shop.ours.jid)))["name"]
    assert found == LinkTarget(
        shop.ours.jid, name, "I would like to order bread.", False, "Bakery", "high"
    )
    link = await business.contact_link()
    assert await business.contact_link() == link
    found = await business.resolve_link(link)
    assert (found.jid, found.is_contact) == (shop.ours.jid, True)
    renewed = await business.contact_link(revoke=True)
    assert renewed != link
    with pytest.raises(NotFound):
        await business.resolve_link(link)


async def test_who_is_no_business_changes_nothing(shop: Shop) -> None:
    response = await shop.admin.http.delete(f"/accounts/{shop.ours.jid}/business")
    assert response.status_code == 200
    business = shop.ours.client.business
    for attempt in (
        business.edit_profile(ProfileChange("x")),
        business.create_product(ProductDraft("x")),
        business.delete_products(["1"]),
        business.remove_cover_photo("1"),
    ):
        with pytest.raises(NotAuthorized):
            await attempt
    assert await business.profile() is None
