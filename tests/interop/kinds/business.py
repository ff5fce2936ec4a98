"""What businesses send, and the answers to it. We only have to read these."""

from __future__ import annotations

from interop.kinds.case import Case, Native, Place, Raw
from interop.kinds.files import THUMBNAIL
from waport.proto import pb

SELLER = "15550009999@s.whatsapp.net"

_Interactive = pb.InteractiveMessage


def _raw(name: str, message: pb.Message) -> Case:
    """A kind that Baileys has no form for."""
    return Case(name, expected=lambda _: message, theirs=lambda _: Raw(message))


_BUTTONS = pb.ButtonsMessage(
    text="Title",
    headerType=pb.ButtonsMessage.TEXT,
    contentText="Choose one",
    footerText="small print",
    buttons=[
        pb.ButtonsMessage.Button(
            buttonId=f"id-{number}",
            buttonText=pb.ButtonsMessage.Button.ButtonText(displayText=f"Button {number}"),
            type=pb.ButtonsMessage.Button.RESPONSE,
        )
        for number in (1, 2)
    ],
)

_LIST = pb.ListMessage(
    title="Menu",
    description="What would you like?",
    buttonText="open",
    footerText="until ten",
    listType=pb.ListMessage.SINGLE_SELECT,
    sections=[
        pb.ListMessage.Section(
            title="Drinks",
            rows=[
                pb.ListMessage.Row(rowId="1", title="Tea", description="green"),
                pb.ListMessage.Row(rowId="2", title="Coffee"),
            ],
        )
    ],
)

_PRODUCTS = pb.ListMessage(
    title="Catalogue",
    buttonText="look",
    listType=pb.ListMessage.PRODUCT_LIST,
    productListInfo=pb.ListMessage.ProductListInfo(
        businessOwnerJid=SELLER,
        productSections=[
            pb.ListMessage.ProductSection(
                title="Cups", products=[pb.ListMessage.Product(productId="7")]
            )
        ],
    ),
)

_HYDRATED = pb.TemplateMessage.HydratedFourRowTemplate(
    hydratedTitleText="Your parcel",
    hydratedContentText="It arrives today.",
    hydratedFooterText="no reply",
    templateId="9",
    hydratedButtons=[
        pb.HydratedTemplateButton(
            index=0,
            quickReplyButton=pb.HydratedTemplateButton.HydratedQuickReplyButton(
                displayText="Fine", id="fine"
            ),
        ),
        pb.HydratedTemplateButton(
            index=1,
            urlButton=pb.HydratedTemplateButton.HydratedURLButton(
                displayText="Track", url="https://example.com/9"
            ),
        ),
        pb.HydratedTemplateButton(
            index=2,
            callButton=pb.HydratedTemplateButton.HydratedCallButton(
                displayText="Call", phoneNumber="+15550009999"
            ),
        ),
    ],
)


def _flow(*names: str) -> pb.InteractiveMessage.NativeFlowMessage:
    buttons = [
        _Interactive.NativeFlowMessage.NativeFlowButton(
            name=name, buttonParamsJson=f'{{"display_text":"{name}"}}'
        )
        for name in names
    ]
    return _Interactive.NativeFlowMessage(
        buttons=buttons, messageParamsJson='{"a":1}', messageVersion=1
    )


_INTERACTIVE = _Interactive(
    header=_Interactive.Header(title="T", subtitle="S", hasMediaAttachment=False),
    body=_Interactive.Body(text="B"),
    footer=_Interactive.Footer(text="F"),
    nativeFlowMessage=_flow("quick_reply", "cta_url"),
)

_CAROUSEL = _Interactive(
    body=_Interactive.Body(text="Look around"),
    carouselMessage=_Interactive.CarouselMessage(
        messageVersion=1,
        cards=[
            _Interactive(
                header=_Interactive.Header(title=f"Card {number}"),
                body=_Interactive.Body(text=f"Text {number}"),
                nativeFlowMessage=_flow("cta_url"),
            )
            for number in (1, 2)
        ],
    ),
)

