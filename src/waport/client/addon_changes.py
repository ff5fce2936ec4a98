"""What changes a message itself: edits and revokes.

Source: docs/protocol/messages.md, "Message keys" and "What changes a message".
"""

from __future__ import annotations

import logging

from ..errors import DecodeError
from ..model import (
    Ack,
    Message,
    MessageEdited,
    MessageKey,
    MessageKind,
    MessageRevoked,
)
from ..model.authority import edit_in_time, may_edit, may_revoke
from ..model.contents import (
    Content,
    Edit,
    EncryptedEdit,
    Event,
    Placeholder,
    Protocol,
    Revoke,
    SecretEdit,
    Unknown,
)
from ..proto import pb
from ..stanza.addons import SECRET_SIZE, open_message
from ..stanza.content import unwrap
from ..stanza.contents import DecodedMessage, read_message, write_message
from ..stanza.contents.keys import target_of
from .addon_scene import Scene, is_add_on

log = logging.getLogger(__name__)

_CAPTIONED = frozenset(("url", "directPath", "mediaKey", "caption", "contextInfo"))
_APPLIED = frozenset((SecretEdit.EVENT_EDIT, SecretEdit.MESSAGE_EDIT))


# --- edits ---------------------------------------------------------------------------------------


def edit(scene: Scene, content: Edit) -> None:
    """Give the named message another content.

    Raises:
        DecodeError: the edit makes no sense, or its author may not.
    """
    target = scene.target(content.target)
    _check_editor(scene, target)
    message = scene.find_readable(target)
    if message is not None:
        _check_in_time(scene, message)
        _replace(scene, message, _new_content(content), content.timestamp_ms)


def encrypted_edit(scene: Scene, content: EncryptedEdit) -> None:
    """Open an edit that is encrypted under its target's secret; texts and events are changed by it.

    Raises:
        DecodeError: the edit makes no sense, or its author may not.
        CryptoError: it can't be decrypted.
    """
    if content.kind not in _APPLIED:
        log.info("an edit of kind %s has no effect", content.kind.name)
        return
    target = scene.target(content.target)
    _check_editor(scene, target)
    found = scene.secret_of(target)
    if found is None:
        return
    opened = open_message(content, found.original, scene.senders)
    inner = read_message(opened).content
    timestamp_ms = 0
    if isinstance(inner, Edit):
        # Some wrap the new content once more in the form of a plain edit.
        if inner.target.id and scene.target(inner.target) != target:
            raise DecodeError("the edit names another message inside")
        opened, timestamp_ms = _new_content(inner), inner.timestamp_ms
    if content.kind is SecretEdit.EVENT_EDIT:
        contents = (found.decoded.content, read_message(opened).content)
        if not all(isinstance(each, Event) for each in contents):
            raise DecodeError("the edit of an event is about something else")
    else:
        _check_in_time(scene, found.message)
    _replace(scene, found.message, opened, timestamp_ms)


def _check_editor(scene: Scene, target: MessageKey) -> None:
    if not may_edit(target.sender, scene.sender):
        raise DecodeError("only its author may edit a message")


def _check_in_time(scene: Scene, message: Message) -> None:
    if scene.chat.is_newsletter:
        return  # the server decides how long a post can be edited
    if not edit_in_time(message.timestamp, scene.arrival.timestamp):
        raise DecodeError("the edit comes too late")


def _new_content(content: Edit) -> pb.Message:
    """The new content of an edit as it came, with its wrappers."""
    return write_message(DecodedMessage(content)).protocolMessage.editedMessage


def _replace(scene: Scene, message: Message, new: pb.Message, claimed_ms: int) -> None:
    merged = merge_edit(message.proto(), new)
    edited = scene.work.store.messages.edit(
        message.key, merged.SerializeToString(), scene.sent_ms(claimed_ms), scene.key.id
    )
    if edited is None:
        log.info("an edit is older than the one before it")
        return
    scene.work.emit(MessageEdited(edited, message))


def merge_edit(original: pb.Message, new: pb.Message) -> pb.Message:
    """The content of an edited message.

    The secret stays that of the original: what is added later is encrypted under it. A file that
    is only named in the edit, to change its caption, stays as well.

    Raises:
        DecodeError: the new content is none.
    """
    merged = pb.Message()
    merged.CopyFrom(new)
    _check_new(read_message(merged).content)
    before, inner = unwrap(original), unwrap(merged)
    for described, part in inner.ListFields():
        if _has_caption(part) and before.HasField(described.name) and not _has_file(part):
            _keep_file(part, getattr(before, described.name))
    secret = read_message(original).info.secret
    if len(secret) == SECRET_SIZE:
        inner.messageContextInfo.messageSecret = secret
    return merged


def _check_new(content: Content) -> None:
    # A content of a kind that is not known here is one.
    if content == Unknown() or isinstance(content, Protocol | Placeholder) or is_add_on(content):
        raise DecodeError("the edit brings no content")


def _has_caption(part: object) -> bool:
    """Whether it is a file with a text below it, of whatever kind."""
    descriptor = getattr(part, "DESCRIPTOR", None)
    return descriptor is not None and _CAPTIONED.issubset(descriptor.fields_by_name)


def _has_file(part: pb.ImageMessage) -> bool:
    return bool(part.mediaKey or part.directPath or part.url)


def _keep_file(part: pb.ImageMessage, before: pb.ImageMessage) -> None:
    changes = type(part)()
    changes.CopyFrom(part)
    part.CopyFrom(before)
    part.ClearField("caption")
    part.ClearField("contextInfo")
    part.MergeFrom(changes)


# --- revokes -------------------------------------------------------------------------------------


def revoke(scene: Scene, content: Revoke) -> None:
    """Take the named message back. One that did not come yet is known as revoked from now on.

    Raises:
        DecodeError: it names no message, or its author may not.
    """
    target = scene.target(content.target)
    rights = scene.rights()
    # An admin's rights end with the group: from there one can name status posts, too.
    is_admin = rights.is_admin and target.chat == scene.chat
    if not may_revoke(target.sender, scene.sender, in_group=rights.in_group, is_admin=is_admin):
        raise DecodeError("only its author or an admin may take a message back")
    message = scene.find(target)
    tombstone = _tombstone(target)
    if message is None:
        left = scene.work.store.messages.add(
            Message(target, scene.arrival.timestamp, tombstone, MessageKind.REVOKED, ack=Ack.SERVER)
        )
    else:
        left = scene.work.store.messages.revoke(target, tombstone)
    if left is None:
        log.info("there is nothing left to take back")
        return
    # What is waiting for a retry never came.
    is_read = message is not None and message.kind is not MessageKind.CIPHERTEXT
    scene.work.emit(MessageRevoked(left, message if is_read else None, scene.sender))
    scene.work.store.add_ons.drop(target)


def _tombstone(key: MessageKey) -> bytes:
    """What is left of a message: the revoking content, in our view of the keys."""
    return write_message(DecodedMessage(Revoke(target_of(key)))).SerializeToString()
