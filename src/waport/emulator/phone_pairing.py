"""The phone links a companion: by its QR code, or by an eight-character code.

Source: docs/protocol/pairing.md, "Phone side".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ..crypto import KeyPair, RandomBytes
from ..errors import CryptoError, InvalidInput, NotFound, QueryError, QueryTimeout, StanzaError
from ..wire import SERVER, Jid, Node
from . import link_code
from .link import DeviceLink
from .phone_adv import AdvAccount, LinkedIdentity, key_index_list, vouch, vouch_for
from .phone_devices import OwnAddress, ask
from .phone_passkey import PhonePasskeys

_MAX_QR = 2_000
_PASSKEY_REQUIRED = 428
_MAX_HELLOS = 16
_HELLO_LIFE_S = 180.0
_FINISH_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a QR text says: the reference, three values of 32 bytes."""

    ref: str
    noise_public: bytes
    identity_public: bytes
    adv_secret: bytes


@dataclass(frozen=True, slots=True)
class _Hello:
    """A companion that waits for its code to be typed."""

    ref: bytes
    wrapped: bytes
    noise_public: bytes
    received: float


def parse_qr(text: str) -> QrCode:
    """Read a QR text: with or without the prefix, with or without the client field.

    Raises:
        InvalidInput: it is no QR text of a companion.
    """
    if len(text) > _MAX_QR:
        raise InvalidInput("the QR text is too long")
    fields = text.strip().rpartition("#")[2].split(",")
    # A reference may hold commas, so the fields are told from the right.
    if fields and _key(fields[-1]) is None:
        fields.pop()
    keys = [_key(field) for field in fields[-3:]]
    ref = ",".join(fields[:-3])
    if not ref or len(keys) != 3:
        raise InvalidInput("the text is no QR code of a companion")
    noise, identity, secret = keys
    if noise is None or identity is None or secret is None:
        raise InvalidInput("the QR text does not hold three keys")
    return QrCode(ref, noise, identity, secret)


