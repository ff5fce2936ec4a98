"""What a test may change about the server's behaviour, and the faults it may order.

Everything has the value that real clients are used to; nothing here is part of the protocol.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..wire import Jid


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

    @property
    def revision(self) -> int:
        """The revision for a client that looks for one."""
        return max(self.client_revision, self.min_revision)


@dataclass(slots=True)
class PendingFaults:
    """Faults that wait for their moment; addressed by the device's PN JID.

    Attributes:
        next_login: failure reason with which the next login of a device is refused.
        lost_acks: how many of the next message acks to a device are not sent.
    """

    next_login: dict[Jid, int] = field(default_factory=dict)
    lost_acks: Counter[Jid] = field(default_factory=Counter)

    def take_login(self, device: Jid) -> int | None:
        """The failure reason for this login, if one was ordered."""
        return self.next_login.pop(device, None)

    def take_ack(self, device: Jid) -> bool:
        """Whether this ack is to be lost."""
        if not self.lost_acks[device]:
            return False
        self.lost_acks[device] -= 1
        return True
