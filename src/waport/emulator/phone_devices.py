"""How the phone finds out where a message has to go: device lists, and sessions with those devices.

Source: docs/protocol/messages.md, "Device lists"; docs/protocol/signal.md, "Fetching key bundles".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import CryptoError, InvalidInput, NotFound, StanzaError, query_error
from ..wire import SERVER, Jid, Node
from .link import DeviceLink
from .phone_adv import check_key_index_list
from .phone_keys import bundle_iq, parse_bundle
from .phone_signal import PhoneSignal

_log = logging.getLogger(__name__)

_BUNDLES_PER_IQ = 100


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """The two bare addresses of an account."""

    pn: Jid
    lid: Jid

    def __contains__(self, jid: object) -> bool:
        return isinstance(jid, Jid) and jid.bare in (self.pn, self.lid)

    def like(self, other: Jid) -> Jid:
        """The own address of the kind that `other` has."""
        return self.lid if other.is_lid else self.pn


async def ask(link: DeviceLink, iq: Node) -> Node:
    """One IQ.

    Raises:
        QueryError: the server refused it.
    """
    answer = await link.query(iq)
    if answer.get("type") == "error":
        error = answer.find("error")
        code = error.get_int("code", 0) if error else 0
        raise query_error(code, error.get("text", "") if error else "")
    return answer


class Contacts:
    """Finds the devices of people, and opens the sessions that are missing."""

    def __init__(self, link: DeviceLink, signal: PhoneSignal) -> None:
        self._link = link
        self._signal = signal
        self._asked = 0

    async def devices(self, users: Sequence[Jid]) -> dict[Jid, list[Jid]]:
        """The devices of some users, each in the kind of address that was asked for.

        Also learns which LID belongs to which number.

        Raises:
            NotFound: one of them is not on WhatsApp.
            QueryError: the server refused the question.
        """
        self._asked += 1
        usync = Node(
            "usync",
            {
                "sid": f"phone-{self._asked}",
                "mode": "query",
                "last": "true",
                "index": "0",
                "context": "message",
            },
            [
                Node("query", {}, [Node("devices", {"version": "2"}), Node("lid")]),
                Node("list", {}, [Node("user", {"jid": user}) for user in users]),
            ],
        )
        iq = Node("iq", {"type": "get", "xmlns": "usync", "to": SERVER}, [usync])
        answer = await ask(self._link, iq)
        found: dict[Jid, list[Jid]] = {}
        for user in answer.child("usync").child("list").children("user"):
            jid = user.jid("jid").bare
            lid = user.find("lid")
            self._signal.learn(jid, lid.get_jid("val") if lid else None)
            found[jid] = [jid.with_device(number) for number in self._listed(jid, user)]
        for asked in users:
            if not found.get(asked):
                raise NotFound(404, f"{asked} is not on WhatsApp")
        return {asked: found[asked] for asked in users}

    def _listed(self, jid: Jid, user: Node) -> list[int]:
        """The valid device numbers of one `<user>`; empty when the account does not exist."""
        devices = user.find("devices")
        listed = devices.find("device-list") if devices else None
        if devices is None or listed is None:
            return []
        numbers = [0]
        companions = [d for d in listed.children("device") if d.int_attr("id")]
        signed = devices.find("key-index-list")
        if not companions:
            return numbers
        if signed is None:
            _log.warning("%s has companions but no key index list", jid.masked)
            return numbers
        try:
            indexes = check_key_index_list(signed.data, self._signal.account_key(jid))
        except CryptoError as exc:
            _log.warning("the key index list of %s is refused: %s", jid.masked, exc)
            return numbers
        for device in companions:
            index = device.get_int("key-index")
            if index is not None and (
                index in indexes.validIndexes or index > indexes.currentIndex
            ):
                numbers.append(device.int_attr("id"))
        return numbers

    async def open_sessions(self, devices: Iterable[Jid]) -> Mapping[Jid, Exception]:
        """Fetch bundles for the devices without a session, and open the sessions.

        Returns:
            the devices that could not be reached, and why.

        Raises:
            QueryError: the server refused the question.
        """
        missing = [device for device in devices if not self._signal.has_session(device)]
        failed: dict[Jid, Exception] = {}
        for start in range(0, len(missing), _BUNDLES_PER_IQ):
            failed.update(await self._open(missing[start : start + _BUNDLES_PER_IQ]))
        return failed

    async def _open(self, devices: Sequence[Jid]) -> dict[Jid, Exception]:
        failed: dict[Jid, Exception] = {
            device: NotFound(404, "the server gave no bundle") for device in devices
        }
        answer = await ask(self._link, bundle_iq(devices))
        # Phones first: their identity keys vouch for the companions.
        users = [(user.get_jid("jid"), user) for user in answer.child("list").children("user")]
        for jid, user in sorted(users, key=lambda entry: entry[0].device if entry[0] else 0):
            if jid is None or jid not in failed:
                continue
            error = user.find("error")
            if error is not None:
                failed[jid] = query_error(error.get_int("code", 0), error.get("text", ""))
                continue
            try:
                self._signal.open_session(jid, parse_bundle(user))
            except (CryptoError, StanzaError, InvalidInput) as exc:
                failed[jid] = exc
            else:
                del failed[jid]
        for device, reason in failed.items():
            _log.warning("no session with %s: %s", device.masked, reason)
        return failed
