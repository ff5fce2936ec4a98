"""The phone rings and calls: what is said about a call, without the call's sound.

Source: docs/protocol/queries.md, "Calls".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from ..crypto import RandomBytes
from ..errors import InvalidInput, NotFound
from ..wire import AttrValue, Jid, Node
from .link import DeviceLink
from .phone_devices import OwnAddress

_KEPT = 200
_RINGING = ("offer", "ringing")


@dataclass(slots=True)
class PhoneCall:
    """One call of this phone.

    Attributes:
        id: its id.
        peers: who is called, or who calls; as addressed.
        is_incoming: somebody else made it.
        is_video: with a picture.
        state: offer, ringing, accept, reject, timeout or terminate.
        group: the group that is called.
        creator: the caller's device.
    """

    id: str
    peers: list[Jid]
    is_incoming: bool
    is_video: bool
    state: str
    creator: Jid
    group: Jid | None = None
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, object]:
        """As the admin API shows it."""
        return {
            "call_id": self.id,
            "peers": [str(peer) for peer in self.peers],
            "incoming": self.is_incoming,
            "video": self.is_video,
            "group": None if self.group is None else str(self.group),
            "state": self.state,
        }


class PhoneCalls:
    """The calls of one phone.

    Args:
        link: the way to the server.
        own: its addresses.
        in_background: runs what a timer starts.
    """

    def __init__(
        self,
        link: DeviceLink,
        own: OwnAddress,
        in_background: Callable[[Coroutine[object, object, None]], None],
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._link = link
        self._own = own
        self._in_background = in_background
        self._random_bytes = random_bytes
        self._calls: dict[str, PhoneCall] = {}

    def all(self) -> list[PhoneCall]:
        """The latest calls, oldest first."""
        return list(self._calls.values())

    async def call(
        self,
        peers: Sequence[Jid],
        *,
        video: bool,
        group: Jid | None = None,
        ring_s: float = 45.0,
        notice: bool = False,
    ) -> str:
        """Call somebody, or the members of a group; the id of the call.

        Args:
            ring_s: after so long without an answer the call ends with a time-out.
            notice: a group hears of the call by a notice instead of an offer.
        """
        call_id = self._random_bytes(16).hex().upper()
        creator = self._own.like(peers[0]) if peers else self._own.pn
        call = PhoneCall(call_id, list(peers), False, video, "offer", creator, group)
        self._keep(call)
        for peer in peers:
            await self._send(peer, _offer(call, self._own, notice=notice))
        loop = asyncio.get_running_loop()
        call.timer = loop.call_later(ring_s, self._time_out, call)
        return call_id

    async def act(self, call_id: str, action: str) -> PhoneCall:
        """Hang up (`cancel`), or `accept` or `reject` a call that comes in.

        Raises:
            NotFound: there is no such call.
            InvalidInput: nothing of that kind can be done to it.
        """
        call = self._calls.get(call_id)
        if call is None:
            raise NotFound(404, "no such call")
        if action == "cancel" and not call.is_incoming:
            await self._end(call, "terminate", "canceled")
        elif action in ("accept", "reject") and call.is_incoming:
            call.state = action
            await self._send(call.creator, Node(action, _names(call)))
        else:
            raise InvalidInput("a call that was made can be cancelled, one that came be answered")
        return call

    async def receive(self, node: Node) -> None:
        """Take a `<call>` that is for this phone."""
        children = node.children()
        if not children:
            return
        child, source = children[0], node.jid("from")
        call = self._calls.get(child.get("call-id", ""))
        if child.tag in ("offer", "offer_notice") and call is None:
            call = PhoneCall(
                child.attr("call-id"),
                [source],
                True,
                child.find("video") is not None or child.get("media") == "video",
                "offer",
                child.get_jid("call-creator") or source,
                child.get_jid("group-jid"),
            )
            self._keep(call)
            await self._send(call.creator, Node("preaccept", _names(call)))
        elif call is not None and child.tag == "preaccept" and call.state == "offer":
            call.state = "ringing"
        elif call is not None and call.state in _RINGING:
            if child.tag in ("accept", "reject"):
                call.state = child.tag
                self._stop_timer(call)
            elif child.tag == "terminate":
                call.state = "timeout" if child.get("reason") == "timeout" else "terminate"

    def close(self) -> None:
        """The phone is switched off."""
        for call in self._calls.values():
            self._stop_timer(call)

    def _keep(self, call: PhoneCall) -> None:
        self._calls[call.id] = call
        if len(self._calls) > _KEPT:
            oldest = self._calls.pop(next(iter(self._calls)))
            self._stop_timer(oldest)

    def _time_out(self, call: PhoneCall) -> None:
        call.timer = None
        if call.state in _RINGING:
            self._in_background(self._end(call, "timeout", "timeout"))

    async def _end(self, call: PhoneCall, state: str, reason: str) -> None:
        self._stop_timer(call)
        call.state = state
        for peer in call.peers:
            await self._send(peer, Node("terminate", {**_names(call), "reason": reason}))

    async def _send(self, to: Jid, child: Node) -> None:
        stanza_id = self._random_bytes(16).hex().upper()
        await self._link.send(Node("call", {"to": to, "id": stanza_id}, [child]))

    def _stop_timer(self, call: PhoneCall) -> None:
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None


def _names(call: PhoneCall) -> dict[str, AttrValue]:
    names: dict[str, AttrValue] = {"call-id": call.id, "call-creator": call.creator}
    if call.group is not None:
        names["group-jid"] = call.group
    return names


def _offer(call: PhoneCall, own: OwnAddress, *, notice: bool) -> Node:
    """What a phone offers: sound, a picture, how it reaches the other side."""
    attrs = _names(call)
    if call.creator.is_lid:
        attrs["caller_pn"] = own.pn
    if notice:
        media = "video" if call.is_video else "audio"
        return Node("offer_notice", {**attrs, "media": media, "type": "group"})
    content = [Node("audio", {"enc": "opus", "rate": rate}) for rate in ("8000", "16000")]
    if call.is_video:
        content.append(Node("video", {"enc": "vp8", "orientation": "0", "dec": "vp8"}))
    content += [
        Node("net", {"medium": "3"}),
        Node("capability", {"ver": "1"}, bytes.fromhex("0104ff09c4fa")),
        Node("encopt", {"keygen": "2"}),
    ]
    if call.group is not None:
        people = [Node("participant", {"jid": peer}) for peer in call.peers]
        content.append(Node("group_info", {}, people))
    return Node("offer", attrs, content)
