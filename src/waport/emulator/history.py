"""The first messages of a phone to a new companion: app-state keys and the start of its history.

Source: docs/protocol/messages.md, "History and app state blobs"; docs/protocol/app-state.md,
"History sync" and "Sync keys".
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence

from ..proto import pb
from ..wire import Jid
from .appstate import SyncKey
from .phone_adv import AdvAccount


def key_share(
    keys: Iterable[SyncKey], account: AdvAccount, missing: Iterable[bytes] = ()
) -> pb.ProtocolMessage:
    """APP_STATE_SYNC_KEY_SHARE.

    Args:
        keys: those to share.
        account: names the devices that may have the keys.
        missing: ids that were asked for and are not known.
    """
    fingerprint = pb.AppStateSyncKeyFingerprint(
        rawId=account.raw_id,
        currentIndex=account.last_index,
        deviceIndexes=sorted({0, *account.live.values()}),
    )
    shared = [
        pb.AppStateSyncKey(
            keyId=pb.AppStateSyncKeyId(keyId=key.id),
            keyData=pb.AppStateSyncKeyData(
                keyData=key.data, fingerprint=fingerprint, timestamp=key.timestamp_ms
            ),
        )
        for key in keys
    ]
    unknown = [pb.AppStateSyncKey(keyId=pb.AppStateSyncKeyId(keyId=key_id)) for key_id in missing]
    return pb.ProtocolMessage(
        type=pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE,
        appStateSyncKeyShare=pb.AppStateSyncKeyShare(keys=[*shared, *unknown]),
    )


def initial_bootstrap(
    names: Mapping[Jid, str],
    lids: Mapping[Jid, Jid],
    conversations: Sequence[pb.Conversation] = (),
    token_salt: bytes = b"",
) -> pb.ProtocolMessage:
    """HISTORY_SYNC_NOTIFICATION of type INITIAL_BOOTSTRAP, with the data inside.

    Args:
        names: push names that the phone knows.
        lids: PN to LID, both bare.
        conversations: the chats; usually none.
        token_salt: the secret behind salted tokens; empty when there is none.
    """
    history = pb.HistorySync(
        syncType=pb.HistorySync.INITIAL_BOOTSTRAP,
        chunkOrder=1,
        progress=100,
        conversations=conversations,
        pushnames=[pb.Pushname(id=str(jid), pushname=name) for jid, name in names.items()],
        phoneNumberToLidMappings=[
            pb.PhoneNumberToLIDMapping(pnJid=str(pn), lidJid=str(lid)) for pn, lid in lids.items()
        ],
    )
    if token_salt:
        history.nctSalt = token_salt
    deflated = zlib.compress(history.SerializeToString())
    return pb.ProtocolMessage(
        type=pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION,
        historySyncNotification=pb.HistorySyncNotification(
            syncType=pb.INITIAL_BOOTSTRAP,
            chunkOrder=1,
            progress=100,
            fileSha256=hashlib.sha256(deflated).digest(),
            fileLength=len(deflated),
            initialHistBootstrapInlinePayload=deflated,
        ),
    )
