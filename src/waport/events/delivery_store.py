"""What the delivery of events needs of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ..store import Delivery, DueLanes


class DeliveryStore(Protocol):
    """The part of `Database` that knows what still has to be told."""

    async def queues_with_deliveries(self) -> list[str]: ...

    async def due_deliveries(
        self, busy: Mapping[str, Collection[str]], now_ms: int, *, lanes: int, rows: int
    ) -> list[DueLanes]: ...

    async def has_earlier_deliveries(
        self, delivery: Delivery, now_ms: int, *, refusals: int
    ) -> bool: ...

    async def finish_deliveries(self, numbers: Sequence[int]) -> None: ...

    async def bury_deliveries(
        self, numbers: Sequence[int], now_ms: int, status: int | None = None
    ) -> None: ...

    async def count_failed_try(self, number: int, status: int | None) -> None: ...

    async def postpone_delivery(
        self, number: int, due_ms: int, now_ms: int, status: int | None
    ) -> None: ...

    async def hasten_deliveries(self, latest_ms: int) -> None: ...

    async def old_deliveries(
        self, queue: str, before_ms: int, start: str, limit: int
    ) -> tuple[list[int], str | None]: ...
