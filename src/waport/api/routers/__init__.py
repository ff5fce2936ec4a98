"""The routes, one file per subject: schema in, one call, schema out."""

from . import (
    api_keys,
    channel,
    chat,
    client,
    client_account,
    client_channels,
    client_chats,
    client_extras,
    client_people,
    contact,
    events,
    group_chat,
    labels,
    message,
    message_extras,
    passkey,
    preferences,
    run_method,
    session,
    system,
    webhooks,
)

ALL = (
    system.routes,
    session.routes,
    passkey.routes,
    client.routes,
    client_chats.routes,
    client_people.routes,
    client_account.routes,
    client_extras.routes,
    labels.routes,
    chat.routes,
    contact.routes,
    group_chat.routes,
    message.routes,
    message_extras.routes,
    client_channels.routes,
    channel.routes,
    run_method.routes,
    preferences.routes,
    events.routes,
    webhooks.routes,
    api_keys.routes,
)
"""Every subject, in the order of the API document."""

__all__ = ["ALL"]
