"""The routes, one file per subject: schema in, one call, schema out."""

from . import chat, client, client_chats, group_chat, message, session, system

ALL = (
    system.routes,
    session.routes,
    client.routes,
    client_chats.routes,
    chat.routes,
    group_chat.routes,
    message.routes,
)
"""Every subject, in the order of the API document."""

__all__ = ["ALL"]
