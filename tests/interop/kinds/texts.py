"""Texts, and what stands in them."""

from __future__ import annotations

from interop.kinds.case import Case, Native, Ours
from interop.kinds.files import THUMBNAIL, as_bytes
from waport.client.compose import SendOptions
from waport.model.contents import Context, LinkPreview, Text
from waport.proto import pb

LONG = "Zeile mit ümlauts, 中文, עברית und 👩‍👩‍👧\n" * 400
LINK = "https://example.com/page?q=1"
LINK_TEXT = f"see {LINK} please"


def _text(text: str, **context: object) -> pb.Message:
    message = pb.Message(extendedTextMessage=pb.ExtendedTextMessage(text=text))
    if context:
        info = pb.ContextInfo(**context)  # type: ignore[arg-type]
        message.extendedTextMessage.contextInfo.CopyFrom(info)
    return message


_PREVIEW = pb.Message(
    extendedTextMessage=pb.ExtendedTextMessage(
        text=LINK_TEXT,
        matchedText=LINK,
        title="A page",
        description="What it is about",
        jpegThumbnail=THUMBNAIL,
    )
)

TEXTS = (
    Case(
        "text",
        expected=lambda _: _text("hello"),
        theirs=lambda _: Native({"text": "hello"}),
        ours=lambda _: Ours(Text("hello")),
    ),
    Case(
        "long text of many scripts",
        expected=lambda _: _text(LONG),
        theirs=lambda _: Native({"text": LONG}),
        ours=lambda _: Ours(Text(LONG)),
    ),
    Case(
        "text that mentions a person",
        expected=lambda place: _text(
            f"hi @{place.someone.user}", mentionedJid=[str(place.someone)]
        ),
        theirs=lambda place: Native(
            {"text": f"hi @{place.someone.user}", "mentions": [str(place.someone)]}
        ),
        ours=lambda place: Ours(
            Text(f"hi @{place.someone.user}"), SendOptions(mentions=(place.someone,))
        ),
    ),
    Case(
        "text that mentions everybody",
        expected=lambda _: _text("hi @all", nonJidMentions=1),
        theirs=lambda _: Native({"text": "hi @all", "mentionAll": True}),
        ours=lambda _: Ours(Text("hi @all"), SendOptions(mentions_everyone=True)),
    ),
    Case(
        "text with a link preview",
        expected=lambda _: _PREVIEW,
        theirs=lambda _: Native(
            {
                "text": LINK_TEXT,
                "linkPreview": {
                    "matched-text": LINK,
                    "canonical-url": LINK,
                    "title": "A page",
                    "description": "What it is about",
                    "jpegThumbnail": as_bytes(THUMBNAIL),
                },
            }
        ),
        ours=lambda _: Ours(
            Text(LINK_TEXT, LinkPreview(LINK, "A page", "What it is about", THUMBNAIL))
        ),
    ),
    Case(
        "text that was forwarded many times",
        expected=lambda _: _text("old news", isForwarded=True, forwardingScore=7),
        theirs=lambda _: Native(
            {"text": "old news", "contextInfo": {"isForwarded": True, "forwardingScore": 7}}
        ),
        ours=lambda _: Ours(
            Text("old news", context=Context(is_forwarded=True, forwarding_score=7))
        ),
    ),
)
