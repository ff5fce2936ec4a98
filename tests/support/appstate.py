"""App state without a server: a replica that applies patches, and values to put into them."""

from __future__ import annotations

from dataclasses import dataclass, field

from waport.appstate import (
    AppliedPatch,
    Changes,
    Collection,
    CollectionState,
    KeyRing,
    Mutation,
    Operation,
    Patch,
    Upload,
    apply_patch,
    build_patch,
    parse_patch,
)
from waport.appstate.actions import (
    Action,
    MessageRange,
    MessageRef,
    PinChat,
    RangeMessage,
    write_action,
)
from waport.proto import pb
from waport.wire import Jid

LOW = Collection.REGULAR_LOW
KEY_ID = bytes.fromhex("000000000001")
OTHER_ID = bytes.fromhex("000100000002")
KEYS = {KEY_ID: bytes((7,)) * 32, OTHER_ID: bytes(range(32))}
RING = KeyRing(KEYS)
CHAT = Jid("15551234567", "s.whatsapp.net")
GROUP = Jid("120363859401216516", "g.us")
AUTHOR = Jid("15550002222", "s.whatsapp.net")
NOW_MS = 1_700_000_000_000

Sample = tuple[Action, Collection, int, list[str], dict[str, object]]
"""An action, its collection and version, the texts of its index, its value as JSON."""


def chat(number: int) -> Jid:
    """One of many chats."""
    return Jid(str(15_550_000_000 + number), "s.whatsapp.net")


def mutation(action: Action, *, at: int = NOW_MS, operation: Operation = Operation.SET) -> Mutation:
    """What does it."""
    return write_action(action, timestamp_ms=at, operation=operation).mutation


def pin(jid: Jid = CHAT, pinned: bool = True, *, at: int = NOW_MS) -> Mutation:
    """The mutation that pins a chat."""
    return mutation(PinChat(jid, pinned), at=at)


def removal(jid: Jid = CHAT, *, at: int = NOW_MS) -> Mutation:
    """The mutation that removes the record of a pin."""
    return mutation(PinChat(jid), at=at, operation=Operation.REMOVE)


def message(id: str, at: int | None = 100, *, jid: Jid = CHAT) -> RangeMessage:
    """A message of our own in a range."""
    return RangeMessage(MessageRef(jid, id, True), at)


def up_to(last: int, *ids: str) -> MessageRange:
    """A range that ends with these messages."""
    return MessageRange(last, 0, tuple(message(id, last) for id in ids))


def served(upload: Upload) -> bytes:
    """A patch as the server gives it out: with its version."""
    patch = pb.SyncdPatch.FromString(upload.patch())
    patch.version.version = upload.state.version
    return patch.SerializeToString()


@dataclass
class Replica:
    """A collection as one device keeps it."""

    collection: Collection = LOW
    state: CollectionState = field(default_factory=CollectionState)
    value_macs: dict[bytes, bytes] = field(default_factory=dict)

    def build(self, *mutations: Mutation, key_id: bytes = KEY_ID) -> Upload:
        """A patch on top of what is there; nothing changes yet."""
        return build_patch(
            self.collection, self.state, mutations, RING, key_id, self.value_macs.get
        )

    def apply(self, patch: Patch | bytes, keys: KeyRing = RING) -> AppliedPatch:
        """Take a patch in."""
        if isinstance(patch, bytes):
            patch = parse_patch(patch)
        applied = apply_patch(self.collection, self.state, patch, keys, self.value_macs.get)
        self.keep(applied.state, applied.changes)
        return applied

    def write(self, *mutations: Mutation, key_id: bytes = KEY_ID) -> bytes:
        """Build a patch, have the server take it, and give it as others get it."""
        upload = self.build(*mutations, key_id=key_id)
        self.keep(upload.state, upload.changes)
        return served(upload)

    def keep(self, state: CollectionState, changes: Changes) -> None:
        """Store what a patch leads to."""
        self.state = state
        for index, value_mac in changes.items():
            if value_mac is None:
                self.value_macs.pop(index, None)
            else:
                self.value_macs[index] = value_mac
