"""Files of the app state on the media host: snapshots, and the mutations of large patches.

The server makes snapshots and reads what patches keep in files; a reference brings its key along.

Source: docs/protocol/app-state.md, "External files".
"""

from __future__ import annotations

import asyncio
import os

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import RandomBytes, aes_cbc_decrypt, equal, hmac_sha256, sha256
from ..errors import CryptoError, DecodeError, MediaError
from ..proto import pb
from .link import MediaLink
from .phone_media import FileKind, file_keys, seal_file

FOLDER = "md-app-state"

_KIND = FileKind("", "WhatsApp App State Keys", FOLDER)
_KEY = 32
_MAC = 10


class StateFiles:
    """Stores and fetches such files.

    Args:
        media: the way to the media host.
        random_bytes: for keys.
    """

    def __init__(self, media: MediaLink, random_bytes: RandomBytes = os.urandom) -> None:
        self._media = media
        self._random_bytes = random_bytes

    async def put(self, data: bytes) -> pb.ExternalBlobReference:
        """Encrypt and store a file; what names it.

        Raises:
            MediaError: the media host has no room.
        """
        key = self._random_bytes(_KEY)
        sealed = await asyncio.to_thread(seal_file, data, key, _KIND)
        place = await self._media.upload(FOLDER, sealed)
        return pb.ExternalBlobReference(
            mediaKey=key,
            directPath=place.direct_path,
            handle=place.handle,
            fileSizeBytes=len(sealed),
            fileSha256=sha256(data),
            fileEncSha256=sha256(sealed),
        )

    async def get(self, reference: pb.ExternalBlobReference) -> bytes:
        """Fetch a file, check and decrypt it.

        Raises:
            NotFound: it is not there.
            MediaError: it is not what the reference says.
        """
        sealed = await self._media.download(reference.directPath)
        return await asyncio.to_thread(_open, sealed, reference)

    async def mutations(self, patch: pb.SyncdPatch) -> list[pb.SyncdMutation]:
        """The mutations of a patch, wherever they lie.

        Raises:
            NotFound, MediaError: as `get`.
            DecodeError: the file holds no mutations.
        """
        if not patch.HasField("externalMutations"):
            return list(patch.mutations)
        data = await self.get(patch.externalMutations)
        try:
            return list(pb.SyncdMutations.FromString(data).mutations)
        except ProtobufDecodeError as exc:
            raise DecodeError("the file of a patch holds no mutations") from exc


def _open(sealed: bytes, reference: pb.ExternalBlobReference) -> bytes:
    if not equal(sha256(sealed), reference.fileEncSha256):
        raise MediaError("an app-state file has another hash than its reference says")
    iv, cipher_key, mac_key = file_keys(reference.mediaKey, _KIND)
    body, mac = sealed[:-_MAC], sealed[-_MAC:]
    if not equal(hmac_sha256(mac_key, iv + body)[:_MAC], mac):
        raise MediaError("the MAC of an app-state file is wrong")
    try:
        data = aes_cbc_decrypt(cipher_key, iv, body)
    except CryptoError as exc:
        raise MediaError("an app-state file cannot be decrypted") from exc
    if not equal(sha256(data), reference.fileSha256):
        raise MediaError("an app-state file holds something else than its reference says")
    return data
