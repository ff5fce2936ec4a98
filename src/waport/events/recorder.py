"""Writes events into the log, inside the transaction that caused them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..config import Settings
from ..model import DomainEvent
from ..store import UnitOfWork
from ..wire import Jid
from .bus import EventBus
from .frames import Frame, PayloadForm
from .lookups import StoreLookups
from .people import name_people
from .render import KINDS, render


class EventRecorder:
    """Logs what happened and decides who has to be told; the clients' event sink.

    Args:
        settings: says which events are off and which sessions have a webhook.
        bus: where frames go once they are committed.
        wanting: the numbers of the webhooks that an event is for, besides the settings' one.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        bus: EventBus,
        wanting: Callable[[str, Frame], Sequence[int]] = lambda *_: (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._form = PayloadForm(settings.event_payloads)
        self._wanting = wanting
        self._bus = bus
        self._clock = clock

    def record(self, work: UnitOfWork, event: DomainEvent, own: Jid | None = None) -> list[Frame]:
        """Log an event in the caller's unit of work.

        Runs on the store's writer thread, so it touches no event loop and waits for nothing.

        Args:
            work: the open unit of work of the event's session.
            event: what happened.
            own: the account's address; needed for events about messages and groups.
        Returns:
            the frames to pass to `publish` once the unit of work is committed.
        """
        disabled = self._settings.disabled_callbacks
        if disabled.issuperset(KINDS[type(event)]):
            return []
        has_webhook = self._settings.webhook_url(work.session_id) is not None
        lookups = StoreLookups(work, self._clock())
        made = render(event, own, lookups=lookups, form=self._form)
        frames = [frame for frame in made if frame.kind not in disabled]
        frames = name_people(frames, work.addresses.others_of)
        for frame in frames:
            work.event_log.append(
                frame.kind,
                frame.lane,
                frame.logged or frame.text,
                deliver=has_webhook,
                webhooks=self._wanting(work.session_id, frame),
            )
        return frames

    def publish(self, session_id: str, frames: Sequence[Frame]) -> None:
        """After the commit, on the event loop: wake whoever delivers."""
        self._bus.publish(session_id, frames)
