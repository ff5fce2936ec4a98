"""What the delivery of events asks of the database: the log, deliveries, webhooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from .dead_letters import DeadLetter, bury, dead_after, raise_dead
from .deliveries import Deliveries
from .delivery import Delivery, DueLanes
from .delivery_times import hasten, is_beyond
from .event_log import LoggedEvent, events_after, last_event_id
from .statements import Connection
from .webhooks import (
    StoredWebhook,
    add_webhook,
    all_webhooks,
    delete_webhook,
    disable_webhook,
    put_webhook,
)

T = TypeVar("T")


class EventStore(ABC):
    """The part of a database that concerns events of all sessions together.

    Every method raises StoreError when the database refuses.
    """

    @abstractmethod
    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Run a question."""

    @abstractmethod
    async def change(self, job: Callable[[Connection], T]) -> T:
        """Run a job that writes; returns once it is committed."""

    # --- the log ---

    async def events_after(
        self, after: int, limit: int, session_id: str | None = None
    ) -> list[LoggedEvent]:
        """The committed events behind a number, in order; of one session, or of all with None."""
        return await self.ask(lambda db: events_after(db, after, limit, session_id))

    async def last_event_id(self) -> int:
        """The number of the newest committed event; 0 of an empty log."""
        return await self.ask(last_event_id)

    # --- deliveries ---

    async def queues_with_deliveries(self) -> list[str]:
        """The queues (delivery_names.py) with events that somebody still has to be told."""
        return await self.ask(lambda db: Deliveries(db).queues())

    async def due_deliveries(
        self, busy: Mapping[str, Collection[str]], now_ms: int, *, lanes: int, rows: int
    ) -> list[DueLanes]:
        """What of some queues may be told now.

        A lane's deliveries are here with every one in front of them: the first ones of the lane,
        and none of a lane whose head waits for another try.

        Args:
            busy: the queues to look at, and the lanes of each to leave out, since the caller is
                at work on them.
            lanes: so many lanes of each queue at most.
            rows: so many deliveries of each lane at most.
        """
        return await self.ask(
            lambda db: [
                Deliveries(db).due(queue, now_ms, lanes_out, lanes, rows)
                for queue, lanes_out in busy.items()
            ]
        )

    async def finish_deliveries(self, numbers: Sequence[int]) -> None:
        """Strike out deliveries that arrived; what they held back is due."""
        await self.change(lambda db: Deliveries(db).finish(numbers))

    async def bury_deliveries(
        self, numbers: Sequence[int], now_ms: int, status: int | None = None
    ) -> None:
        """Give deliveries up; they become dead letters, and what they held back is due.

        Args:
            status: what the receiver answered last, an HTTP status.
        """
        await self.change(lambda db: bury(db, numbers, now_ms, status))

    async def count_failed_try(self, number: int, status: int | None = None) -> None:
        """Count a try that failed since nothing reaches the receiver; the lane stays due.

        Args:
            status: what the receiver answered, an HTTP status; None without an answer.
        """
        await self.change(lambda db: Deliveries(db).count_try(number, status))

    async def postpone_delivery(
        self, number: int, due_ms: int, now_ms: int, status: int | None = None
    ) -> None:
        """Count a try that failed, and hold its lane back until `due_ms`.

        Args:
            number: of the first delivery of its lane; for others nothing happens.
            status: what the receiver answered, an HTTP status; None without an answer.
        """
        await self.change(lambda db: Deliveries(db).postpone(number, due_ms, now_ms, status))

    async def hasten_deliveries(self, latest_ms: int) -> None:
        """Have what is put off beyond a time be due at once: the calendar was set back since.

        Args:
            latest_ms: Unix milliseconds.
        """
        if await self.ask(lambda db: is_beyond(db, latest_ms)):
            await self.change(lambda db: hasten(db, latest_ms))

    async def has_earlier_deliveries(
        self, delivery: Delivery, now_ms: int, *, refusals: int
    ) -> bool:
        """Whether other lanes of the queue still hold events from before this one.

        Args:
            refusals: a lane whose head was refused so often does not count while it waits.
        """
        return await self.ask(lambda db: Deliveries(db).has_earlier(delivery, now_ms, refusals))

    async def old_deliveries(
        self, queue: str, before_ms: int, start: str, limit: int
    ) -> tuple[list[int], str | None]:
        """The numbers of some of a queue's deliveries of events from before a time.

        Args:
            start: the lane to begin with, "" the first time.

        Returns:
            the numbers, and the lane to go on with, None when that was all.
        """
        return await self.ask(lambda db: Deliveries(db).old(queue, before_ms, start, limit))

    # --- webhooks ---

    async def webhooks(self) -> list[StoredWebhook]:
        """The receivers that were set over the API, the oldest first."""
        return await self.ask(all_webhooks)

    async def add_webhook(self, webhook: StoredWebhook) -> StoredWebhook:
        """Store a new one; gives it with its number."""
        return await self.change(lambda db: add_webhook(db, webhook))

    async def put_webhook(self, webhook: StoredWebhook) -> None:
        """Store a change of one."""
        await self.change(lambda db: put_webhook(db, webhook))

    async def disable_webhook(self, number: int, why: str) -> None:
        """Send nothing more to one."""
        await self.change(lambda db: disable_webhook(db, number, why))

    async def delete_webhook(self, number: int) -> None:
        """Remove one with all that it still had to be told."""
        await self.change(lambda db: delete_webhook(db, number))

    async def dead_letters(self, webhook: int, after: int, limit: int) -> list[DeadLetter]:
        """A webhook's dead letters behind an event's number, in order.

        Args:
            webhook: its number; 0 for the receivers that the settings name.
        """
        return await self.ask(lambda db: dead_after(db, webhook, after, limit))

    async def raise_dead_letters(self, webhook: int, first: int, last: int) -> list[str]:
        """Have the dead letters of a range of events delivered again.

        Returns:
            the sessions, one entry for each letter.
        """
        raised: list[str] = []
        start: int | None = first
        while start is not None:
            sessions, start = await self.change(
                lambda db, start=start: raise_dead(db, webhook, start, last)  # type: ignore[misc]
            )
            raised += sessions
        return raised
