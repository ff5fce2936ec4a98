"""The tables: one schema for SQLite and PostgreSQL.

Only portable types stand here. The migrations build the tables; these definitions are what the
repositories make their statements from, and a test holds the two against each other.

Every row belongs to one session (an account that this server runs) and names it in `session_id`;
only those of schema_security.py and schema_answers.py are the server's own.
JIDs are stored in their text form, JSON as text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from .schema_answers import kept_answers
from .schema_app_state import (
    app_state_applied,
    app_state_collections,
    app_state_kept,
    app_state_key_requests,
    app_state_keys,
    app_state_pending,
    app_state_records,
)
from .schema_base import is_lid, lid_index, metadata, row_id
from .schema_calls import calls, raw_stanzas
from .schema_delivery import (
    dead_letters,
    deliveries,
    delivery_lanes,
    event_log,
    send_queue,
    webhooks,
)
from .schema_history import history_kept, history_notices
from .schema_newsletters import newsletter_posts, newsletters
from .schema_security import api_keys, vault

__all__ = [
    "REVISION",
    "add_ons",
    "api_keys",
    "app_state_applied",
    "app_state_collections",
    "app_state_kept",
    "app_state_key_requests",
    "app_state_keys",
    "app_state_pending",
    "app_state_records",
    "calls",
    "chats",
    "contacts",
    "credentials",
    "dead_letters",
    "deliveries",
    "delivery_lanes",
    "device_lists",
    "event_log",
    "groups",
    "history_kept",
    "history_notices",
    "is_lid",
    "kept_answers",
    "lid_mappings",
    "messages",
    "metadata",
    "newsletter_posts",
    "newsletters",
    "pre_keys",
    "privacy_tokens",
    "raw_stanzas",
    "retries",
    "send_queue",
    "sender_key_memory",
    "sender_keys",
    "signal_identities",
    "signal_quarantine",
    "signal_sessions",
    "signed_pre_keys",
    "vault",
    "waiting_add_ons",
    "webhooks",
]

REVISION = "0015"
"""The migration that brings a database to what stands here."""

credentials = Table(
    "credentials",
    metadata,
    row_id("position"),
    Column("session_id", Text, nullable=False, unique=True),
    Column("noise_private", LargeBinary, nullable=False),
    Column("noise_public", LargeBinary, nullable=False),
    Column("identity_private", LargeBinary, nullable=False),
    Column("identity_public", LargeBinary, nullable=False),
    Column("registration_id", Integer, nullable=False),
    Column("signed_pre_key_id", Integer, nullable=False),
    Column("signed_pre_key_private", LargeBinary, nullable=False),
    Column("signed_pre_key_public", LargeBinary, nullable=False),
    Column("signed_pre_key_signature", LargeBinary, nullable=False),
    Column("adv_secret", LargeBinary, nullable=False),
    Column("next_pre_key_id", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("pn", Text),
    Column("lid", Text),
    Column("account", LargeBinary, nullable=False),
    Column("platform", Text, nullable=False),
    Column("push_name", Text, nullable=False),
    Column("routing_info", LargeBinary, nullable=False),
    Column("pre_keys_uploaded", Boolean, nullable=False),
    Column("login_counter", BigInteger, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""One linked device each. `checksum` covers every other column but `position`."""

signal_sessions = Table(
    "signal_sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("device", Integer, primary_key=True),
    Column("record", LargeBinary, nullable=False),
)
"""The ratchet with one remote device; `name` and `device` are the halves of its address."""

