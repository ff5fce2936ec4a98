"""The phones of all accounts: switched on with their accounts, off with the emulator."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass

from ..crypto import RandomBytes
from ..errors import NotFound, WhatsAppError
from ..wire import Jid
from .accounts import Account, Device
from .delivery import Deliveries
from .dispatcher import Dispatcher
from .link import MediaLink
from .local import LocalLink, PhoneLine
from .notifications import Notifier
from .phone import Phone
from .phone_creation import create_phone
from .policy import Policy

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _SwitchedOn:
    phone: Phone
    pump: asyncio.Task[None]


class Phones:
    """Switches phones on, and has them greet their companions."""

    def __init__(
        self,
        deliveries: Deliveries,
        notifier: Notifier,
        media: MediaLink,
        policy: Policy,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._policy = policy
        self._deliveries = deliveries
        self._notifier = notifier
        self._media = media
        self._random_bytes = random_bytes
        self._on: dict[str, _SwitchedOn] = {}
        self._greeting: dict[Jid, asyncio.Task[None]] = {}

    async def switch_on(self, account: Account, dispatcher: Dispatcher) -> None:
        """Make the account's phone, or wake the saved one, and connect it.

        Raises:
            CorruptRecord: the saved phone cannot be read.
        """

        async def announce(collection: str, version: int, writer: int) -> None:
            self._notifier.server_sync(account, collection, version, writer)

        phone = await create_phone(
            account,
            LocalLink(account, dispatcher),
            self._media,
            account.phone_state,
            announce=announce,
            clock=self._deliveries.now,
            random_bytes=self._random_bytes,
            snapshot_after=lambda: self._policy.snapshot_after,
        )
        account.phone = phone
        line = PhoneLine(phone)
        self._on[account.number] = _SwitchedOn(phone, asyncio.create_task(line.run()))
        self._deliveries.open_session(account, account.devices[0], line, pull=False).activate()

    def of(self, account: Account) -> Phone:
        """The account's phone.

        Raises:
            NotFound: it is not switched on.
        """
        switched_on = self._on.get(account.number)
        if switched_on is None:
            raise NotFound(404, "the account has no phone")
        return switched_on.phone

    def greet(self, account: Account, device: Device) -> None:
        """Let the phone give a new companion its keys and history; once for each companion."""
        jid = account.address(lid=False, device=device.id)
        if device.introduced or account.phone is None or jid in self._greeting:
            return
        task = asyncio.create_task(self._greet(account, device, jid))
        self._greeting[jid] = task

    async def stop(self) -> None:
        """Switch all phones off."""
        tasks = [*self._greeting.values(), *(x.pump for x in self._on.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for switched_on in self._on.values():
            switched_on.phone.close()

    async def _greet(self, account: Account, device: Device, jid: Jid) -> None:
        try:
            await self.of(account).linked(jid)
            device.introduced = True
            self._deliveries.changed()
        except WhatsAppError:
            # The next login of the companion tries again.
            _log.exception("the phone could not greet its companion %d", device.id)
        finally:
            del self._greeting[jid]
