"""What a business account has: its certified name, its profile, its catalogue, its orders.

All of it has one JSON form, which the admin API takes and the state folder keeps.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..proto import pb
from .saved import Saved

LEVELS = ("unknown", "low", "high")
MAX_PRODUCTS = 10_000

_COVER_KEY = b"emulated cover photos"


@dataclass(frozen=True, slots=True)
class Day:
    """When the business is open on one day; minutes from midnight, -1 where the mode tells."""

    day: str
    mode: str
    opens: int = -1
    closes: int = -1


@dataclass(frozen=True, slots=True)
class Profile:
    """What the business shows of itself."""

    description: str = ""
    address: str = ""
    email: str = ""
    websites: tuple[str, ...] = ()
    categories: tuple[tuple[str, str], ...] = ()
    timezone: str = ""
    hours: tuple[Day, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    cover_photo: str = ""
    member_since: str = ""
    latitude: str = ""
    longitude: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """A product. One without an id is sent all the same: clients have to bear it."""

    id: str
    name: str
    description: str = ""
    url: str = ""
    retailer_id: str = ""
    price: str = ""
    currency: str = ""
    availability: str = "in stock"
    images: tuple[str, ...] = ()
    status: str = "APPROVED"
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """Products under a heading, by their ids."""

    id: str
    name: str
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """An order: products and quantities; whoever knows the token may read it."""

    id: str
    token: str
    created: int
    items: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Business:
    """What makes an account a business.

    Attributes:
        name: as certified.
        level: how far WhatsApp has checked it.
        serial: of the certificate; rises with each.
        issued: Unix seconds.
        links: codes of `wa.me/message/...` links, and the text that each brings.
    """

    name: str
    level: str = "low"
    serial: int = 1
    issued: int = 0
    profile: Profile = field(default_factory=Profile)
    products: list[Product] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)

    def product(self, product_id: str) -> Product | None:
        """The product of an id."""
        return next((each for each in self.products if each.id == product_id), None)

    def chosen(self, ids: Iterable[str]) -> list[Product]:
        """The products of these ids; those that are gone are left out."""
        found = (self.product(each) for each in ids)
        return [product for product in found if product is not None]

    def certificate(self) -> bytes:
        """The serialized `VerifiedNameCertificate`; only WhatsApp can check its signatures."""
        details = pb.VerifiedNameCertificate.Details(
            serial=self.serial, issuer="smb:wa", verifiedName=self.name, issueTime=self.issued
        )
        details.localizedNames.add(lg="pt", lc="PT", verifiedName=f"{self.name} (pt)")
        data = details.SerializeToString()
        return pb.VerifiedNameCertificate(
            details=data,
            signature=hashlib.sha512(b"business " + data).digest(),
            serverSignature=hashlib.sha512(b"server " + data).digest(),
        ).SerializeToString()


def cover_token(photo_id: str, timestamp: str) -> str:
    """What the media host gives for a cover photo, and the server wants to see again."""
    return hmac.new(_COVER_KEY, f"{photo_id} {timestamp}".encode(), hashlib.sha256).hexdigest()


# --- JSON ----------------------------------------------------------------------------------------


def dump_business(business: Business) -> dict[str, object]:
    """The JSON form."""
    profile = business.profile
    return {
        "name": business.name,
        "level": business.level,
        "serial": business.serial,
        "issued": business.issued,
        "profile": {
            **{name: getattr(profile, name) for name in _PROFILE_TEXTS},
            "websites": list(profile.websites),
            "categories": [{"id": each, "name": name} for each, name in profile.categories],
            "hours": [
                {"day": each.day, "mode": each.mode, "opens": each.opens, "closes": each.closes}
                for each in profile.hours
            ],
            "options": dict(profile.options),
        },
        "products": [
            {
                **{name: getattr(each, name) for name in _PRODUCT_TEXTS},
                "images": list(each.images),
                "hidden": each.hidden,
            }
            for each in business.products
        ],
        "collections": [
            {"id": each.id, "name": each.name, "products": list(each.products)}
            for each in business.collections
        ],
        "orders": [
            {
                "id": each.id,
                "token": each.token,
                "created": each.created,
                "items": [{"product": name, "quantity": count} for name, count in each.items],
            }
            for each in business.orders
        ],
        "links": dict(business.links),
    }


_PROFILE_TEXTS = (
    "description",
    "address",
    "email",
    "timezone",
    "cover_photo",
    "member_since",
    "latitude",
    "longitude",
)
_PRODUCT_TEXTS = (
    "id",
    "name",
    "description",
    "url",
    "retailer_id",
    "price",
    "currency",
    "availability",
    "status",
)


def load_business(saved: Saved) -> Business:
    """Read the JSON form, all of it.

    Raises:
        CorruptRecord: it is something else.
    """
    links = saved.part("links")
    return Business(
        saved.text("name"),
        saved.text("level"),
        saved.number("serial"),
        saved.number("issued"),
        _load_profile(saved.part("profile")),
        [_load_product(each) for each in saved.parts("products")[:MAX_PRODUCTS]],
        [
            Collection(each.text("id"), each.text("name"), tuple(each.texts("products")))
            for each in saved.parts("collections")
        ],
        [
            Order(
                each.text("id"),
                each.text("token"),
                each.number("created"),
                tuple((x.text("product"), x.number("quantity")) for x in each.parts("items")),
            )
            for each in saved.parts("orders")
        ],
        {code: links.text(code) for code in links.names()},
    )


def _load_profile(saved: Saved) -> Profile:
    options = saved.part("options")
    return Profile(
        description=saved.text("description"),
        address=saved.text("address"),
        email=saved.text("email"),
        timezone=saved.text("timezone"),
        cover_photo=saved.text("cover_photo"),
        member_since=saved.text("member_since"),
        latitude=saved.text("latitude"),
        longitude=saved.text("longitude"),
        websites=tuple(saved.texts("websites")),
        categories=tuple((x.text("id"), x.text("name")) for x in saved.parts("categories")),
        hours=tuple(
            Day(x.text("day"), x.text("mode"), x.number("opens"), x.number("closes"))
            for x in saved.parts("hours")
        ),
        options=tuple((name, options.text(name)) for name in options.names()),
    )


def _load_product(saved: Saved) -> Product:
    return Product(
        id=saved.text("id"),
        name=saved.text("name"),
        description=saved.text("description"),
        url=saved.text("url"),
        retailer_id=saved.text("retailer_id"),
        price=saved.text("price"),
        currency=saved.text("currency"),
        availability=saved.text("availability"),
        status=saved.text("status"),
        images=tuple(saved.texts("images")),
        hidden=saved.flag("hidden"),
    )


def filled(body: Mapping[str, object], base: Business) -> dict[str, object]:
    """A JSON form with what a caller gives, and for the rest what there is."""
    whole = dump_business(base)
    profile, given = whole["profile"], body.get("profile")
    if isinstance(profile, dict) and isinstance(given, Mapping):
        whole["profile"] = {**profile, **given}
    for name in ("name", "level", "serial", "issued", "collections", "orders", "links"):
        if body.get(name) is not None:
            whole[name] = body[name]
    products = body.get("products")
    if isinstance(products, list):
        blank = dump_business(Business("", products=[Product("", "")]))["products"]
        default = blank[0] if isinstance(blank, list) else {}
        whole["products"] = [
            {**default, **each} if isinstance(each, Mapping) else each for each in products
        ]
    return whole


def sample(name: str, number: str, now: int) -> Business:
    """A bakery with all that a business can have; orders and links are named by its number."""
    days = ("mon", "tue", "wed", "thu", "fri")
    products = [
        Product(
            f"70000000000000{number:02d}",
            title,
            f"{title}, baked this morning.",
            f"https://bakery.example/{number}",
            f"SKU-{number}",
            str(price),
            "EUR",
            images=(f"https://mmg.whatsapp.net/v/t45/{number}.jpg?ccb=1",),
            hidden=number == 3,
        )
        for number, (title, price) in enumerate(
            [
                ("Rye bread", 4500),
                ("Croissant", 1750),
                ("Cake", 24000),
                ("Test loaf", 1),
                ("Roll", 450),
            ]
        )
    ]
    ids = [product.id for product in products]
    return Business(
        name,
        "high",
        1,
        now,
        Profile(
            "Bread and cake since 1901.",
            "Rua do Carmo 1, Lisboa",
            "hello@bakery.example",
            ("https://bakery.example", "https://shop.bakery.example"),
            (("133436743388217", "Bakery"), ("150108431712141", "Cafe")),
            "Europe/Lisbon",
            (
                *(Day(day, "specific_hours", 420, 1140) for day in days),
                Day("sat", "open_24h"),
                Day("sun", "appointment_only"),
            ),
            (("commerce_experience", "catalog"), ("cart_enabled", "true")),
            "",
            "Member since 2020",
            "38.712",
            "-9.139",
        ),
        products,
        [
            Collection("8001", "Bread", (ids[0], ids[1], ids[4])),
            Collection("8002", "Cake", (ids[2],)),
        ],
        [Order(f"9{number}", "dG9rZW4tb2YtdGhlLW9yZGVy", now, ((ids[0], 2), (ids[1], 6)))],
        {f"BREAD{number}": "I would like to order bread."},
    )