signal_identities = Table(
    "signal_identities",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("device", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""The identity key that a remote device last showed."""

signal_quarantine = Table(
    "signal_quarantine",
    metadata,
    row_id("position"),
    Column("session_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("device", Integer, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Session and sender key records that could not be read, kept for whoever looks into it."""

sender_keys = Table(
    "sender_keys",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("group_jid", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("device", Integer, primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Index(None, "session_id", "name", "device"),
)
"""The sender keys of one device in one group: `name` and `device` are the halves of its address.
Our own key stands under our own address."""

sender_key_memory = Table(
    "sender_key_memory",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("group_jid", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("device", Integer, primary_key=True),
    Column("warm", Boolean, nullable=False),
    Index(None, "session_id", "name", "device"),
    sqlite_with_rowid=False,
)
"""Who was told our present sender key of a group. `warm` is false once the device asked for it
again; such a device may still have it, and one without a row was never told."""

pre_keys = Table(
    "pre_keys",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("private", LargeBinary, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("uploaded", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""One-time pre-keys that nobody has used yet."""

signed_pre_keys = Table(
    "signed_pre_keys",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("private", LargeBinary, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
"""The current signed pre-key and the ones before it."""

lid_mappings = Table(
    "lid_mappings",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("pn", Text, primary_key=True),
    Column("lid", Text, nullable=False),
    UniqueConstraint("session_id", "lid"),
    sqlite_with_rowid=False,
)
"""Which phone number and which hidden id are one person."""

device_lists = Table(
    "device_lists",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("devices", Text, nullable=False),
    Column("raw_id", BigInteger),
    Column("timestamp", BigInteger, nullable=False),
    Column("fetched_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The devices of a person; `devices` is a JSON list of numbers."""

messages = Table(
    "messages",
    metadata,
    row_id("seq"),
    Column("session_id", Text, nullable=False),
    Column("chat", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("push_name", Text, nullable=False),
    Column("ack", Integer, nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("edited_ms", BigInteger, nullable=False, server_default="0"),
    Column("edit_id", Text, nullable=False, server_default=""),
    Column("starred", Boolean, nullable=False, server_default=false()),
    Column("refusal", Integer, nullable=False, server_default="0"),
    # Finds a message by chat and id, and by id alone.
    UniqueConstraint("session_id", "id", "chat", "author"),
    Index(None, "session_id", "chat", "timestamp", "seq"),
    sqlite_autoincrement=True,
)
"""Messages. `author` is the sender, but empty for an own message: those are told from others', and
recognised whether the own account was named by phone number or by LID."""
lid_index(messages, "author")

add_ons = Table(
    "add_ons",
    metadata,
    row_id("position"),
    Column("session_id", Text, nullable=False),
    Column("chat", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("target_author", Text, nullable=False),
    Column("target_sender", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("key_chat", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    UniqueConstraint("session_id", "chat", "target_id", "target_author", "kind", "author"),
    sqlite_autoincrement=True,
)
"""The latest reaction, vote, answer, pin of each person to each message. Authors are empty for the
own account, as in `messages`; `key_chat` and `key_id` name the message that brought it."""
lid_index(add_ons, "author")
lid_index(add_ons, "target_author")

waiting_add_ons = Table(
    "waiting_add_ons",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("message_seq", BigInteger, primary_key=True),
    Column("chat", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index(None, "session_id", "chat", "target_id", "message_seq"),
    sqlite_with_rowid=False,
)
"""Stored messages that speak of one which is not here yet."""

retries = Table(
    "retries",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("chat", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How often a message was asked for again, for each device that asked or was asked."""

chats = Table(
    "chats",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("jid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("muted_until", BigInteger, nullable=False),
    Column("expiration_s", BigInteger, nullable=False, server_default="0"),
    Column("timer_set_at", BigInteger, nullable=False, server_default="0"),
    Column("listed", Boolean, nullable=False, server_default=true()),
    Column("marked_unread", Boolean, nullable=False, server_default=false()),
    Column("settled", Boolean, nullable=False, server_default=false()),
    Column("counted", Boolean, nullable=False, server_default=false()),
    Column("read_at", BigInteger, nullable=False, server_default="0"),
    Column("history_end", Integer, nullable=False, server_default="-1"),
    sqlite_with_rowid=False,
)
"""Chats; one that is not `listed` has nothing yet but its settings. The last four columns keep the
phone's history in its bounds (`ChatMarks` in history_chats.py)."""

groups = Table(
    "groups",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("jid", Text, primary_key=True),
    Column("data", Text, nullable=False),
)
"""What is known of each group; `data` is JSON (groups.py)."""

contacts = Table(
    "contacts",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("jid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("push_name", Text, nullable=False),
    Column("verified_name", Text, nullable=False),
    Column("first_name", Text, nullable=False, server_default=""),
    Column("verified_level", Text, nullable=False, server_default=""),
    Column("former", Text, nullable=False, server_default=""),
    Column("is_business", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)
"""People's names. `former` is the address that a person had before their number changed."""

privacy_tokens = Table(
    "privacy_tokens",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("token", LargeBinary, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("given_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The tokens that people gave us, and when they were given ours."""
