"""Buttons, lists, templates, native flows, products and orders.

Source: docs/protocol/messages.md, "Content".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.contents import (
    Button,
    Buttons,
    ButtonsReply,
    Call,
    FlowButton,
    Interactive,
    InteractiveCard,
    InteractiveReply,
    ListKind,
    ListMenu,
    ListReply,
    ListRow,
    ListSection,
    OpenUrl,
    Order,
    OrderStatus,
    Product,
    ProductSection,
    QuickReply,
    Template,
    TemplateButton,
    TemplateReply,
)
from ...proto import pb
from .context import CONTEXT
from .fields import (
    Field,
    Spec,
    address,
    always,
    choice,
    derived,
    many,
    nested,
    one_of,
    scalar,
    text,
    texts,
    within,
)
from .media import DOCUMENT, IMAGE, VIDEO
from .plain import LOCATION

_HEADER: Mapping[str, Spec[Any]] = {
    "documentMessage": DOCUMENT,
    "imageMessage": IMAGE,
    "videoMessage": VIDEO,
    "locationMessage": LOCATION,
}

# --- buttons -------------------------------------------------------------------------------------

_FLOW_INFO = Spec(
    FlowButton,
    pb.ButtonsMessage.Button.NativeFlowInfo,
    (text("name", "name"), text("params_json", "paramsJson")),
)


def _button_type(button: Any) -> int:
    kinds = pb.ButtonsMessage.Button
    return kinds.NATIVE_FLOW if button.HasField("nativeFlowInfo") else kinds.RESPONSE


_BUTTON = Spec(
    Button,
    pb.ButtonsMessage.Button,
    (
        text("id", "buttonId"),
        within("buttonText", text("text", "displayText")),
        nested("flow", "nativeFlowInfo", _FLOW_INFO),
    ),
    derived("type", _button_type),
)

_HEADER_TYPES = {
    "text": pb.ButtonsMessage.TEXT,
    "documentMessage": pb.ButtonsMessage.DOCUMENT,
    "imageMessage": pb.ButtonsMessage.IMAGE,
    "videoMessage": pb.ButtonsMessage.VIDEO,
    "locationMessage": pb.ButtonsMessage.LOCATION,
    None: pb.ButtonsMessage.EMPTY,
}


def _header_type(message: Any) -> int:
    return _HEADER_TYPES[message.WhichOneof("header")]


BUTTONS = Spec(
    Buttons,
    pb.ButtonsMessage,
    (
        text("body", "contentText"),
        text("footer", "footerText"),
        many("buttons", "buttons", _BUTTON),
        text("title", "text"),
        one_of("media", _HEADER),
        CONTEXT,
    ),
    derived("headerType", _header_type),
)

BUTTONS_REPLY = Spec(
    ButtonsReply,
    pb.ButtonsResponseMessage,
    (text("id", "selectedButtonId"), text("text", "selectedDisplayText"), CONTEXT),
    always("type", pb.ButtonsResponseMessage.DISPLAY_TEXT),
)

# --- lists ---------------------------------------------------------------------------------------

_ROW = Spec(
    ListRow,
    pb.ListMessage.Row,
    (text("id", "rowId"), text("title", "title"), text("description", "description")),
)

_SECTION = Spec(
    ListSection, pb.ListMessage.Section, (text("title", "title"), many("rows", "rows", _ROW))
)

_PRODUCTS = Spec(
    ProductSection,
    pb.ListMessage.ProductSection,
    (text("title", "title"), texts("products", "products", "productId")),
)

LIST = Spec(
    ListMenu,
    pb.ListMessage,
    (
        text("title", "title"),
        text("body", "description"),
        text("footer", "footerText"),
        text("button", "buttonText"),
        choice("kind", "listType", ListKind),
        many("sections", "sections", _SECTION),
        within("productListInfo", many("products", "productSections", _PRODUCTS)),
        within("productListInfo", address("business", "businessOwnerJid")),
        CONTEXT,
    ),
)

LIST_REPLY = Spec(
    ListReply,
    pb.ListResponseMessage,
    (
        within("singleSelectReply", text("row_id", "selectedRowId")),
        text("title", "title"),
        text("description", "description"),
        CONTEXT,
    ),
    always("listType", pb.ListResponseMessage.SINGLE_SELECT),
)

# --- templates -----------------------------------------------------------------------------------


_BUTTON_TYPES = pb.HydratedTemplateButton

_ACTIONS: Mapping[str, Spec[Any]] = {
    "quickReplyButton": Spec(
        QuickReply,
        _BUTTON_TYPES.HydratedQuickReplyButton,
        (text("text", "displayText"), text("id", "id")),
    ),
    "urlButton": Spec(
        OpenUrl,
        _BUTTON_TYPES.HydratedURLButton,
        (text("text", "displayText"), text("url", "url")),
    ),
    "callButton": Spec(
        Call,
        _BUTTON_TYPES.HydratedCallButton,
        (text("text", "displayText"), text("phone", "phoneNumber")),
    ),
}

_TEMPLATE_BUTTON = Spec(
    TemplateButton,
    pb.HydratedTemplateButton,
    (one_of("action", _ACTIONS), scalar("index", "index", is_required=True)),
)


def _hydrated(inner: Field) -> Field:
    """An attribute of a template. Two fields of the same form may hold it; we write the newer."""

    def read(part: Any) -> Any:
        if part.HasField("hydratedTemplate"):
            return inner.read(part.hydratedTemplate)
        return inner.read(part.hydratedFourRowTemplate)

    def write(part: Any, value: Any) -> None:
        if part.HasField("hydratedFourRowTemplate") and not part.HasField("hydratedTemplate"):
            part.hydratedTemplate.CopyFrom(part.hydratedFourRowTemplate)
        part.hydratedTemplate.SetInParent()
        inner.write(part.hydratedTemplate, value)

    return Field(inner.attr, ("hydratedTemplate", "hydratedFourRowTemplate"), read, write)


TEMPLATE = Spec(
    Template,
    pb.TemplateMessage,
    (
        _hydrated(text("body", "hydratedContentText")),
        _hydrated(text("footer", "hydratedFooterText")),
        _hydrated(many("buttons", "hydratedButtons", _TEMPLATE_BUTTON)),
        _hydrated(text("title", "hydratedTitleText")),
        _hydrated(one_of("media", _HEADER)),
        text("template_id", "templateId"),
        CONTEXT,
    ),
)

TEMPLATE_REPLY = Spec(
    TemplateReply,
    pb.TemplateButtonReplyMessage,
    (
        text("id", "selectedId"),
        text("text", "selectedDisplayText"),
        scalar("index", "selectedIndex", is_required=True),
        CONTEXT,
    ),
)

# --- native flows --------------------------------------------------------------------------------

_FLOW_BUTTON = Spec(
    FlowButton,
    pb.InteractiveMessage.NativeFlowMessage.NativeFlowButton,
    (text("name", "name"), text("params_json", "buttonParamsJson")),
)

_CARD_FIELDS = (
    within("header", text("title", "title")),
    within("header", text("subtitle", "subtitle")),
    within("body", text("body", "text")),
    within("footer", text("footer", "text")),
    within("header", one_of("media", _HEADER)),
    within("nativeFlowMessage", many("buttons", "buttons", _FLOW_BUTTON)),
    within("nativeFlowMessage", text("params_json", "messageParamsJson")),
)


def _attachment(message: Any) -> None:
    if message.HasField("header"):
        _HAS_ATTACHMENT(message.header)


_HAS_ATTACHMENT = derived(
    "hasMediaAttachment", lambda header: header.WhichOneof("media") is not None
)


_CARD = Spec(InteractiveCard, pb.InteractiveMessage, _CARD_FIELDS, _attachment)

INTERACTIVE = Spec(
    Interactive,
    pb.InteractiveMessage,
    (
        *_CARD_FIELDS,
        within("nativeFlowMessage", scalar("version", "messageVersion")),
        # The schema lets a card hold a carousel; real ones never do.
        within("carouselMessage", many("cards", "cards", _CARD)),
        CONTEXT,
    ),
    _attachment,
)

INTERACTIVE_REPLY = Spec(
    InteractiveReply,
    pb.InteractiveResponseMessage,
    (
        within("nativeFlowResponseMessage", text("name", "name")),
        within("nativeFlowResponseMessage", text("params_json", "paramsJson")),
        within("body", text("body", "text")),
        within("nativeFlowResponseMessage", scalar("version", "version")),
        CONTEXT,
    ),
)

# --- products and orders -------------------------------------------------------------------------

PRODUCT = Spec(
    Product,
    pb.ProductMessage,
    (
        within("product", text("id", "productId")),
        address("business", "businessOwnerJid"),
        within("product", text("title", "title")),
        within("product", text("description", "description")),
        within("product", text("currency", "currencyCode")),
        within("product", scalar("price_1000", "priceAmount1000")),
        within("product", scalar("sale_price_1000", "salePriceAmount1000")),
        within("product", text("retailer_id", "retailerId")),
        within("product", text("url", "url")),
        within("product", nested("image", "productImage", IMAGE)),
        within("product", scalar("image_count", "productImageCount")),
        text("body", "body"),
        text("footer", "footer"),
        CONTEXT,
    ),
)

ORDER = Spec(
    Order,
    pb.OrderMessage,
    (
        text("id", "orderId"),
        text("token", "token"),
        text("title", "orderTitle"),
        text("message", "message"),
        scalar("item_count", "itemCount"),
        address("seller", "sellerJid"),
        scalar("total_1000", "totalAmount1000"),
        text("currency", "totalCurrencyCode"),
        choice("status", "status", OrderStatus),
        scalar("thumbnail", "thumbnail"),
        CONTEXT,
    ),
)