def _key(field: str) -> bytes | None:
    try:
        data = base64.b64decode(field, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == 32 else None


class Linker:
    """Links and unlinks companions on behalf of the phone."""

    def __init__(
        self,
        link: DeviceLink,
        identity: KeyPair,
        own: OwnAddress,
        account: AdvAccount,
        *,
        clock: Callable[[], float],
        random_bytes: RandomBytes = os.urandom,
        finish_timeout_s: float = _FINISH_TIMEOUT_S,
    ) -> None:
        self.account = account
        self._link = link
        self._identity = identity
        self._own = own
        self._clock = clock
        self._random_bytes = random_bytes
        self._finish_timeout_s = finish_timeout_s
        # One at a time: each upload counts all companions that were linked before it.
        self._linking = asyncio.Lock()
        self._hellos: OrderedDict[bytes, _Hello] = OrderedDict()
        self._finishes: dict[bytes, asyncio.Future[Node]] = {}
        self.passkeys = PhonePasskeys(link, self._pair_device, random_bytes)

    # --- QR --------------------------------------------------------------------------------------

    async def pair_by_qr(self, text: str) -> Jid:
        """Scan a QR code.

        Returns:
            the new companion's PN JID, once the server has it.

        Raises:
            InvalidInput: it is no QR code.
            NotFound: nobody waits with it any more.
            QueryError: the server refused it for another reason.
        """
        code = parse_qr(text)
        return await self._pair_or_wait(
            code.ref.encode(), code.noise_public, code.identity_public, code.adv_secret
        )

    async def _pair_or_wait(
        self, ref: bytes, noise_public: bytes, companion_identity: bytes, adv_secret: bytes
    ) -> Jid:
        """Upload a companion; if the server wants its passkey first, wait for that."""
        try:
            return await self._pair_device(ref, noise_public, companion_identity, adv_secret)
        except QueryError as exc:
            if exc.code != _PASSKEY_REQUIRED:
                raise
        return await self.passkeys.finished(adv_secret)

    async def _pair_device(
        self, ref: bytes, noise_public: bytes, companion_identity: bytes, adv_secret: bytes
    ) -> Jid:
        async with self._linking:
            claim = vouch(
                self.account,
                self._identity,
                companion_identity,
                adv_secret,
                int(self._clock()),
                self._random_bytes,
            )
            content = [
                Node("ref", {}, ref),
                Node("pub-key", {}, noise_public),
                Node("device-identity", {}, claim.container),
                Node("key-index-list", {"ts": str(claim.timestamp)}, claim.key_index_list),
            ]
            answer = await ask(self._link, _md(Node("pair-device", {}, content)))
            device = _paired_device(answer)
            self.account.live[device.device] = claim.key_index
            return device

    def link_silently(self, companion: KeyPair, device: int) -> LinkedIdentity:
        """Sign for a companion that nobody will ever use, at once.

        Args:
            companion: its identity key.
            device: its number.

        Raises:
            InvalidInput: another companion is being linked.
        """
        if self._linking.locked():
            raise InvalidInput("another companion is being linked")
        now = int(self._clock())
        linked = vouch_for(self.account, self._identity, companion, now, self._random_bytes)
        self.account.live[device] = linked.key_index
        return linked

    # --- code ------------------------------------------------------------------------------------

    def on_notification(self, notification: Node) -> None:
        """Take a `link_code_companion_reg` notification; one that is malformed is ignored."""
        reg = notification.find("link_code_companion_reg")
        ref = reg.find("link_code_pairing_ref") if reg else None
        if reg is None or ref is None or not isinstance(ref.content, bytes):
            return
        stage = reg.get("stage")
        if stage == "companion_finish" and ref.content in self._finishes:
            waiting = self._finishes[ref.content]
            if not waiting.done():
                waiting.set_result(reg)
        elif stage == "companion_hello":
            wrapped = reg.find("link_code_pairing_wrapped_companion_ephemeral_pub")
            noise = reg.find("companion_server_auth_key_pub")
            if (
                wrapped is not None
                and noise is not None
                and isinstance(wrapped.content, bytes)
                and isinstance(noise.content, bytes)
                and len(wrapped.content) == link_code.WRAPPED_LENGTH
                and len(noise.content) == 32
            ):
                hello = _Hello(ref.content, wrapped.content, noise.content, self._clock())
                self._hellos[ref.content] = hello
                if len(self._hellos) > _MAX_HELLOS:
                    self._hellos.popitem(last=False)

    async def enter_code(self, code: str) -> Jid:
        """Type the code that a companion shows.

        Several companions may be waiting; the phone can not know whose code it is, so each is
        tried, the newest first.

        Returns:
            the new companion's PN JID, once the server has it.

        Raises:
            InvalidInput: it is no code, or not the code of anybody who waits.
            NotFound: nobody waits for this number.
            QueryTimeout: a companion did not go on, and the code is nobody else's.
            QueryError: the server refused the new device.
        """
        plain = link_code.normalise(code)
        oldest = self._clock() - _HELLO_LIFE_S
        waiting = [hello for hello in self._hellos.values() if hello.received >= oldest]
        refused = False
        late: QueryTimeout | None = None
        for hello in reversed(waiting):
            try:
                opened = await self._try_code(plain, hello)
            except (CryptoError, StanzaError):
                refused = True
                continue
            except QueryTimeout as exc:
                # One that keeps silent must not spoil it for those who wait beside it.
                late = exc
                continue
            except NotFound:
                # The companion is gone, or its code has run out at the server.
                self._hellos.pop(hello.ref, None)
                continue
            self._hellos.pop(hello.ref, None)
            return await self._pair_or_wait(
                hello.ref, hello.noise_public, opened.companion_identity, opened.adv_secret
            )
        if late is not None:
            raise late
        if refused:
            raise InvalidInput("the code is wrong")
        raise NotFound(404, "no companion waits for a code")

    async def _try_code(self, code: str, hello: _Hello) -> link_code.OpenedBundle:
        ephemeral = KeyPair.generate(self._random_bytes)
        companion = await asyncio.to_thread(link_code.unwrap, code, hello.wrapped)
        wrapped = await asyncio.to_thread(
            link_code.wrap, code, ephemeral.public, self._random_bytes
        )
        finish: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        self._finishes[hello.ref] = finish
        try:
            content = [
                Node("link_code_pairing_ref", {}, hello.ref),
                Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped),
                Node("primary_identity_pub", {}, self._identity.public),
            ]
            reg = Node(
                "link_code_companion_reg",
                {"jid": self._own.pn, "stage": "primary_hello"},
                content,
            )
            await ask(self._link, _md(reg))
            finished = await asyncio.wait_for(finish, self._finish_timeout_s)
        except TimeoutError as exc:
            raise QueryTimeout("the companion did not answer the code") from exc
        finally:
            self._finishes.pop(hello.ref, None)
        return link_code.open_bundle(
            finished.child("link_code_pairing_wrapped_key_bundle").data,
            self._identity,
            ephemeral,
            companion,
            finished.child("companion_identity_public").data,
        )

    # --- unlinking -------------------------------------------------------------------------------

    async def unlink(self, device: int | None = None) -> None:
        """Ask the server to remove one companion, or all of them.

        Raises:
            QueryError: the server refused.
        """
        if device is None:
            remove = Node("remove-companion-device", {"all": "true", "reason": "user_initiated"})
            gone = set(self.account.live)
        else:
            jid = self._own.pn.with_device(device)
            remove = Node("remove-companion-device", {"jid": jid, "reason": "user_initiated"})
            gone = {device}
        await ask(self._link, _md(remove))
        await self.forget(gone)

    async def forget(self, devices: set[int]) -> None:
        """Strike companions off the list of valid key indexes, and publish the new list.

        Raises:
            QueryError: the server refused the list.
        """
        async with self._linking:
            known = devices & set(self.account.live)
            if not known:
                return
            for device in known:
                del self.account.live[device]
            data, timestamp = key_index_list(
                self.account, self._identity, int(self._clock()), random_bytes=self._random_bytes
            )
            await ask(self._link, _md(Node("key-index-list", {"ts": str(timestamp)}, data)))


def _md(child: Node) -> Node:
    return Node("iq", {"type": "set", "xmlns": "md", "to": SERVER}, [child])


def _paired_device(answer: Node) -> Jid:
    """The new device that the answer names, directly or one level down."""
    for holder in (answer, *answer.children()):
        device = holder.find("device")
        if device is not None:
            return device.jid("jid")
    raise StanzaError("iq", "the answer names no device")
