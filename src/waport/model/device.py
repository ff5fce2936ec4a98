"""The linked device itself and what is known of other people's devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..crypto import KeyPair
from ..signal import SignedPreKey
from ..wire import Jid


class LinkState(StrEnum):
    """Where a set of credentials stands."""

    NEW = "new"
    LINKED = "linked"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything that makes this installation one linked device; lost or reset, the link is gone.

    Attributes:
        noise: static key pair of the Noise handshake.
        identity: Signal identity key pair.
        registration_id: 1..16383.
        signed_pre_key: the current one.
        adv_secret: 32 bytes shared with the phone while linking.
        next_pre_key_id: the next one-time key id to give out, 1..16777215.
        state: `NEW` until pairing is verified and stored.
        pn: own address by phone number, with device; None until linked.
        lid: own hidden address, with device; None until known.
        account: ADVSignedDeviceIdentity with account key and device signature; empty until linked.
        platform: the phone's platform, as it told.
        push_name: the account's own name; empty until known.
        routing_info: edge routing bytes for the next connect; empty when there are none.
        pre_keys_uploaded: the server holds keys of ours.
        login_counter: logins since pairing.
    """

    noise: KeyPair
    identity: KeyPair
    registration_id: int
    signed_pre_key: SignedPreKey
    adv_secret: bytes = field(repr=False)
    next_pre_key_id: int = 1
    state: LinkState = LinkState.NEW
    pn: Jid | None = None
    lid: Jid | None = None
    account: bytes = b""
    platform: str = ""
    push_name: str = ""
    routing_info: bytes = b""
    pre_keys_uploaded: bool = False
    login_counter: int = 0


@dataclass(frozen=True, slots=True)
class DeviceList:
    """The devices of one user, as the server last told.

    Attributes:
        user: the bare address under which it was asked for.
        devices: device numbers that may get messages, 0 included.
        raw_id: the account's random number in its signed key index list; None when unsigned.
        timestamp: of that list, Unix seconds.
        fetched_at: when it was asked for, Unix seconds.
    """

    user: Jid
    devices: tuple[int, ...]
    raw_id: int | None
    timestamp: int
    fetched_at: int
