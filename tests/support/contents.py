"""A content of every kind, with all its attributes set somewhere."""

from __future__ import annotations

from dataclasses import replace

from waport.model.contents import (
    Album,
    Audio,
    Button,
    Buttons,
    ButtonsReply,
    Call,
    ChannelInvite,
    ChannelSource,
    ChatTimer,
    Contact,
    Contacts,
    Content,
    Context,
    Disappearing,
    Document,
    Edit,
    EncryptedComment,
    EncryptedEdit,
    EncryptedReaction,
    Event,
    EventResponse,
    FlowButton,
    GroupInvite,
    GroupMention,
    Image,
    Interactive,
    InteractiveCard,
    InteractiveReply,
    Keep,
    KeepAction,
    LinkPreview,
    ListKind,
    ListMenu,
    ListReply,
    ListRow,
    ListSection,
    LiveLocation,
    Location,
    MediaFile,
    MemberLabel,
    OpenUrl,
    OptionCount,
    Order,
    OrderStatus,
    PhoneNumberRequest,
    Pin,
    PinAction,
    Placeholder,
    Poll,
    PollResults,
    PollVersion,
    PollVote,
    PreviewImage,
    Product,
    ProductSection,
    Protocol,
    QuickReply,
    Quote,
    Reaction,
    Revoke,
    Sealed,
    SecretEdit,
    SharingLimit,
    Sticker,
    TargetKey,
    Template,
    TemplateButton,
    TemplateReply,
    Text,
    TextStyle,
    TimerInitiator,
    TimerTrigger,
    Unknown,
    Video,
)
from waport.proto import pb
from waport.wire import Jid

PERSON = Jid.parse("100000000000001@lid")
OTHER = Jid.parse("491700000000@s.whatsapp.net")
GROUP = Jid.parse("120363000000000000@g.us")
CHANNEL = Jid.parse("120363000000000009@newsletter")
KEY = TargetKey("3EB0AA", GROUP, from_me=False, participant=PERSON)
OWN_KEY = TargetKey("3EB0BB", OTHER, from_me=True)
SEALED = Sealed(bytes(12), b"ciphertext and tag")
CONTEXT = Context(
    quote=Quote("3EB0CC", PERSON, GROUP, pb.Message(conversation="before").SerializeToString()),
    mentions=(PERSON, OTHER),
    mentions_everyone=True,
    is_forwarded=True,
    forwarding_score=5,
    forwarded_from=ChannelSource(CHANNEL, "News", 616),
    expiration_s=604_800,
    timer_set_at=1_736_882_305,
    disappearing=Disappearing(TimerInitiator.INITIATED_BY_ME, TimerTrigger.CHAT_SETTING, True),
)


def file(mimetype: str) -> MediaFile:
    return MediaFile(
        mimetype,
        "https://mmg.whatsapp.net/v/1.enc",
        "/v/1.enc?oh=01",
        b"k" * 32,
        b"s" * 32,
        b"e" * 32,
        1234,
        1_737_671_178,
    )


JPEG = file("image/jpeg")
IMAGE = Image(JPEG, "cap", 1200, 1600, b"thumb", context=CONTEXT)
LOCATION = Location(-23.5, 46.25, "Centro", "Rua 1", "https://example.com", 12, True, "hi", b"map")

