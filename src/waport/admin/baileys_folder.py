"""A whole folder of Baileys' multi-file auth state.

Names of files: `creds.json`, and `<kind>-<id>.json` with `/` written as `__` and `:` as `-`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..appstate import SyncKey
from ..errors import CryptoError, InvalidInput
from ..model import Credentials, LinkState
from ..proto import pb
from ..signal import PreKey, SignedPreKey
from ..wire import Jid
from .baileys_records import read_sender_key, read_session
from .baileys_values import Json, data, fields, key, key_pair, number, read_json, text

MAX_FILES: Final = 500_000

_SESSION = re.compile(r"session-([0-9]{1,20}(?:_[0-9]{1,3})?\.[0-9]{1,5})\.json")
_SENDER_KEY = re.compile(
    r"sender-key-([0-9-]{1,40}@g\.us|status@broadcast)--([0-9]{1,20}(?:_[0-9]{1,3})?)--([0-9]{1,5})"
    r"\.json"
)
_PRE_KEY = re.compile(r"pre-key-([0-9]{1,8})\.json")
_SYNC_KEY = re.compile(r"app-state-sync-key-([A-Za-z0-9+=_]{1,64})\.json")
_MAPPING = re.compile(r"lid-mapping-([0-9]{1,20})\.json")
_ADDRESS_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass
class AuthFolder:
    """What was found.

    Attributes:
        credentials: of the linked device.
        pre_keys: one-time keys; those below `uploaded_below` are known to the server.
        sessions: records in our stored form, by address.
        identities: public keys of remote devices, by address.
        sender_keys: records in our stored form, by group and address.
        sync_keys: of the app state.
        mappings: phone numbers and hidden ids of one person each.
        unreadable: names of files that could not be read, and are left out.
    """

    credentials: Credentials
    uploaded_below: int
    pre_keys: list[PreKey] = field(default_factory=list)
    sessions: dict[str, bytes] = field(default_factory=dict)
    identities: dict[str, bytes] = field(default_factory=dict)
    sender_keys: dict[tuple[Jid, str], bytes] = field(default_factory=dict)
    sync_keys: list[SyncKey] = field(default_factory=list)
    mappings: list[tuple[Jid, Jid]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def read_auth_folder(folder: Path) -> AuthFolder:
    """Read a folder. What is damaged besides the credentials is left out: WhatsApp repairs it.

    Raises:
        InvalidInput: the credentials are missing, can't be read, or belong to no linked device.
    """
    file = folder / "creds.json"
    if not file.is_file():
        raise InvalidInput(f"{folder} has no creds.json")
    creds = fields(read_json(file))
    try:
        credentials = _credentials(creds)
    except (InvalidInput, CryptoError) as exc:
        raise InvalidInput(f"creds.json: {exc}") from exc
    uploaded_below = creds.get("firstUnuploadedPreKeyId")
    found = AuthFolder(credentials, uploaded_below if isinstance(uploaded_below, int) else 0)
    for path in _files(folder):
        try:
            _take(found, path)
        except (InvalidInput, CryptoError):
            found.unreadable.append(path.name)
    return found


def _files(folder: Path) -> Iterator[Path]:
    paths = sorted(folder.glob("*.json"))
    if len(paths) > MAX_FILES:
        raise InvalidInput(f"{folder} has more than {MAX_FILES} files")
    return (path for path in paths if path.is_file())


def _credentials(creds: Json) -> Credentials:
    me = fields(creds.get("me"))
    pn = Jid.parse(text(me.get("id")))
    lid = text(me.get("lid"))
    account = fields(creds.get("account"))
    identity = key_pair(creds.get("signedIdentityKey"))
    signed = fields(creds.get("signedPreKey"))
    parts = {
        ours: data(account.get(theirs))
        for ours, theirs in (
            ("details", "details"),
            ("accountSignatureKey", "accountSignatureKey"),
            ("accountSignature", "accountSignature"),
            ("deviceSignature", "deviceSignature"),
        )
    }
    if pn.server != "s.whatsapp.net" or not pn.device:
        raise InvalidInput("no linked device")
    routing = creds.get("routingInfo")
    return Credentials(
        noise=key_pair(creds.get("noiseKey")),
        identity=identity,
        registration_id=number(creds.get("registrationId"), 2**31),
        signed_pre_key=SignedPreKey(
            number(signed.get("keyId"), 2**24 - 1),
            key_pair(signed.get("keyPair")),
            data(signed.get("signature")),
        ),
        adv_secret=data(creds.get("advSecretKey")),
        next_pre_key_id=max(1, number(creds.get("nextPreKeyId"), 2**24 - 1)),
        state=LinkState.LINKED,
        pn=pn,
        lid=Jid.parse(lid) if lid else None,
        account=pb.ADVSignedDeviceIdentity(**parts).SerializeToString(),
        platform=text(creds.get("platform")),
        push_name=text(me.get("name")),
        routing_info=data(routing) if routing else b"",
        pre_keys_uploaded=True,
        login_counter=1,  # it has been logged in before
    )


def _take(found: AuthFolder, path: Path) -> None:
    name = path.name
    if match := _SESSION.fullmatch(name):
        credentials = found.credentials
        record = read_session(
            read_json(path), credentials.identity.public, credentials.registration_id
        )
        found.sessions[match[1]] = record.dump()
        found.identities[match[1]] = record.remote_identity
    elif match := _SENDER_KEY.fullmatch(name):
        place = Jid.parse(match[1]), f"{match[2]}.{match[3]}"
        found.sender_keys[place] = read_sender_key(read_json(path)).dump()
    elif match := _PRE_KEY.fullmatch(name):
        found.pre_keys.append(PreKey(int(match[1]), key_pair(read_json(path))))
    elif match := _SYNC_KEY.fullmatch(name):
        found.sync_keys.append(_sync_key(match[1], fields(read_json(path))))
    elif match := _MAPPING.fullmatch(name):
        lid = text(read_json(path))
        if _ADDRESS_NUMBER.fullmatch(lid) is None:
            raise InvalidInput("no hidden id")
        found.mappings.append((Jid(match[1], "s.whatsapp.net"), Jid(lid, "lid")))


def _sync_key(name: str, value: Json) -> SyncKey:
    try:
        key_id = base64.b64decode(name.replace("__", "/"), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidInput("a sync key without its id") from exc
    made = value.get("timestamp")
    made = int(made) if isinstance(made, int | str) and str(made).isdigit() else 0
    return SyncKey(key_id, key(value.get("keyData")), min(made, 2**62))
