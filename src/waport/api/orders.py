"""The JSON of orders."""

from __future__ import annotations

from ..model.business import OrderDetails, OrderItem
from .schemas.extras import OrderJson, ProductJson


def order_json(order: OrderDetails) -> OrderJson:
    """What was ordered; amounts are texts, in thousandths as the server tells them."""
    return {
        "products": [_product(item) for item in order.items],
        "subtotal": _amount(order.subtotal_1000),
        "total": _amount(order.total_1000),
        "currency": order.currency,
        "createdAt": order.created_at,
    }


def _product(item: OrderItem) -> ProductJson:
    return {
        "id": item.id,
        "price": _amount(item.price_1000),
        "thumbnailUrl": item.image_url,
        "currency": item.currency,
        "name": item.name,
        "quantity": item.quantity,
        "data": None,
    }


def _amount(thousandths: int | None) -> str:
    return "" if thousandths is None else str(thousandths)
