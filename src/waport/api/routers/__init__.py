"""The routes, one file per subject: schema in, one call, schema out."""

from . import chat, client, message, session, system

ALL = (system.routes, session.routes, client.routes, chat.routes, message.routes)
"""Every subject, in the order of the API document."""

__all__ = ["ALL"]
