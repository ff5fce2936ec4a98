"""What one device has not acknowledged yet, in the order in which it happened.

Source: docs/protocol/messages.md, "Offline queue" and "Acks of received stanzas".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..wire import Jid, Node

MAX_LETTERS = 50_000
"""Stanzas that wait for one device; a device that never comes back must not fill the memory."""

_CALL_ANSWERS = ("offer", "accept", "reject", "enc_rekey")
"""What a receipt has inside that answers a `<call>`."""

_REFUSALS = frozenset({"retry", "enc_rekey_retry", "server-error"})
"""Receipts that ask for something and do not say that the message has arrived."""

SameUser = Callable[[Jid, Jid], bool]
"""Whether two addresses mean the same account (PN and LID) or the same chat."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One stanza on its way to one device.

    Attributes:
        seq: its place in the order, from 1.
        node: the stanza as the device gets it live; never changed after posting.
        own_copy: a 1:1 message that another device of the same account sent. A plain ack does not
            settle it, only a receipt does.
    """

    seq: int
    node: Node
    own_copy: bool = False


class Mailbox:
    """The unacknowledged stanzas of one device.

    Attributes:
        last_seq: the number of the newest letter ever posted.
    """

    def __init__(self) -> None:
        self.last_seq = 0
        self._letters: dict[int, Letter] = {}
        self._by_id: dict[tuple[str, str], list[Letter]] = {}

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[Letter]:
        return iter(list(self._letters.values()))

    def __contains__(self, seq: object) -> bool:
        return seq in self._letters

    def post(self, node: Node, *, own_copy: bool = False) -> Letter:
        """Put a stanza behind all others; the oldest gives way when there are too many."""
        self.last_seq += 1
        letter = Letter(self.last_seq, node, own_copy)
        self._letters[letter.seq] = letter
        self._by_id.setdefault(_name(node), []).append(letter)
        if len(self._letters) > MAX_LETTERS:
            self._remove(next(iter(self._letters.values())))
        return letter

    def drop(self, wanted: Callable[[Node], bool]) -> None:
        """Take out stanzas that a newer one makes pointless."""
        for letter in self:
            if wanted(letter.node):
                self._remove(letter)

    def settle_by_ack(self, ack: Node, same_user: SameUser) -> bool:
        """Take out the oldest stanza that an `<ack>` of the device speaks of.

        Returns:
            whether there was one.
        """
        tag = ack.get("class", "")
        found = self._by_id.get((tag, ack.get("id", "")), [])
        if tag == "receipt":
            # One message id has several receipts on their way: delivered, then read.
            found = [x for x in found if x.node.get("type") == ack.get("type")] or found
        found = [x for x in found if not x.own_copy]
        letter = _nearest(found, ack, same_user)
        if letter is None:
            return False
        self._remove(letter)
        return True

    def settle_by_receipt(self, receipt: Node, same_user: SameUser) -> int:
        """Take out the messages and calls that a `<receipt>` of the device says have arrived.

        Returns:
            how many there were.
        """
        if receipt.get("type") in _REFUSALS:
            return 0
        kind = "call" if answers_call(receipt) else "message"
        settled = 0
        for wanted in {item.get("id", "") for item in [receipt, *_listed(receipt)]}:
            found = list(self._by_id.get((kind, wanted), ()))
            nearest = _nearest(found, receipt, same_user)
            if nearest is None:
                continue
            # A message and its repetition after a retry carry the same id from the same device.
            for letter in found:
                if _source(letter.node) == _source(nearest.node):
                    self._remove(letter)
                    settled += 1
        return settled

    def _remove(self, letter: Letter) -> None:
        del self._letters[letter.seq]
        name = _name(letter.node)
        self._by_id[name].remove(letter)
        if not self._by_id[name]:
            del self._by_id[name]


def answers_call(receipt: Node) -> bool:
    """Whether a receipt says that a device has heard of a call."""
    return any(child.tag in _CALL_ANSWERS for child in receipt.children())


def _name(node: Node) -> tuple[str, str]:
    return node.tag, node.get("id", "")


def _listed(receipt: Node) -> list[Node]:
    listed = receipt.find("list")
    return listed.children("item") if listed else []


def _nearest(found: list[Letter], answer: Node, same_user: SameUser) -> Letter | None:
    """The oldest letter from whom the answer is addressed to; else the oldest of that id."""
    peers = [jid for name in ("to", "participant") if (jid := answer.get_jid(name)) is not None]
    near = []
    for letter in found:
        source = letter.node.get_jid("from")
        if source is not None and any(same_user(source, peer) for peer in peers):
            near.append(letter)
    for letter in near:
        # Two members of a group may have chosen the same id.
        author = letter.node.get_jid("participant")
        if author is None or any(same_user(author, peer) for peer in peers):
            return letter
    return near[0] if near else found[0] if found else None


def _source(node: Node) -> tuple[str | None, str | None]:
    return node.get("from"), node.get("participant")
