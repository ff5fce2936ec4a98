"""What a test may change about the server's behaviour, and the faults it may order.

Everything has the value that real clients are used to; nothing here is part of the protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..wire import Jid
from .groups import AddressingMode


@dataclass(slots=True)
class Policy:
    """Settings of the running server; change them at any time.

    Attributes:
        min_revision: client revisions below this are refused as outdated (failure 405).
        client_revision: the revision that the emulator's web page names, unless that is too old.
        slow_revision: clients below this get their first stanza a little later, since Baileys 6
            loses what arrives within a millisecond after its last handshake message.
        slow_start_s: how much later.
        ref_count: QR references per registration.
        ref_life_s: how long a registration waits for a phone; then it is closed.
        link_code_life_s: how long a pairing code waits for a phone.
        pair_answer_s: how long a companion may take to answer pair-success.
        pull: True or False sets whether the offline queue waits to be asked for; None leaves it to
            the `pull` field of the client's login.
        first_batch: stanzas of the offline queue that are sent unasked.
        batch_wait_s: after so long without a request the rest is sent anyhow.
        chatstate_ttl_s: a chatstate older than this is not delivered any more.
        low_keys: the owner is told when so few one-time keys (or fewer) are left.
        addressing_mode: of new groups that ask for none.
        max_members: people in one group.
        add_errors: with which code adding an account to a group fails, by its number.
        hidden_numbers: accounts whose phone number others do not get to see in LID groups.
        drop_untyped_media: messages of type media whose ciphertexts do not say what kind of media
            they are reach nobody, though they are acked.
        aliases: other spellings of phone numbers, to the number that they mean.
        usync_errors: with which code a whole protocol of usync fails, by its name.
        usync_user_errors: with which code a protocol fails for one account: by number, then name.
        usync_missing: numbers of accounts that the answers of usync leave out.
        snapshot_after: who asks for all of an app-state collection gets its patches if there are no
            more than these, and else a snapshot. 0: always a snapshot, as from WhatsApp; but
            Baileys looks for its file on WhatsApp's own media host.
        live_updates_s: how long a device is told of the counters of a channel.
        flat_live_updates: counters of channels come in the form that Baileys looks for.
        legacy_mex: news of channels come in the form that clients got them in once.
        require_channel_terms: who makes a channel must have agreed to the terms.
        media_hosts: the media hosts to name, `NAME:PORT`, in this order; this server when empty.
        media_ttl_s: how long clients are to keep the list of media hosts.
        media_auth_ttl_s: how long a token for uploads is good.
        media_file_limit: bytes of one file, as it is stored.
        media_store_limit: bytes of all files; the oldest go first.
    """

    min_revision: int = 0
    client_revision: int = 1_045_649_367
    slow_revision: int = 1_030_000_000
    slow_start_s: float = 0.02
    ref_count: int = 6
    ref_life_s: float = 165.0
    link_code_life_s: float = 180.0
    pair_answer_s: float = 60.0
    pull: bool | None = None
    first_batch: int = 5
    batch_wait_s: float = 1.0
    chatstate_ttl_s: float = 3.0
    low_keys: int = 4
    addressing_mode: AddressingMode = "lid"
    max_members: int = 1024
    add_errors: dict[str, int] = field(default_factory=dict)
    hidden_numbers: set[str] = field(default_factory=set)
    drop_untyped_media: bool = True
    aliases: dict[str, str] = field(default_factory=dict)
    usync_errors: dict[str, int] = field(default_factory=dict)
    usync_user_errors: dict[str, dict[str, int]] = field(default_factory=dict)
    usync_missing: set[str] = field(default_factory=set)
    snapshot_after: int = 500
    live_updates_s: int = 300
    flat_live_updates: bool = False
    legacy_mex: bool = False
    require_channel_terms: bool = False
    media_hosts: tuple[str, ...] = ()
    media_ttl_s: int = 300
    media_auth_ttl_s: int = 21_600
    media_file_limit: int = 2 * 2**30 + 2**20
    media_store_limit: int = 4 * 2**30

    @property
    def revision(self) -> int:
        """The revision for a client that looks for one."""
        return max(self.client_revision, self.min_revision)


@dataclass(slots=True)
class MediaFault:
    """Trouble with the next transfers of files.

    Attributes:
        on: the direction.
        kind: of files, as in the path of uploads; None for all.
        count: how many transfers.
        status: answer with this HTTP status and do nothing.
        delay_s: wait so long before the answer.
        corrupt: change one bit of the file; of an upload, in what is stored.
        cut: break the connection off in the middle of the file.
    """

    on: Literal["upload", "download"]
    kind: str | None = None
    count: int = 1
    status: int | None = None
    delay_s: float = 0.0
    corrupt: bool = False
    cut: bool = False


@dataclass(slots=True)
class PendingFaults:
    """Faults that wait for their moment; those of devices are addressed by the PN JID.

    Attributes:
        next_login: failure reason with which the next login of a device is refused.
        media: what is to happen to the next files, in the order in which it was asked for.
    """

    next_login: dict[Jid, int] = field(default_factory=dict)
    media: list[MediaFault] = field(default_factory=list)

    def take_login(self, device: Jid) -> int | None:
        """The failure reason for this login, if one was ordered."""
        return self.next_login.pop(device, None)

    def take_media(self, on: Literal["upload", "download"], kind: str) -> MediaFault | None:
        """What is to go wrong with this transfer."""
        for fault in self.media:
            if fault.on == on and fault.kind in (None, kind):
                fault.count -= 1
                if fault.count <= 0:
                    self.media.remove(fault)
                return fault
        return None
