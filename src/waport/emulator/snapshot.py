"""Accounts, with their groups, as JSON values, and back.

Source: the emulator's own format, version 1; bytes are hex.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from ..errors import CorruptRecord, DecodeError, InvalidInput
from ..wire import decode_node, encode_node
from .accounts import Account, Device, Directory, SignedKey
from .business import dump_business, load_business
from .groups_saved import dump_groups, load_groups
from .mailbox import Mailbox
from .newsletters_saved import dump_newsletters, load_newsletters, people
from .saved import Saved
from .snapshot_limits import dump_limits, load_limits

VERSION = 1

_log = logging.getLogger(__name__)


def dump_accounts(directory: Directory) -> dict[str, object]:
    """Everything that a restart must find again; no part of it changes afterwards."""
    listed = list(directory)
    phones = {x.number: x.phone.dump() if x.phone else x.phone_state for x in listed}
    return {
        "version": VERSION,
        "accounts": [_dump_account(account) for account in listed],
        "groups": dump_groups(directory.groups),
        "newsletters": dump_newsletters(directory.newsletters),
        "phones": {number: state for number, state in phones.items() if state is not None},
    }


def load_accounts(value: object, directory: Directory) -> None:
    """Put saved accounts into the directory.

    Raises:
        CorruptRecord: the value is not what `dump_accounts` makes.
    """
    saved = Saved(value, "state")
    if saved.number("version") != VERSION:
        raise CorruptRecord("the state folder is of another version of the emulator")
    phones = _phone_states(value)
    for item in saved.parts("accounts"):
        account = _load_account(item)
        account.phone_state = phones.get(account.number)
        directory.add(account)
    if "groups" in saved.names():  # a state folder from before there were groups has none
        load_groups(saved.parts("groups"), directory.groups)
        _check_members(directory)
    if "newsletters" in saved.names():
        load_newsletters(saved.parts("newsletters"), directory.newsletters)
        for newsletter in directory.newsletters:
            if len(directory.select(people(newsletter))) != len(people(newsletter)):
                raise CorruptRecord("a channel names somebody who has no account")


def _check_members(directory: Directory) -> None:
    for group in directory.groups:
        people = {group.creator, group.subject_by, *group.members, *group.requests}
        people |= {group.description.author} if group.description is not None else set()
        people |= {request.requestor for request in group.requests.values() if request.requestor}
        if len(directory.select(people)) != len(people):
            raise CorruptRecord(f"group {group.user} names somebody who has no account")


def _phone_states(value: object) -> dict[str, dict[str, object]]:
    """What the phones handed over; only they know what is in it."""
    phones = value.get("phones") if isinstance(value, dict) else None
    if not isinstance(phones, dict) or not all(isinstance(x, dict) for x in phones.values()):
        raise CorruptRecord("the saved phones cannot be read")
    return phones


def _dump_account(account: Account) -> dict[str, object]:
    picture = account.picture
    return {
        "number": account.number,
        "name": account.name,
        "first_name": account.first_name,
        "lid": account.lid_user,
        "devices": [_dump_device(device) for device in account.devices.values()],
        "key_index_list": account.key_index_list.hex(),
        "key_index_ts": account.key_index_ts,
        "contacts": sorted(account.contacts),
        "blocked": sorted(account.blocked),
        "about": account.about[0],
        "about_t": account.about[1],
        "picture_id": picture[0] if picture else "",
        "picture": picture[1].hex() if picture else "",
        "privacy": dict(account.privacy),
        "timer": account.default_timer[0],
        "timer_t": account.default_timer[1],
        "last_seen": account.last_seen or 0,
        "limits": dump_limits(account),
        "business": [] if account.business is None else [dump_business(account.business)],
        "contact_code": account.contact_code,
        "username": account.username,
        "exclusions": {name: sorted(who) for name, who in account.exclusions.items()},
    }


def _load_account(saved: Saved) -> Account:
    privacy = saved.part("privacy")
    account = Account(
        saved.text("number"),
        saved.text("name"),
        saved.text("lid"),
        devices={device.id: device for device in map(_load_device, saved.parts("devices"))},
        first_name=saved.text("first_name"),
        key_index_list=saved.data("key_index_list"),
        key_index_ts=saved.number("key_index_ts"),
        contacts=set(saved.texts("contacts")),
        blocked=set(saved.texts("blocked")),
        about=(saved.text("about"), saved.number("about_t")),
        privacy={name: privacy.text(name) for name in privacy.names()},
        default_timer=(saved.number("timer"), saved.number("timer_t")),
        last_seen=saved.number("last_seen") or None,
    )
    if picture_id := saved.text("picture_id"):
        account.picture = (picture_id, saved.data("picture"))
    if "limits" in saved.names():  # an account from before there were any has none
        load_limits(saved.part("limits"), account)
    if "business" in saved.names():  # an account from before there were any has none
        for business in saved.parts("business"):
            account.business = load_business(business)
        account.contact_code = saved.text("contact_code")
    if "username" in saved.names():  # nor these
        account.username = saved.text("username")
        exclusions = saved.part("exclusions")
        account.exclusions = {name: set(exclusions.texts(name)) for name in exclusions.names()}
    if 0 not in account.devices:
        raise CorruptRecord(f"account {account.number} has no phone")
    return account


def _dump_device(device: Device) -> dict[str, object]:
    signed = device.signed_pre_key
    return {
        "id": device.id,
        "noise_public": device.noise_public.hex(),
        "registration_id": device.registration_id,
        "identity": device.identity.hex(),
        "signed_pre_key": [_dump_signed(signed)] if signed else [],
        "pre_keys": _dump_keys(device.pre_keys),
        "spent": _dump_keys(device.spent),
        "uploaded": device.uploaded,
        "device_identity": device.device_identity.hex(),
        "key_index": -1 if device.key_index is None else device.key_index,
        "platform": device.platform,
        "introduced": device.introduced,
        "dirty": dict(device.dirty),
        "accepted": dict(device.accepted),
        "mailbox": _dump_mailbox(device.mailbox),
    }


def _dump_mailbox(mailbox: Mailbox) -> list[dict[str, object]]:
    letters: list[dict[str, object]] = []
    for letter in mailbox:
        try:
            node = encode_node(letter.node)
        except InvalidInput as exc:
            # No client could be given it either; it must not keep all the rest from being saved.
            _log.warning("a queued <%s> cannot be saved: %s", letter.node.tag, exc)
            continue
        letters.append({"own_copy": letter.own_copy, "node": node.hex()})
    return letters


def _load_device(saved: Saved) -> Device:
    dirty, accepted = saved.part("dirty"), saved.part("accepted")
    signed = [_load_signed(item) for item in saved.parts("signed_pre_key")]
    key_index = saved.number("key_index")
    return Device(
        saved.number("id"),
        noise_public=saved.data("noise_public"),
        registration_id=saved.number("registration_id"),
        identity=saved.data("identity"),
        signed_pre_key=signed[0] if signed else None,
        pre_keys=_load_keys(saved.part("pre_keys")),
        spent=_load_keys(saved.part("spent")),
        uploaded=saved.flag("uploaded"),
        device_identity=saved.data("device_identity"),
        key_index=None if key_index < 0 else key_index,
        platform=saved.text("platform"),
        introduced=saved.flag("introduced"),
        dirty={kind: dirty.number(kind) for kind in dirty.names()},
        accepted=OrderedDict((key, accepted.number(key)) for key in accepted.names()),
        mailbox=_load_mailbox(saved.parts("mailbox")),
    )


def _load_mailbox(letters: list[Saved]) -> Mailbox:
    mailbox = Mailbox()
    for letter in letters:
        try:
            node = decode_node(letter.data("node"))
        except DecodeError as exc:
            raise CorruptRecord("a queued stanza cannot be read") from exc
        mailbox.post(node, own_copy=letter.flag("own_copy"))
    return mailbox


def _dump_keys(keys: dict[int, bytes]) -> dict[str, str]:
    return {str(key_id): value.hex() for key_id, value in keys.items()}


def _load_keys(saved: Saved) -> dict[int, bytes]:
    try:
        return {int(key_id): saved.data(key_id) for key_id in saved.names()}
    except ValueError as exc:
        raise CorruptRecord("the id of a saved key is no number") from exc


def _dump_signed(key: SignedKey) -> dict[str, object]:
    return {"id": key.id, "public": key.public.hex(), "signature": key.signature.hex()}


def _load_signed(saved: Saved) -> SignedKey:
    return SignedKey(saved.number("id"), saved.data("public"), saved.data("signature"))
