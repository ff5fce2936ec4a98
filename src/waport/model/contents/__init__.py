"""What messages say, as values. `stanza.contents` turns them into protobufs and back.

Attributes that most of them have: `context` (quote, mentions, forwarding, timer) and `extra`:
what the sender wrote beyond the attributes, as a serialized protobuf, so that nothing is lost.
"""

from .business import (
    Button,
    Buttons,
    ButtonsReply,
    Call,
    FlowButton,
    HeaderMedia,
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
from .cards import (
    ChannelInvite,
    Contact,
    Contacts,
    GroupInvite,
    LiveLocation,
    Location,
    PhoneNumberRequest,
)
from .changes import (
    ChatTimer,
    Edit,
    EncryptedComment,
    EncryptedEdit,
    EncryptedReaction,
    Keep,
    KeepAction,
    MemberLabel,
    Pin,
    PinAction,
    Placeholder,
    Protocol,
    Reaction,
    Revoke,
    SecretEdit,
    SharingLimit,
    Unknown,
)
from .context import (
    NO_CONTEXT,
    NO_INFO,
    Association,
    AssociationKind,
    ChannelSource,
    Context,
    Disappearing,
    GroupMention,
    MessageInfo,
    Quote,
    TimerInitiator,
    TimerTrigger,
)
from .keys import Sealed, TargetKey
from .limits import LIMITS, Limits, check_content
from .media import Album, Audio, Document, Image, MediaFile, Sticker, Video
from .polls import (
    Attendance,
    Ballot,
    Event,
    EventAnswer,
    EventResponse,
    OptionCount,
    Poll,
    PollResults,
    PollVersion,
    PollVote,
)
from .reuse import forwarded, has_context, with_context
from .text import LinkPreview, PreviewImage, Text, TextStyle, fallback_text

Content = (
    Text
    | Image
    | Video
    | Audio
    | Document
    | Sticker
    | Album
    | Contact
    | Contacts
    | Location
    | LiveLocation
    | GroupInvite
    | ChannelInvite
    | PhoneNumberRequest
    | Poll
    | PollVote
    | PollResults
    | Event
    | EventResponse
    | Reaction
    | EncryptedReaction
    | EncryptedComment
    | EncryptedEdit
    | Edit
    | Revoke
    | Pin
    | Keep
    | ChatTimer
    | MemberLabel
    | SharingLimit
    | Protocol
    | Placeholder
    | Buttons
    | ButtonsReply
    | ListMenu
    | ListReply
    | Template
    | TemplateReply
    | Interactive
    | InteractiveReply
    | Product
    | Order
    | Unknown
)
"""Everything that a message can say."""

__all__ = [
    "LIMITS",
    "NO_CONTEXT",
    "NO_INFO",
    "Album",
    "Association",
    "AssociationKind",
    "Attendance",
    "Audio",
    "Ballot",
    "Button",
    "Buttons",
    "ButtonsReply",
    "Call",
    "ChannelInvite",
    "ChannelSource",
    "ChatTimer",
    "Contact",
    "Contacts",
    "Content",
    "Context",
    "Disappearing",
    "Document",
    "Edit",
    "EncryptedComment",
    "EncryptedEdit",
    "EncryptedReaction",
    "Event",
    "EventAnswer",
    "EventResponse",
    "FlowButton",
    "GroupInvite",
    "GroupMention",
    "HeaderMedia",
    "Image",
    "Interactive",
    "InteractiveCard",
    "InteractiveReply",
    "Keep",
    "KeepAction",
    "Limits",
    "LinkPreview",
    "ListKind",
    "ListMenu",
    "ListReply",
    "ListRow",
    "ListSection",
    "LiveLocation",
    "Location",
    "MediaFile",
    "MemberLabel",
    "MessageInfo",
    "OpenUrl",
    "OptionCount",
    "Order",
    "OrderStatus",
    "PhoneNumberRequest",
    "Pin",
    "PinAction",
    "Placeholder",
    "Poll",
    "PollResults",
    "PollVersion",
    "PollVote",
    "PreviewImage",
    "Product",
    "ProductSection",
    "Protocol",
    "QuickReply",
    "Quote",
    "Reaction",
    "Revoke",
    "Sealed",
    "SecretEdit",
    "SharingLimit",
    "Sticker",
    "TargetKey",
    "Template",
    "TemplateButton",
    "TemplateReply",
    "Text",
    "TextStyle",
    "TimerInitiator",
    "TimerTrigger",
    "Unknown",
    "Video",
    "check_content",
    "fallback_text",
    "forwarded",
    "has_context",
    "with_context",
]
