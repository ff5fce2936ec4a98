"""Businesses: their profiles, names, catalogues and orders."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..wire import Jid, Node


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """When a business is open on one day.

    Attributes:
        day: `sun` to `sat`.
        mode: `specific_hours`, `open_24h`, `appointment_only`, or another word of the server.
        open_minute, close_minute: minutes from midnight; None unless the mode says when.
    """

    day: str
    mode: str
    open_minute: int | None = None
    close_minute: int | None = None


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When a business is open; a day may have several entries."""

    timezone: str
    days: tuple[BusinessDay, ...] = ()


@dataclass(frozen=True, slots=True)
class BusinessCategory:
    """What kind of business it is."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class BusinessProfile:
    """What a business shows of itself; texts are empty when it shows none.

    Attributes:
        jid: the business, as the server names it, bare.
        tag: names this state of the profile.
        description, address, email: texts.
        websites: URLs.
        categories: what it is.
        hours: when it is open.
        options: how customers may buy, by the server's names (`commerce_experience`,
            `cart_enabled`).
        cover_photo: the id of its cover photo.
        member_since: since when it is a business here, as a text for people.
        latitude, longitude: where it is.
        extra: children that this version does not know.
    """

    jid: Jid
    tag: str = ""
    description: str = ""
    address: str = ""
    email: str = ""
    websites: tuple[str, ...] = ()
    categories: tuple[BusinessCategory, ...] = ()
    hours: BusinessHours | None = None
    options: tuple[tuple[str, str], ...] = ()
    cover_photo: str = ""
    member_since: str = ""
    latitude: float | None = None
    longitude: float | None = None
    extra: tuple[Node, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is to be changed of the own business profile; None leaves a part as it is.

    An empty text takes the part away. `websites` and `categories` (by id) replace the whole list.
    """

    description: str | None = None
    address: str | None = None
    email: str | None = None
    websites: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    hours: BusinessHours | None = None


@dataclass(frozen=True, slots=True)
class VerifiedName:
    """A business's name, with WhatsApp's certificate for it.

    Attributes:
        name: the name.
        serial: of the certificate.
        issuer: `smb:wa`, `ent:wa`.
        issued_at: Unix seconds; 0 when not told.
        localized: the name in other languages, by `language` or `language_COUNTRY`.
        level: how far WhatsApp has checked the business, in its own word.
        is_signed: there are both signatures; they are not checked, since WhatsApp does not publish
            the key.
    """

    name: str
    serial: int = 0
    issuer: str = ""
    issued_at: int = 0
    localized: tuple[tuple[str, str], ...] = ()
    level: str = ""
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class ProductImage:
    """A picture of a product; the URLs are plain downloads.

    Attributes:
        id: of the picture.
        url: in the size that was asked for.
        original_url: as it was uploaded.
    """

    id: str
    url: str
    original_url: str = ""


@dataclass(frozen=True, slots=True)
class CatalogProduct:
    """A product of a catalogue.

    Attributes:
        id: WhatsApp's name of it.
        name, description, url: of the product.
        retailer_id: the business's own name of it.
        price_1000: in thousandths of the currency's unit; None when it has none.
        currency: ISO 4217; empty without a price.
        availability: in the server's words.
        images: its pictures.
        review: what WhatsApp thinks of it (`APPROVED`, `PENDING`, `REJECTED`, ...).
        is_hidden: customers do not see it.
    """

    id: str
    name: str = ""
    description: str = ""
    url: str = ""
    retailer_id: str = ""
    price_1000: int | None = None
    currency: str = ""
    availability: str = ""
    images: tuple[ProductImage, ...] = ()
    review: str = ""
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """A part of a catalogue.

    Attributes:
        products: in the business's order.
        after: asks for the next part; None when this was the last.
        skipped: how many products could not be read.
    """

    products: tuple[CatalogProduct, ...]
    after: str | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class ProductCollection:
    """Products of a catalogue under a heading.

    Attributes:
        id, name: of the collection.
        review: what WhatsApp thinks of it.
        can_appeal: the business may object to that.
        products: as many as were asked for.
    """

    id: str
    name: str
    review: str = ""
    can_appeal: bool = False
    products: tuple[CatalogProduct, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product that is to be made or changed; None leaves a part as it is, or out.

    Attributes:
        name, description, retailer_id, url: of the product.
        price_1000: in thousandths of the currency's unit; goes with `currency`.
        image_urls: pictures that were uploaded, all of them.
        is_hidden: customers do not see it.
        origin_country: two letters; an empty text says that the product needs none.
    """

    name: str | None = None
    description: str | None = None
    retailer_id: str | None = None
    url: str | None = None
    price_1000: int | None = None
    currency: str | None = None
    image_urls: tuple[str, ...] = ()
    is_hidden: bool | None = None
    origin_country: str | None = None


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A line of an order. Prices are in thousandths of the currency's unit."""

    id: str
    name: str = ""
    image_url: str = ""
    price_1000: int | None = None
    currency: str = ""
    quantity: int = 0


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """What a customer has ordered.

    Attributes:
        id: of the order.
        items: its lines.
        total_1000, subtotal_1000: in thousandths of the currency's unit; None when not told.
        currency: ISO 4217.
        created_at: Unix seconds; 0 when not told.
        skipped: how many lines could not be read.
    """

    id: str
    items: tuple[OrderItem, ...] = ()
    total_1000: int | None = None
    subtotal_1000: int | None = None
    currency: str = ""
    created_at: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Whom a short link leads to.

    Attributes:
        jid: the person or business, bare.
        name: what it calls itself.
        text: what is to be written to it, by links that say so.
        is_contact: the link is a person's own.
        verified_name: of a business.
        verified_level: of a business.
    """

    jid: Jid
    name: str = ""
    text: str = ""
    is_contact: bool = False
    verified_name: str = ""
    verified_level: str = ""
