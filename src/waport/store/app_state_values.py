"""What is kept of the app state, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..appstate import CollectionState, Mutation


@dataclass(frozen=True, slots=True)
class RecoveryRequest:
    """The phone is to give its own copy of a collection.

    Attributes:
        message_id: of the request, which the answer names; empty until it is sent.
        asked_at: when it was sent, Unix seconds; 0 until then.
    """

    message_id: str = ""
    asked_at: int = 0


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection as this device knows it.

    Attributes:
        state: its version and hash.
        generation: of the records that belong to it.
        is_synced: all of it was fetched once; until then nothing is written to it.
        news: how often it was said since the last fetch that there is something new.
        is_broken: only a snapshot makes it right again.
        is_diverged: others count its records in another way than we do: until a snapshot has come
            their hash of them says nothing.
        failures: how often in a row it could not be brought up to date from what the server has.
        recovery: what is asked of the phone because of that; None for nothing.
    """

    state: CollectionState = field(default_factory=CollectionState)
    generation: int = 0
    is_synced: bool = False
    news: int = 0
    is_broken: bool = False
    is_diverged: bool = False
    failures: int = 0
    recovery: RecoveryRequest | None = None


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change of our own that the server has not taken yet.

    Attributes:
        position: names this very change; one that replaces it has another.
    """

    position: int
    mutation: Mutation


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record that no other table has a place for.

    Attributes:
        name: of its action; empty when it has none.
        mutation: as it came; its operation is SET.
        target: the id of the message that it waits for, or the chat that it is still at work on;
            empty for all others.
    """

    name: str
    mutation: Mutation
    target: str = ""
