"""Catalogues of businesses: products, collections, and orders.

Prices travel in thousandths of the currency's unit.

Source: docs/protocol/queries.md, "Business".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..errors import InvalidInput, StanzaError
from ..model.business import (
    CatalogPage,
    CatalogProduct,
    OrderDetails,
    OrderItem,
    ProductCollection,
    ProductDraft,
    ProductImage,
)
from ..wire import AttrValue, Jid, Node
from .business import short_text
from .query import Query, iq_get, iq_set

MAX_PRODUCTS = 500
"""Products that are looked at in one answer."""

MAX_COLLECTIONS = 200
MAX_IMAGES = 30
MAX_NAME = 150
MAX_DESCRIPTION = 5000

_CATALOG = "w:biz:catalog"
_MAX_ID = 256
_MAX_URL = 8192
_MAX_CURSOR = 4096
_MAX_AMOUNT = 10**15
_AMOUNT = re.compile(r"-?[0-9]{1,16}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")

T = TypeVar("T")


# --- what is read --------------------------------------------------------------------------------


def parse_product(node: Node) -> CatalogProduct | None:
    """A `<product>`; None when it has no id, so that nobody could speak of it."""
    product_id = short_text(node.find("id"), _MAX_ID)
    if not product_id:
        return None
    status = node.find("status_info")
    return CatalogProduct(
        product_id,
        short_text(node.find("name"), MAX_NAME * 4),
        short_text(node.find("description"), MAX_DESCRIPTION * 4),
        short_text(node.find("url"), _MAX_URL),
        short_text(node.find("retailer_id"), _MAX_ID),
        _amount(node.find("price")),
        short_text(node.find("currency"), 8),
        short_text(node.find("availability"), _MAX_ID),
        _images(node.find("media")),
        "" if status is None else short_text(status.find("status"), _MAX_ID),
        node.get("is_hidden") == "true",
    )


def _amount(node: Node | None) -> int | None:
    text = short_text(node, 20)
    if _AMOUNT.fullmatch(text) is None:
        return None
    amount = int(text)
    return amount if abs(amount) <= _MAX_AMOUNT else None


def _images(media: Node | None) -> tuple[ProductImage, ...]:
    found = []
    for image in [] if media is None else media.children("image")[:MAX_IMAGES]:
        url = _url(image.find("request_image_url"))
        original = _url(image.find("original_image_url"))
        if url or original:
            image_id = short_text(image.find("id"), _MAX_ID)
            found.append(ProductImage(image_id, url or original, original))
    return tuple(found)


def _url(node: Node | None) -> str:
    url = short_text(node, _MAX_URL)
    return url if url.startswith("https://") and url.isprintable() else ""


def _products(nodes: Sequence[Node]) -> tuple[tuple[CatalogProduct, ...], int]:
    """The products that can be read, and how many cannot."""
    read = [parse_product(node) for node in nodes[:MAX_PRODUCTS]]
    good = tuple(product for product in read if product is not None)
    return good, len(nodes) - len(good)


# --- questions -----------------------------------------------------------------------------------


def _value(tag: str, value: object) -> Node:
    try:
        return Node(tag, {}, str(value).encode())
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"{tag} is no Unicode text") from exc


def _size(side: int) -> list[Node]:
    return [_value("width", side), _value("height", side)]


@dataclass(frozen=True, slots=True)
class FetchCatalog(Query[CatalogPage]):
    """A part of a business's catalogue.

    Attributes:
        business: bare.
        limit: products at most.
        after: as the part before said.
        image_side: pixels of pictures.
    """

    business: Jid
    limit: int = 10
    after: str | None = None
    image_side: int = 100

    def request(self) -> Node:
        """`<product_catalog jid allow_shop_source="true">`.

        Raises:
            InvalidInput: the limit is none.
        """
        if not 1 <= self.limit <= MAX_PRODUCTS:
            raise InvalidInput(f"a part of a catalogue has 1 to {MAX_PRODUCTS} products")
        children = [_value("limit", self.limit), *_size(self.image_side)]
        if self.after is not None:
            children.append(_value("after", self.after))
        attrs: dict[str, AttrValue] = {"jid": self.business, "allow_shop_source": "true"}
        return iq_get(_CATALOG, Node("product_catalog", attrs, children))

    def parse(self, reply: Node) -> CatalogPage:
        """The products that can be read.

        Raises:
            StanzaError: there is no catalogue.
        """
        catalog = reply.child("product_catalog")
        products, skipped = _products(catalog.children("product"))
        paging = catalog.find("paging")
        after = "" if paging is None else short_text(paging.find("after"), _MAX_CURSOR)
        return CatalogPage(products, after or None, skipped)


@dataclass(frozen=True, slots=True)
class FetchCollections(Query[tuple[ProductCollection, ...]]):
    """The collections of a catalogue, each with its first products."""

    business: Jid
    limit: int = 51
    item_limit: int = 51
    image_side: int = 100

    def request(self) -> Node:
        """`<collections biz_jid>`.

        Raises:
            InvalidInput: a limit is none.
        """
        if not (1 <= self.limit <= MAX_COLLECTIONS and 1 <= self.item_limit <= MAX_PRODUCTS):
            raise InvalidInput("too many collections or products at once, or none")
        children = [
            _value("collection_limit", self.limit),
            _value("item_limit", self.item_limit),
            *_size(self.image_side),
        ]
        iq = iq_get(_CATALOG, Node("collections", {"biz_jid": self.business}, children))
        iq.attrs["smax_id"] = "35"
        return iq

    def parse(self, reply: Node) -> tuple[ProductCollection, ...]:
        """The collections that can be read.

        Raises:
            StanzaError: there is no list of them.
        """
        found = []
        for node in reply.child("collections").children("collection")[:MAX_COLLECTIONS]:
            collection_id = short_text(node.find("id"), _MAX_ID)
            if not collection_id:
                continue
            status = node.find("status_info")
            found.append(
                ProductCollection(
                    collection_id,
                    short_text(node.find("name"), _MAX_ID),
                    "" if status is None else short_text(status.find("status"), _MAX_ID),
                    status is not None and short_text(status.find("can_appeal"), 8) == "true",
                    _products(node.children("product"))[0],
                )
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class FetchOrder(Query[OrderDetails]):
    """What a customer has ordered.

    Attributes:
        order_id: as the order's message says.
        token: likewise.
    """

    order_id: str
    token: str
    image_side: int = 100

    def request(self) -> Node:
        """`<order op="get" id>`.

        Raises:
            InvalidInput: id or token is empty or too long.
        """
        if not 0 < len(self.order_id) <= _MAX_ID or not 0 < len(self.token) <= _MAX_CURSOR:
            raise InvalidInput("an order is asked for by its id and its token")
        children = [
            Node("image_dimensions", {}, _size(self.image_side)),
            _value("token", self.token),
        ]
        iq = iq_get("fb:thrift_iq", Node("order", {"op": "get", "id": self.order_id}, children))
        iq.attrs["smax_id"] = "5"
        return iq

    def parse(self, reply: Node) -> OrderDetails:
        """The order; lines that cannot be read are left out.

        Raises:
            StanzaError: there is no order.
        """
        order = reply.child("order")
        lines = order.children("product")
        read = [_item(line) for line in lines[:MAX_PRODUCTS]]
        items = tuple(item for item in read if item is not None)
        price = order.find("price") or Node("price")
        created = order.get_int("creation_ts", 0) or 0
        return OrderDetails(
            (order.get("id") or self.order_id)[:_MAX_ID],
            items,
            _amount(price.find("total")),
            _amount(price.find("subtotal")),
            short_text(price.find("currency"), 8),
            created if 0 <= created <= 2**42 else 0,
            len(lines) - len(items),
        )


def _item(node: Node) -> OrderItem | None:
    product_id = short_text(node.find("id"), _MAX_ID)
    if not product_id:
        return None
    image = node.find("image")
    quantity = _amount(node.find("quantity"))
    return OrderItem(
        product_id,
        short_text(node.find("name"), MAX_NAME * 4),
        "" if image is None else _url(image.find("url")),
        _amount(node.find("price")),
        short_text(node.find("currency"), 8),
        quantity if quantity is not None and quantity > 0 else 0,
    )


# --- changes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SaveProduct(Query[CatalogProduct]):
    """Put a product into the own catalogue, or change one; the product as the server has it.

    Attributes:
        draft: what it is to be.
        product_id: of the one that changes; None for a new one.
    """

    draft: ProductDraft
    product_id: str | None = None
    image_side: int = 100

    @property
    def _tag(self) -> str:
        return "product_catalog_add" if self.product_id is None else "product_catalog_edit"

    def request(self) -> Node:
        """`<product_catalog_add v="1">` or `<product_catalog_edit v="1">`.

        Raises:
            InvalidInput: a part is not as it must be.
        """
        children = [_product_node(self.draft, self.product_id), *_size(self.image_side)]
        return iq_set(_CATALOG, Node(self._tag, {"v": "1"}, children))

    def parse(self, reply: Node) -> CatalogProduct:
        """The product.

        Raises:
            StanzaError: there is none.
        """
        product = parse_product(reply.child(self._tag).child("product"))
        if product is None:
            raise StanzaError("product", "it has no id")
        return product


def _product_node(draft: ProductDraft, product_id: str | None) -> Node:
    _check(draft, is_new=product_id is None)
    attrs: dict[str, AttrValue] = {}
    children = [] if product_id is None else [_value("id", product_id)]
    for tag in ("name", "description", "retailer_id", "url"):
        text = getattr(draft, tag)
        if text is not None:
            children.append(_value(tag, text))
    if draft.image_urls:
        images = [Node("image", {}, [_value("url", url)]) for url in draft.image_urls]
        children.append(Node("media", {}, images))
    if draft.price_1000 is not None:
        children += [_value("price", draft.price_1000), _value("currency", draft.currency)]
    if draft.origin_country == "":
        attrs["compliance_category"] = "COUNTRY_ORIGIN_EXEMPT"
    elif draft.origin_country is not None:
        origin = _value("country_code_origin", draft.origin_country)
        children.append(Node("compliance_info", {}, [origin]))
    if draft.is_hidden is not None:
        attrs["is_hidden"] = "true" if draft.is_hidden else "false"
    return Node("product", attrs, children)


def _check(draft: ProductDraft, *, is_new: bool) -> None:
    if draft.name is None:
        if is_new:
            raise InvalidInput("a product has a name")
    elif not 0 < len(draft.name) <= MAX_NAME:
        raise InvalidInput(f"the name of a product has 1 to {MAX_NAME} characters")
    if draft.description is not None and len(draft.description) > MAX_DESCRIPTION:
        raise InvalidInput(f"the description of a product has at most {MAX_DESCRIPTION} characters")
    for text, limit in ((draft.retailer_id, _MAX_ID), (draft.url, _MAX_URL)):
        if text is not None and len(text) > limit:
            raise InvalidInput("a part of the product is too long")
    if (draft.price_1000 is None) != (draft.currency is None):
        raise InvalidInput("a price goes with its currency")
    if draft.price_1000 is not None and not 0 <= draft.price_1000 <= _MAX_AMOUNT:
        raise InvalidInput("a price is in thousandths of the currency's unit, 0 or more")
    if draft.currency is not None and _CURRENCY.fullmatch(draft.currency) is None:
        raise InvalidInput("a currency has three capital letters")
    if draft.origin_country and _COUNTRY.fullmatch(draft.origin_country) is None:
        raise InvalidInput("a country has two capital letters")
    if len(draft.image_urls) > MAX_IMAGES:
        raise InvalidInput(f"a product has at most {MAX_IMAGES} pictures")
    if not all(url.startswith("https://") and len(url) <= _MAX_URL for url in draft.image_urls):
        raise InvalidInput("pictures of products lie on the media hosts")


@dataclass(frozen=True, slots=True)
class DeleteProducts(Query[int]):
    """Take products out of the own catalogue; how many are gone."""

    product_ids: Sequence[str]

    def request(self) -> Node:
        """`<product_catalog_delete v="1"><product><id/></product>`.

        Raises:
            InvalidInput: none is named, or too many.
        """
        if not 1 <= len(self.product_ids) <= MAX_PRODUCTS or not all(self.product_ids):
            raise InvalidInput(f"1 to {MAX_PRODUCTS} products are deleted at once")
        products = [Node("product", {}, [_value("id", each)]) for each in self.product_ids]
        return iq_set(_CATALOG, Node("product_catalog_delete", {"v": "1"}, products))

    def parse(self, reply: Node) -> int:
        """How many.

        Raises:
            StanzaError: it is not told.
        """
        count = reply.child("product_catalog_delete").int_attr("deleted_count")
        return max(count, 0)
