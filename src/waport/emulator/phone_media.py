"""The phone's files: encrypts what it sends, checks and decrypts what it got, uploads again.

The emulator's own code, on purpose: if it shared the client's, a mistake in one would be hidden by
the same mistake in the other.

Source: docs/protocol/messages.md, "Media keys", "Media encryption" and "Media retry".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import (
    RandomBytes,
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    aes_gcm_decrypt,
    aes_gcm_encrypt,
    equal,
    hkdf,
    hmac_sha256,
    sha256,
)
from ..errors import CryptoError, InvalidInput, MediaError, NotFound, StanzaError
from ..proto import pb
from ..wire import AttrValue, Node
from .link import MediaLink, MediaPlace
from .phone_content import unwrap

_KEY = 32
_MAC = 10
_GCM_IV = 12
_GONE, _UNREADABLE = 2, 3  # codes of <error> in a mediaretry notification


@dataclass(frozen=True, slots=True)
class FileKind:
    """How files of one kind are sent.

    Attributes:
        field: of `Message`.
        info: selects the keys.
        folder: of the media host.
    """

    field: str
    info: str
    folder: str


KINDS: Mapping[str, FileKind] = {
    "image": FileKind("imageMessage", "WhatsApp Image Keys", "image"),
    "sticker": FileKind("stickerMessage", "WhatsApp Image Keys", "image"),
    "video": FileKind("videoMessage", "WhatsApp Video Keys", "video"),
    "gif": FileKind("videoMessage", "WhatsApp Video Keys", "video"),
    "ptv": FileKind("ptvMessage", "WhatsApp Video Keys", "video"),
    "audio": FileKind("audioMessage", "WhatsApp Audio Keys", "audio"),
    "ptt": FileKind("audioMessage", "WhatsApp Audio Keys", "audio"),
    "document": FileKind("documentMessage", "WhatsApp Document Keys", "document"),
}
"""By the name that the admin API uses."""

_BY_FIELD = {kind.field: kind for kind in KINDS.values()}

FilePart = (
    pb.ImageMessage | pb.VideoMessage | pb.AudioMessage | pb.DocumentMessage | pb.StickerMessage
)
"""What a message says of its file."""


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file that somebody wants the phone to send.

    Attributes:
        data: its bytes.
        mimetype: what it is.
        caption: the text below it.
        name: of a document.
        kind: one of `KINDS`; found by the mimetype when None.
    """

    data: bytes
    mimetype: str
    caption: str | None = None
    name: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file as the phone shows it: checked and decrypted."""

    data: bytes
    mimetype: str


class PhoneMedia:
    """Sends and fetches files for one phone.

    Args:
        link: the way to the media host.
        clock: unix seconds.
        random_bytes: for keys and IVs.
    """

    def __init__(
        self, link: MediaLink, clock: Callable[[], float], random_bytes: RandomBytes = os.urandom
    ) -> None:
        self._link = link
        self._clock = clock
        self._random_bytes = random_bytes

    async def upload(self, file: OutgoingFile) -> pb.Message:
        """Encrypt and upload a file.

        Returns:
            the message that sends it.
        Raises:
            InvalidInput: there is no such kind, or its messages have no caption.
            MediaError: the media host has no room.
        """
        name = file.kind or _kind_of(file.mimetype)
        kind = KINDS.get(name)
        if kind is None:
            raise InvalidInput(f"there is no kind of file named {name}")
        key = self._random_bytes(_KEY)
        sealed = await asyncio.to_thread(seal_file, file.data, key, kind)
        place = await self._link.upload(kind.folder, sealed)
        message, part = _describe(file, name, kind, place)
        part.mediaKey, part.mediaKeyTimestamp = key, int(self._clock())
        part.fileEncSha256 = sha256(sealed)
        if isinstance(part, pb.DocumentMessage) and file.caption is not None:
            # Phones put only documents with a caption into this envelope.
            wrapped = pb.Message()
            wrapped.documentWithCaptionMessage.message.CopyFrom(message)
            return wrapped
        return message

    async def upload_plain(self, file: OutgoingFile) -> tuple[pb.Message, str]:
        """Upload a file for a channel, where nothing is encrypted; see `upload`.

        Returns:
            the message that posts it, and the handle that goes with the stanza.
        """
        name = file.kind or _kind_of(file.mimetype)
        kind = KINDS.get(name)
        if kind is None:
            raise InvalidInput(f"there is no kind of file named {name}")
        place = await self._link.upload(f"newsletter-{kind.folder}", file.data)
        message, _ = _describe(file, name, kind, place)
        return message, place.handle

    async def fetch(self, message: pb.Message) -> IncomingFile:
        """Download and check the file of a message, and decrypt it unless it is one of a channel.

        Raises:
            NotFound: it has none, or the media host does not have it.
            MediaError: a check failed.
        """
        found = file_part(message) or plain_part(message)
        if found is None:
            raise NotFound(404, "the message has no file")
        kind, part = found
        sealed = await self._link.download(part.directPath)
        opener = open_file if part.mediaKey else open_plain
        data = await asyncio.to_thread(opener, sealed, part, kind)
        return IncomingFile(data, part.mimetype)

    def answer_retry(self, receipt: Node, message: pb.Message | None) -> Node:
        """Upload the file of a message again for a companion that cannot download it.

        Args:
            receipt: of type `server-error`, as the companion sent it.
            message: the one that it names; None when the phone does not have it.

        Returns:
            the notification that says where the file is now, or why it is nowhere.
        Raises:
            StanzaError: the receipt lacks its id or sender.
        """
        name = receipt.attr("id")
        attrs: dict[str, AttrValue] = {
            "to": receipt.jid("from"),
            "id": name,
            "type": "mediaretry",
        }
        subject = [node for node in receipt.children("rmr")[:1] if not node.children()]
        return Node("notification", attrs, [*subject, self._outcome(name, receipt, message)])

    def _outcome(self, name: str, receipt: Node, message: pb.Message | None) -> Node:
        found = None if message is None else file_part(message)
        if found is None:
            return _error(_GONE)
        kind, part = found
        key = retry_key(part.mediaKey)
        try:
            sealed = receipt.child("encrypt")
            request = _open_request(key, name, sealed)
        except (CryptoError, StanzaError, ProtobufDecodeError):
            return _error(_UNREADABLE)
        if request.stanzaId != name:
            return _error(_UNREADABLE)
        place = self._link.upload_again(kind.folder, part.fileEncSha256)
        if place is None:
            return _error(_GONE)
        answer = pb.MediaRetryNotification(
            stanzaId=name,
            directPath=place.direct_path,
            result=pb.MediaRetryNotification.SUCCESS,
        ).SerializeToString()
        iv = self._random_bytes(_GCM_IV)
        body = aes_gcm_encrypt(key, iv, answer, name.encode())
        return Node("encrypt", {}, [Node("enc_p", {}, body), Node("enc_iv", {}, iv)])


def file_part(message: pb.Message) -> tuple[FileKind, FilePart] | None:
    """The file of a message, also in an envelope; None when it has none that can be decrypted."""
    inner = unwrap(message)
    for field, kind in _BY_FIELD.items():
        if inner.HasField(field):
            part: FilePart = getattr(inner, field)
            return (kind, part) if len(part.mediaKey) == _KEY else None
    return None


def plain_part(message: pb.Message) -> tuple[FileKind, FilePart] | None:
    """The file of a message that is not encrypted; None when there is none."""
    inner = unwrap(message)
    for field, kind in _BY_FIELD.items():
        if inner.HasField(field):
            part: FilePart = getattr(inner, field)
            return None if part.mediaKey else (kind, part)
    return None


def _describe(
    file: OutgoingFile, name: str, kind: FileKind, place: MediaPlace
) -> tuple[pb.Message, FilePart]:
    """The message that sends a file, and the part of it that is about the file.

    Raises:
        InvalidInput: messages of this kind have no caption.
    """
    message = pb.Message()
    part: FilePart = getattr(message, kind.field)
    part.url, part.directPath = place.url, place.direct_path
    part.fileSha256, part.fileLength = sha256(file.data), len(file.data)
    part.mimetype = file.mimetype
    if isinstance(part, pb.AudioMessage):
        part.ptt = name == "ptt"
    if isinstance(part, pb.VideoMessage) and name == "gif":
        part.gifPlayback = True
    if isinstance(part, pb.DocumentMessage):
        part.fileName = part.title = file.name or "file"
    if file.caption is not None:
        if isinstance(part, (pb.AudioMessage, pb.StickerMessage)):
            raise InvalidInput(f"there is no caption below a file of kind {name}")
        part.caption = file.caption
    return message, part


def seal_file(data: bytes, key: bytes, kind: FileKind) -> bytes:
    """A file as it is uploaded: ciphertext, and ten bytes of MAC."""
    iv, cipher_key, mac_key = file_keys(key, kind)
    body = aes_cbc_encrypt(cipher_key, iv, data)
    return body + hmac_sha256(mac_key, iv + body)[:_MAC]


def open_file(sealed: bytes, part: FilePart, kind: FileKind) -> bytes:
    """The file in clear.

    Raises:
        MediaError: it is not what the message says.
    """
    if not equal(sha256(sealed), part.fileEncSha256):
        raise MediaError("the encrypted file has another hash than the message says")
    iv, cipher_key, mac_key = file_keys(part.mediaKey, kind)
    body, mac = sealed[:-_MAC], sealed[-_MAC:]
    if not equal(hmac_sha256(mac_key, iv + body)[:_MAC], mac):
        raise MediaError("the MAC of the file is wrong")
    try:
        data = aes_cbc_decrypt(cipher_key, iv, body)
    except CryptoError as exc:
        raise MediaError("the file cannot be decrypted") from exc
    if not equal(sha256(data), part.fileSha256):
        raise MediaError("the file has another hash than the message says")
    if len(data) != part.fileLength:
        raise MediaError("the file has another length than the message says")
    return data


def open_plain(data: bytes, part: FilePart, kind: FileKind) -> bytes:
    """A file that was not encrypted.

    Raises:
        MediaError: it is not what the message says.
    """
    if not equal(sha256(data), part.fileSha256) or len(data) != part.fileLength:
        raise MediaError("the file is not what the message says")
    return data


def retry_key(media_key: bytes) -> bytes:
    """The key of what a companion and its phone say about one file, 32 bytes."""
    return hkdf(media_key, b"", b"WhatsApp Media Retry Notification", 32)


def file_keys(key: bytes, kind: FileKind) -> tuple[bytes, bytes, bytes]:
    """The IV (16 bytes), cipher key and MAC key (32 each) of a file."""
    block = hkdf(key, b"", kind.info.encode(), 112)
    return block[:16], block[16:48], block[48:80]


def _kind_of(mimetype: str) -> str:
    if mimetype.startswith("image/webp"):
        return "sticker"
    if mimetype.startswith("audio/ogg") and "opus" in mimetype:
        return "ptt"
    kind = mimetype.partition("/")[0]
    return kind if kind in ("image", "video", "audio") else "document"


def _open_request(key: bytes, name: str, sealed: Node) -> pb.ServerErrorReceipt:
    iv = sealed.child("enc_iv").data
    if len(iv) != _GCM_IV:
        raise CryptoError("the IV of a media retry has 12 bytes")
    plain = aes_gcm_decrypt(key, iv, sealed.child("enc_p").data, name.encode())
    return pb.ServerErrorReceipt.FromString(plain)


def _error(code: int) -> Node:
    return Node("error", {"code": str(code)})
