"""From domain events to webhooks and event sockets, and the JSON shapes that both share."""

from .bus import EventBus
from .ids import IdJson, MessageIdJson, id_json, jid_text, message_id_json, stanza_id
from .rawdata import JsonObject, compact_json
from .recorder import EventRecorder
from .render import Frame, render
from .shapes import MessageJson, message_json
from .webhook_sender import WebhookSender
from .webhooks import WebhookWorker
from .websocket import TOO_SLOW, UNAUTHORIZED, Closing, EventHub, Subscriber, iso_ms

__all__ = [
    "TOO_SLOW",
    "UNAUTHORIZED",
    "Closing",
    "EventBus",
    "EventHub",
    "EventRecorder",
    "Frame",
    "IdJson",
    "JsonObject",
    "MessageIdJson",
    "MessageJson",
    "Subscriber",
    "WebhookSender",
    "WebhookWorker",
    "compact_json",
    "id_json",
    "iso_ms",
    "jid_text",
    "message_id_json",
    "message_json",
    "render",
    "stanza_id",
]