_ORDER = pb.OrderMessage(
    orderId="order-1",
    token="secret",
    orderTitle="Shop",
    message="please",
    itemCount=3,
    sellerJid=SELLER,
    totalAmount1000=9000,
    totalCurrencyCode="EUR",
    status=pb.OrderMessage.INQUIRY,
    surface=pb.OrderMessage.CATALOG,
    thumbnail=THUMBNAIL,
)

_FLOW_REPLY = pb.InteractiveResponseMessage(
    body=pb.InteractiveResponseMessage.Body(text="Go"),
    nativeFlowResponseMessage=pb.InteractiveResponseMessage.NativeFlowResponseMessage(
        name="quick_reply", paramsJson='{"id":"1"}', version=3
    ),
)


def _product(place: Place) -> Native:
    return Native(
        {
            "product": {
                "productImage": {"url": str(place.files.jpeg)},
                "productId": "7",
                "title": "Cup",
                "description": "red",
                "currencyCode": "EUR",
                "priceAmount1000": 5000,
                "retailerId": "r7",
                "url": "https://example.com/7",
                "productImageCount": 1,
            },
            "businessOwnerJid": SELLER,
            "body": "for tea",
            "footer": "hand-made",
        }
    )


_PRODUCT = pb.ProductMessage(
    businessOwnerJid=SELLER,
    body="for tea",
    footer="hand-made",
    product=pb.ProductMessage.ProductSnapshot(
        productImage=pb.ImageMessage(mimetype="image/jpeg"),
        productId="7",
        title="Cup",
        description="red",
        currencyCode="EUR",
        priceAmount1000=5000,
        retailerId="r7",
        url="https://example.com/7",
        productImageCount=1,
    ),
)

BUSINESS = (
    _raw("buttons", pb.Message(buttonsMessage=_BUTTONS)),
    _raw("list", pb.Message(listMessage=_LIST)),
    _raw("list of products", pb.Message(listMessage=_PRODUCTS)),
    _raw(
        "template",
        pb.Message(templateMessage=pb.TemplateMessage(hydratedTemplate=_HYDRATED, templateId="9")),
    ),
    _raw("native flow", pb.Message(interactiveMessage=_INTERACTIVE)),
    _raw("carousel", pb.Message(interactiveMessage=_CAROUSEL)),
    _raw("order", pb.Message(orderMessage=_ORDER)),
    Case("product", expected=lambda _: pb.Message(productMessage=_PRODUCT), theirs=_product),
    Case(
        "pressed button",
        expected=lambda _: pb.Message(
            buttonsResponseMessage=pb.ButtonsResponseMessage(
                selectedButtonId="id-2",
                selectedDisplayText="Button 2",
                type=pb.ButtonsResponseMessage.DISPLAY_TEXT,
            )
        ),
        theirs=lambda _: Native(
            {"buttonReply": {"id": "id-2", "displayText": "Button 2"}, "type": "plain"}
        ),
    ),
    Case(
        "pressed button of a template",
        expected=lambda _: pb.Message(
            templateButtonReplyMessage=pb.TemplateButtonReplyMessage(
                selectedId="fine", selectedDisplayText="Fine", selectedIndex=1
            )
        ),
        theirs=lambda _: Native(
            {
                "buttonReply": {"id": "fine", "displayText": "Fine", "index": 1},
                "type": "template",
            }
        ),
    ),
    Case(
        "chosen row",
        expected=lambda _: pb.Message(
            listResponseMessage=pb.ListResponseMessage(
                title="Tea",
                description="green",
                listType=pb.ListResponseMessage.SINGLE_SELECT,
                singleSelectReply=pb.ListResponseMessage.SingleSelectReply(selectedRowId="1"),
            )
        ),
        theirs=lambda _: Native(
            {
                "listReply": {
                    "title": "Tea",
                    "description": "green",
                    "listType": 1,
                    "singleSelectReply": {"selectedRowId": "1"},
                }
            }
        ),
    ),
    _raw("answer to a native flow", pb.Message(interactiveResponseMessage=_FLOW_REPLY)),
)
