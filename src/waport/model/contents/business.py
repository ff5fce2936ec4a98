"""What businesses send: buttons, lists, templates, products, orders; and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ...wire import Jid
from .cards import Location
from .context import NO_CONTEXT, Context
from .media import Document, Image, Video

HeaderMedia = Image | Video | Document | Location
"""What may stand above buttons instead of a title."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button that answers. A button of a native flow has that flow's name and parameters."""

    id: str
    text: str
    flow: FlowButton | None = None


@dataclass(frozen=True, slots=True)
class Buttons:
    """A text with buttons below.

    Attributes:
        body, footer: the texts.
        buttons: the buttons, in order.
        title: the text above.
        media: what stands above instead.
    """

    body: str
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    title: str = ""
    media: HeaderMedia | None = None
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ButtonsReply:
    """Somebody pressed a button; the context quotes the message it belongs to."""

    id: str
    text: str = ""
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row to choose."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ListSection:
    """Rows under a heading."""

    title: str
    rows: tuple[ListRow, ...]


@dataclass(frozen=True, slots=True)
class ProductSection:
    """Products of a catalogue under a heading."""

    title: str
    products: tuple[str, ...]


class ListKind(IntEnum):
    """What a list offers."""

    UNKNOWN = 0
    SINGLE_SELECT = 1
    PRODUCT_LIST = 2


@dataclass(frozen=True, slots=True)
class ListMenu:
    """A list to choose from.

    Attributes:
        title, body, footer: the texts.
        button: the text of the button that opens the list.
        kind: rows or products.
        sections: the rows.
        products: the products, by id.
        business: whose catalogue it is.
    """

    title: str
    body: str = ""
    footer: str = ""
    button: str = ""
    kind: ListKind = ListKind.SINGLE_SELECT
    sections: tuple[ListSection, ...] = ()
    products: tuple[ProductSection, ...] = ()
    business: Jid | None = None
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ListReply:
    """Somebody chose a row; the context quotes the list."""

    row_id: str
    title: str = ""
    description: str = ""
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class QuickReply:
    """It answers with `id`."""

    text: str
    id: str


@dataclass(frozen=True, slots=True)
class OpenUrl:
    """It opens a page."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Call:
    """It calls a number."""

    text: str
    phone: str


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button of a template: what it does, and its place."""

    action: QuickReply | OpenUrl | Call | None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """A text made from a business's template.

    Attributes:
        body, footer: the texts.
        buttons: the buttons, in order.
        title: the text above.
        media: what stands above instead.
        template_id: the template's id.
    """

    body: str
    footer: str = ""
    buttons: tuple[TemplateButton, ...] = ()
    title: str = ""
    media: HeaderMedia | None = None
    template_id: str = ""
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class TemplateReply:
    """Somebody pressed a template's button."""

    id: str
    text: str = ""
    index: int = 0
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class FlowButton:
    """A button of a native flow: what it does, and its parameters as JSON."""

    name: str
    params_json: str = ""


@dataclass(frozen=True, slots=True)
class InteractiveCard:
    """One card of a carousel."""

    title: str = ""
    subtitle: str = ""
    body: str = ""
    footer: str = ""
    media: HeaderMedia | None = None
    buttons: tuple[FlowButton, ...] = ()
    params_json: str = ""


@dataclass(frozen=True, slots=True)
class Interactive:
    """A message with native flow buttons, or a carousel.

    Attributes:
        title, subtitle, body, footer: the texts.
        media: what stands above.
        buttons: the native flow's buttons.
        params_json: parameters of the whole message.
        version: of the native flow's form.
        cards: the carousel's cards.
    """

    title: str = ""
    subtitle: str = ""
    body: str = ""
    footer: str = ""
    media: HeaderMedia | None = None
    buttons: tuple[FlowButton, ...] = ()
    params_json: str = ""
    version: int = 0
    cards: tuple[InteractiveCard, ...] = ()
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class InteractiveReply:
    """The answer to a native flow.

    Attributes:
        name: of the button.
        params_json: what was answered.
        body: the text shown for it.
        version: of the form.
    """

    name: str
    params_json: str = ""
    body: str = ""
    version: int = 0
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of a catalogue. Prices are in thousandths of the currency's unit.

    Attributes:
        id, retailer_id: names of the product, WhatsApp's and the business's own.
        business: whose it is.
        title, description, url: of the product.
        currency: ISO 4217.
        price_1000, sale_price_1000: prices; 0 when there is none.
        image: its first picture.
        image_count: how many pictures it has.
        body, footer: texts around it.
    """

    id: str
    business: Jid | None = None
    title: str = ""
    description: str = ""
    currency: str = ""
    price_1000: int = 0
    sale_price_1000: int = 0
    retailer_id: str = ""
    url: str = ""
    image: Image | None = None
    image_count: int = 0
    body: str = ""
    footer: str = ""
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


class OrderStatus(IntEnum):
    """How far an order has come."""

    UNKNOWN = 0
    INQUIRY = 1
    ACCEPTED = 2
    DECLINED = 3


@dataclass(frozen=True, slots=True)
class Order:
    """An order from a catalogue.

    Attributes:
        id, token: to ask for its contents with.
        title, message: the texts.
        item_count: how many pieces.
        seller: the business.
        total_1000: the sum in thousandths of the currency's unit.
        currency: ISO 4217.
        status: how far it has come.
        thumbnail: a small JPEG.
    """

    id: str
    token: str = field(default="", repr=False)
    title: str = ""
    message: str = ""
    item_count: int = 0
    seller: Jid | None = None
    total_1000: int = 0
    currency: str = ""
    status: OrderStatus = OrderStatus.UNKNOWN
    thumbnail: bytes = field(default=b"", repr=False)
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)
