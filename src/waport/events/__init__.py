"""From domain events to webhooks and event sockets, and the JSON shapes that both share."""

from .bus import EventBus
from .channel_shapes import ChannelJson, channel_json
from .chat_shapes import (
    ChatJson,
    GroupInfoJson,
    GroupMetadataJson,
    ParticipantJson,
    chat_json,
    group_info_json,
    group_metadata_json,
    participants_json,
)
from .contact_shapes import ContactJson, contact_json
from .feed import EventFeed
from .ids import IdJson, MessageIdJson, id_json, jid_text, message_id_json, stanza_id
from .label_shapes import LabelJson, label_json
from .media_frames import wanted_file, with_file
from .message_frames import words_of
from .people import ADDRESSES, AddressJson, People, addresses_json, find_people
from .rawdata import JsonObject, compact_json
from .recorder import EventRecorder
from .render import Frame, render
from .shapes import MessageJson, message_json
from .vote_shapes import (
    PollVoteJson,
    ReactionListJson,
    reaction_lists,
    vote_json,
)
from .webhook_book import WebhookBook
from .webhook_sender import WebhookSender
from .webhooks import WebhookWorker
from .websocket import TOO_SLOW, UNAUTHORIZED, Closing, EventHub, Subscriber, iso_ms

__all__ = [
    "ADDRESSES",
    "TOO_SLOW",
    "UNAUTHORIZED",
    "AddressJson",
    "ChannelJson",
    "ChatJson",
    "Closing",
    "ContactJson",
    "EventBus",
    "EventFeed",
    "EventHub",
    "EventRecorder",
    "Frame",
    "GroupInfoJson",
    "GroupMetadataJson",
    "IdJson",
    "JsonObject",
    "LabelJson",
    "MessageIdJson",
    "MessageJson",
    "ParticipantJson",
    "People",
    "PollVoteJson",
    "ReactionListJson",
    "Subscriber",
    "WebhookBook",
    "WebhookSender",
    "WebhookWorker",
    "addresses_json",
    "channel_json",
    "chat_json",
    "compact_json",
    "contact_json",
    "find_people",
    "group_info_json",
    "group_metadata_json",
    "id_json",
    "iso_ms",
    "jid_text",
    "label_json",
    "message_id_json",
    "message_json",
    "participants_json",
    "reaction_lists",
    "render",
    "stanza_id",
    "vote_json",
    "wanted_file",
    "with_file",
    "words_of",
]