SAMPLES: dict[str, Content] = {
    "text": Text("hi"),
    "plain text": Text("hi", is_plain=True),
    "empty text": Text(""),
    "text with everything": Text(
        "see https://example.com",
        LinkPreview(
            "https://example.com",
            "Title",
            "About",
            b"small",
            PreviewImage("/v/2.enc", b"k" * 32, 1_700_000_000, b"s" * 32, b"e" * 32, 800, 600),
        ),
        TextStyle(0xFFFFFFFF, 0xFF000000, 2),
        context=CONTEXT,
    ),
    "text with a group": Text("@Team", context=Context(group_mentions=(GroupMention(GROUP, "T"),))),
    "image": IMAGE,
    "image seen once": replace(IMAGE, view_once=True),
    "video": Video(file("video/mp4"), "clip", 33, 1280, 720, sidecar=b"side", context=CONTEXT),
    "gif": Video(file("video/mp4"), is_gif=True, gif_source=2),
    "video note": Video(file("video/mp4"), seconds=5, is_note=True),
    "video seen once": Video(file("video/mp4"), view_once=True),
    "audio": Audio(file("audio/mp4"), 200),
    "voice note": Audio(
        file("audio/ogg; codecs=opus"), 7, True, bytes(range(64)), b"side", 0xFF112233
    ),
    "voice note heard once": Audio(file("audio/ogg; codecs=opus"), 7, True, view_once=True),
    "document": Document(file("application/pdf"), "a.pdf", "a", 12, "", b"page"),
    "document with caption": Document(file("text/plain"), "a.txt", caption="see"),
    "sticker": Sticker(file("image/webp"), 512, 512, True, False, True, 50, b"side", b"png", "cat"),
    "lottie sticker": Sticker(file("application/was"), is_lottie=True),
    "album": Album(2, 1, context=CONTEXT),
    "contact": Contact("Amara", "BEGIN:VCARD\nEND:VCARD", context=CONTEXT),
    "contacts": Contacts("2", (Contact("A", "BEGIN:VCARD"), Contact("B", "BEGIN:VCARD"))),
    "location": LOCATION,
    "location at zero": Location(0.0, 0.0),
    "live location": LiveLocation(1.5, -0.25, 12, 2.5, 270, "way", 1735, 60, b"map"),
    "group invite": GroupInvite(GROUP, "AbC", 1_739_658_189, "Team", "join", True, b"jpg"),
    "channel invite": ChannelInvite(CHANNEL, "Chan", "read"),
    "channel admin invite": ChannelInvite(CHANNEL, "Chan", "help", 1_739_432_981, True, b"jpg"),
    "phone number request": PhoneNumberRequest(CONTEXT),
    "poll, one choice": Poll("q", ("a", "b")),
    "poll, any number": Poll("q", ("a", "b", "c"), 0, context=CONTEXT),
    "poll in an announcement group": Poll("q", ("a", "b"), version=PollVersion.V2),
    "quiz": Poll("q", ("a", "b"), is_quiz=True, correct="b", ends_at=5, hides_names=True),
    "poll vote": PollVote(KEY, SEALED, 1_735_689_600_812),
    "poll results": PollResults("q", (OptionCount("a", 3), OptionCount("b", 0)), True),
    "event": Event(
        "Party", "bring cake", 10, 20, LOCATION, "https://call", True, False, True, True
    ),
    "event response": EventResponse(KEY, SEALED),
    "reaction": Reaction(OWN_KEY, "👍", 1_735_689_601_000),
    "reaction taken back": Reaction(KEY, ""),
    "encrypted reaction": EncryptedReaction(KEY, SEALED),
    "encrypted comment": EncryptedComment(KEY, SEALED),
    "encrypted edit": EncryptedEdit(KEY, SEALED, SecretEdit.MESSAGE_EDIT),
    "edit": Edit(OWN_KEY, Text("fixed"), 1_735_689_602_000),
    "edit of a caption": Edit(OWN_KEY, replace(IMAGE, caption="new")),
    "edit of a document's caption": Edit(OWN_KEY, Document(JPEG, "a", caption="new")),
    "revoke": Revoke(OWN_KEY),
    "revoke by an admin": Revoke(KEY),
    "pin": Pin(KEY, PinAction.PIN, 604_800, 1_735_689_603_000),
    "unpin": Pin(KEY, PinAction.UNPIN),
    "keep": Keep(KEY, KeepAction.KEEP, 1_735_689_604_000),
    "timer": ChatTimer(604_800, 1_737_856_858, Disappearing()),
    "timer off": ChatTimer(0),
    "member label": MemberLabel("boss", 1_737_856_858),
    "member label taken away": MemberLabel(""),
    "limited sharing": SharingLimit(True, 1_737_856_858),
    "shared phone number": Protocol(11),
    "protocol message of an unknown type": Protocol(9999),
    "protocol message of a negative type": Protocol(-5),
    "protocol message without type": Protocol(None),
    "placeholder": Placeholder(),
    "buttons": Buttons("b", "f", (Button("1", "A"), Button("2", "B", FlowButton("n", "{}"))), "t"),
    "buttons below a picture": Buttons("b", media=Image(JPEG)),
    "buttons reply": ButtonsReply("2", "B", CONTEXT),
    "list": ListMenu(
        "t", "b", "f", "open", sections=(ListSection("s", (ListRow("1", "r", "d"),)),)
    ),
    "product list": ListMenu(
        "t", kind=ListKind.PRODUCT_LIST, products=(ProductSection("s", ("7",)),), business=OTHER
    ),
    "list reply": ListReply("1", "r", "d", CONTEXT),
    "template": Template(
        "b",
        "f",
        (
            TemplateButton(QuickReply("yes", "1"), 0),
            TemplateButton(OpenUrl("see", "https://example.com"), 1),
            TemplateButton(Call("call", "+49 170"), 2),
        ),
        "t",
        template_id="9",
    ),
    "template reply": TemplateReply("1", "yes", 0, CONTEXT),
    "native flow": Interactive(
        "t",
        "s",
        "b",
        "f",
        Image(JPEG),
        (FlowButton("quick_reply", "{}"),),
        "{}",
        1,
        context=CONTEXT,
    ),
    "carousel": Interactive(
        body="b", cards=(InteractiveCard("1", body="x", buttons=(FlowButton("cta_url"),)),)
    ),
    "native flow reply": InteractiveReply("quick_reply", '{"id":"1"}', "Go", 3),
    "product": Product("7", OTHER, "Cup", "red", "EUR", 5000, 4000, "r7", "https://x", Image(JPEG)),
    "order": Order("1", "tok", "Shop", "please", 3, OTHER, 9000, "EUR", OrderStatus.INQUIRY, b"j"),
    "unknown": Unknown(
        "callLogMesssage",
        pb.Message(callLogMesssage=pb.CallLogMessage(isVideo=True)).SerializeToString(),
    ),
    "unknown to the schema": Unknown("", b"\xfa\x3e\x02hi"),
    "nothing": Unknown(),
}
