"""Businesses as nodes, and what nodes change of them.

Source: docs/protocol/queries.md, "Business".
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

from ..wire import AttrValue, Jid, Node
from .accounts import Account
from .business import Business, Day, Order, Product, Profile, cover_token
from .replies import Refusal

MAX_TEXT = 8192


def verified_name_node(business: Business) -> Node:
    """`<verified_name>` with the certificate."""
    attrs: dict[str, AttrValue] = {
        "v": "1",
        "verified_level": business.level,
        "serial": str(business.serial),
        "host_storage": "1",
        "actual_actors": "1",
        "privacy_mode_ts": str(business.issued),
    }
    return Node("verified_name", attrs, business.certificate())


def text_of(node: Node) -> str:
    if node.content is None:
        return ""
    return node.text[:MAX_TEXT]


def value_node(tag: str, value: object) -> Node:
    return Node(tag, {}, str(value).encode())


def _values(**values: object) -> list[Node]:
    """A child for each value that there is."""
    return [value_node(tag, value) for tag, value in values.items() if value != ""]


def profile_node(jid: Jid, profile: Profile) -> Node:
    content = _values(address=profile.address, description=profile.description, email=profile.email)
    content += [value_node("website", site) for site in profile.websites]
    content += _values(latitude=profile.latitude, longitude=profile.longitude)
    if profile.categories:
        chosen = [Node("category", {"id": x}, name.encode()) for x, name in profile.categories]
        content.append(Node("categories", {}, chosen))
    if profile.hours:
        attrs: dict[str, AttrValue] = {"timezone": profile.timezone}
        content.append(Node("business_hours", attrs, [_day_node(day) for day in profile.hours]))
    if profile.options:
        content.append(Node("profile_options", {}, [value_node(n, v) for n, v in profile.options]))
    if profile.cover_photo:
        content.append(Node("cover_photo", {"id": profile.cover_photo}))
    content += _values(member_since_text=profile.member_since)
    return Node("profile", {"jid": jid, "tag": str(zlib.crc32(repr(profile).encode()))}, content)


def _day_node(day: Day) -> Node:
    attrs: dict[str, AttrValue] = {"day_of_week": day.day, "mode": day.mode}
    if day.opens >= 0:
        attrs |= {"open_time": str(day.opens), "close_time": str(day.closes)}
    return Node("business_hours_config", attrs)


def changed_profile(profile: Profile, child: Node) -> Profile:
    """A profile after one child of a `delta`; websites come all together."""
    match child.tag:
        case "address":
            return replace(profile, address=text_of(child))
        case "email":
            return replace(profile, email=text_of(child))
        case "description":
            return replace(profile, description=text_of(child))
        case "categories":
            known = dict(profile.categories)
            ids = [each.attr("id") for each in child.children("category")]
            return replace(
                profile, categories=tuple((x, known.get(x, f"Category {x}")) for x in ids)
            )
        case "business_hours":
            days = [
                Day(
                    each.attr("day_of_week"),
                    each.attr("mode"),
                    each.get_int("open_time", -1),
                    each.get_int("close_time", -1),
                )
                for each in child.children("business_hours_config")
            ]
            return replace(profile, timezone=child.get("timezone", ""), hours=tuple(days))
        case "cover_photo":
            return replace(profile, cover_photo=_cover(profile, child))
        case "website":
            return profile
    raise Refusal(400)


def _cover(profile: Profile, child: Node) -> str:
    photo_id = child.attr("id")
    if child.get("op") == "delete":
        if photo_id != profile.cover_photo:
            raise Refusal(404)
        return ""
    if child.get("op") != "update" or child.get("token") != cover_token(photo_id, child.attr("ts")):
        raise Refusal(400)
    return photo_id


def product_node(product: Product) -> Node:
    images = [
        Node(
            "image",
            {},
            [
                value_node("id", f"{product.id}{number}"),
                value_node("request_image_url", f"{url}&w=100" if "?" in url else f"{url}?w=100"),
                value_node("original_image_url", url),
            ],
        )
        for number, url in enumerate(product.images)
    ]
    content = _values(
        id=product.id,
        name=product.name,
        description=product.description,
        retailer_id=product.retailer_id,
        url=product.url,
        price=product.price,
        currency=product.currency,
        availability=product.availability,
    )
    content += [
        Node("media", {}, images),
        Node("status_info", {}, [value_node("status", product.status)]),
    ]
    return Node("product", {"is_hidden": "true"} if product.hidden else {}, content)


def drafted(product: Product, draft: Node) -> Product:
    """A product with what a draft says; what it does not say stays."""

    def said(tag: str, now: str) -> str:
        child = draft.find(tag)
        return now if child is None else text_of(child)

    product = replace(
        product,
        name=said("name", product.name),
        description=said("description", product.description),
        retailer_id=said("retailer_id", product.retailer_id),
        url=said("url", product.url),
        price=said("price", product.price),
        currency=said("currency", product.currency),
    )
    media = draft.find("media")
    if media is not None:
        urls = tuple(text_of(image.child("url")) for image in media.children("image"))
        product = replace(product, images=urls)
    hidden = draft.get("is_hidden")
    return product if hidden is None else replace(product, hidden=hidden == "true")


def order_node(business: Business, order: Order) -> Node:
    lines: list[Node] = []
    total, currency = 0, ""
    for product_id, quantity in order.items:
        product = business.product(product_id)
        if product is None:
            lines.append(Node("product", {}, [value_node("quantity", quantity)]))
            continue
        price = int(product.price) if product.price.isascii() and product.price.isdigit() else 0
        total, currency = total + price * quantity, product.currency
        content = _values(
            id=product.id,
            name=product.name,
            price=product.price,
            currency=product.currency,
            quantity=quantity,
        )
        image = _first(product.images)
        content.append(Node("image", {}, _values(id=f"{product.id}0", url=image)))
        lines.append(Node("product", {}, content))
    price_node = Node("price", {}, _values(subtotal=total, total=total, currency=currency))
    attrs: dict[str, AttrValue] = {"id": order.id, "creation_ts": str(order.created)}
    return Node("order", attrs, [*lines, price_node])


def _first(values: Sequence[str]) -> str:
    return values[0] if values else ""


def link_node(owner: Account, business: Business, code: str) -> Node:
    attrs: dict[str, AttrValue] = {"jid": owner.jid, "notify": owner.name, "type": "message"}
    about = {"is_signed": "true", "verified_name": business.name, "verified_level": business.level}
    return Node(
        "qr",
        attrs,
        [value_node("message", business.links[code]), Node("business", {**about})],
    )
