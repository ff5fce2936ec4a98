"""Answers about businesses: the IQs of `w:biz`, `w:biz:catalog`, `fb:thrift_iq` and `w:qr`.

Source: docs/protocol/queries.md, "Business".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from ..crypto import RandomBytes
from ..wire import AttrValue, Jid, Node
from .accounts import Directory
from .business import MAX_PRODUCTS, Business, Product
from .business_nodes import (
    changed_profile,
    drafted,
    link_node,
    order_node,
    product_node,
    profile_node,
    text_of,
    value_node,
    verified_name_node,
)
from .delivery import Deliveries
from .notifications import Notifier
from .replies import Asker, Refusal, result

_MAX_WEBSITES = 2
_PAGE = 100


class BusinessQueries:
    """Answers questions about businesses, and changes what is the asker's own."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        random_bytes: RandomBytes,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._random_bytes = random_bytes

    # --- profiles --------------------------------------------------------------------------------

    async def profile(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `w:biz`."""
        if (named := iq.find("verified_name")) is not None:
            business = self._business_of(named.jid("jid"))
            return result(iq, verified_name_node(business))
        wanted = iq.child("business_profile")
        if iq.get("type") == "set":
            return self._change_profile(asker, iq, wanted)
        shown = []
        for each in wanted.children("profile"):
            jid = each.jid("jid")
            account = self._directory.by_jid(jid.bare)
            if account is not None and account.business is not None:
                shown.append(profile_node(jid, account.business.profile))
        return result(iq, Node("business_profile", {}, shown))

    def _change_profile(self, asker: Asker, iq: Node, wanted: Node) -> Node:
        business = _own(asker)
        if wanted.get("mutation_type") != "delta":
            raise Refusal(400)
        profile = business.profile
        websites = wanted.children("website")
        if len(websites) > _MAX_WEBSITES:
            raise Refusal(406)
        if websites:
            profile = replace(profile, websites=tuple(x for x in map(text_of, websites) if x))
        for child in wanted.children():
            profile = changed_profile(profile, child)
        business.profile = profile
        self._tell(asker, "profile")
        return result(iq)

    def _business_of(self, jid: Jid) -> Business:
        account = self._directory.by_jid(jid.bare)
        if account is None or account.business is None:
            raise Refusal(404)
        return account.business

    def _tell(self, asker: Asker, what: str) -> None:
        """The asker's other devices, and whoever knows the business, hear of a change."""
        child = Node(what, {"jid": asker.account.jid})
        self._notifier.contacts(asker.account, "business", child, skip=asker.device)
        self._deliveries.changed()

    # --- catalogues ------------------------------------------------------------------------------

    async def catalog(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `w:biz:catalog`."""
        if iq.get("type") == "get":
            if (wanted := iq.find("collections")) is not None:
                return self._collections(asker, iq, wanted)
            return self._products(asker, iq, iq.child("product_catalog"))
        for tag, change in (
            ("product_catalog_add", self._add),
            ("product_catalog_edit", self._edit),
            ("product_catalog_delete", self._delete),
        ):
            if (wanted := iq.find(tag)) is not None:
                answer = change(_own(asker), wanted)
                self._tell(asker, "product_catalog")
                return result(iq, answer)
        raise Refusal(400)

    def _products(self, asker: Asker, iq: Node, wanted: Node) -> Node:
        jid = wanted.jid("jid")
        business = self._business_of(jid)
        is_own = self._directory.by_jid(jid.bare) is asker.account
        listed = [each for each in business.products if is_own or not each.hidden]
        limit = _count(wanted, "limit")
        after = wanted.find("after")
        start = 0 if after is None else _offset(text_of(after))
        shown = [product_node(each) for each in listed[start : start + limit]]
        content = list(shown)
        if start + limit < len(listed):
            cursor = base64.b64encode(f"offset {start + limit}".encode())
            content.append(Node("paging", {}, [Node("after", {}, cursor)]))
        return result(iq, Node("product_catalog", {}, content))

    def _collections(self, asker: Asker, iq: Node, wanted: Node) -> Node:
        business = self._business_of(wanted.jid("biz_jid"))
        items = _count(wanted, "item_limit")
        nodes = [
            Node(
                "collection",
                {},
                [
                    value_node("id", each.id),
                    value_node("name", each.name),
                    *map(product_node, business.chosen(each.products)[:items]),
                    Node(
                        "status_info",
                        {},
                        [value_node("status", "APPROVED"), value_node("can_appeal", "false")],
                    ),
                ],
            )
            for each in business.collections[: _count(wanted, "collection_limit")]
        ]
        return result(iq, Node("collections", {}, nodes))

    def _add(self, business: Business, wanted: Node) -> Node:
        if len(business.products) >= MAX_PRODUCTS:
            raise Refusal(419)
        product_id = str(int.from_bytes(self._random_bytes(6), "big") + 10**15)
        product = drafted(Product(product_id, "", status="PENDING"), wanted.child("product"))
        if not product.name:
            raise Refusal(400)
        business.products.append(product)
        return Node("product_catalog_add", {}, [product_node(product)])

    def _edit(self, business: Business, wanted: Node) -> Node:
        draft = wanted.child("product")
        known = business.product(text_of(draft.child("id")))
        if known is None:
            raise Refusal(404)
        product = drafted(known, draft)
        business.products[business.products.index(known)] = product
        return Node("product_catalog_edit", {}, [product_node(product)])

    def _delete(self, business: Business, wanted: Node) -> Node:
        ids = {text_of(each.child("id")) for each in wanted.children("product")}
        left = [each for each in business.products if each.id not in ids]
        count = len(business.products) - len(left)
        business.products = left
        return Node("product_catalog_delete", {"deleted_count": str(count)})

    # --- orders and short links ------------------------------------------------------------------

    async def order(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `fb:thrift_iq`."""
        wanted = iq.child("order")
        order_id, token = wanted.get("id"), text_of(wanted.child("token"))
        for account in self._directory:
            business = account.business
            for order in [] if business is None else business.orders:
                if (order.id, order.token) == (order_id, token) and business is not None:
                    return result(iq, order_node(business, order))
        raise Refusal(404)

    async def short_link(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `w:qr`."""
        wanted = iq.child("qr")
        account = asker.account
        if iq.get("type") == "set":
            if wanted.get("action") == "revoke" or not account.contact_code:
                account.contact_code = self._random_bytes(7).hex().upper()
                self._deliveries.changed()
            return result(iq, Node("qr", {"code": account.contact_code}))
        code = wanted.attr("code")
        for owner in self._directory:
            if code and code == owner.contact_code:
                attrs: dict[str, AttrValue] = {"jid": owner.jid, "notify": owner.name}
                return result(iq, Node("qr", {**attrs, "type": "contact"}))
            if owner.business is not None and code in owner.business.links:
                return result(iq, link_node(owner, owner.business, code))
        raise Refusal(404)


def _own(asker: Asker) -> Business:
    if asker.account.business is None:
        raise Refusal(403)
    return asker.account.business


def _count(node: Node, tag: str) -> int:
    child = node.find(tag)
    text = "" if child is None else text_of(child)
    return min(int(text), _PAGE) if text.isascii() and text.isdigit() and len(text) < 9 else 10


def _offset(cursor: str) -> int:
    try:
        words = base64.b64decode(cursor, validate=True).decode().split()
        return int(words[1])
    except (binascii.Error, ValueError, IndexError, UnicodeDecodeError) as exc:
        raise Refusal(400) from exc
