"""The JSON of people."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from ..model import Contact
from ..wire import Jid
from .ids import IdJson, id_json, jid_text


class ContactJson(TypedDict):
    """A person, or a group or channel in the same form.

    `name` is never empty: it falls back to what the person calls themselves, then to the number.
    `pn` is a person's address by phone number, where that is known; `lid` is the hidden id, where
    the id is a phone number. `sectionHeader` stands for people in the address book only.
    """

    id: IdJson
    number: str
    name: str
    shortName: str
    pushname: str
    isBusiness: bool
    isEnterprise: bool
    verifiedName: NotRequired[str]
    verifiedLevel: NotRequired[str]
    isMe: bool
    isUser: bool
    isGroup: bool
    isWAContact: bool
    isMyContact: bool
    isBlocked: bool
    type: str
    sectionHeader: NotRequired[str]
    pn: NotRequired[str]
    lid: NotRequired[str]


def contact_json(contact: Contact, own: Jid, *, is_blocked: bool = False) -> ContactJson:
    """A person.

    Args:
        contact: what is known.
        own: the account's address.
        is_blocked: by the account.
    """
    jid = contact.jid
    name = contact.title
    shape: ContactJson = {
        "id": id_json(jid),
        "number": jid.user,
        "name": name,
        "shortName": contact.first_name or name,
        "pushname": contact.push_name or name,
        "isBusiness": contact.is_business,
        "isEnterprise": contact.verified_level == "high",
        "isMe": jid.bare == own.bare,
        "isUser": not jid.is_group,
        "isGroup": jid.is_group,
        "isWAContact": jid.is_user,
        "isMyContact": jid.is_user and bool(contact.name),
        "isBlocked": is_blocked,
        "type": "in",
    }
    if shape["isMyContact"]:
        shape["sectionHeader"] = name[0].upper()
    if jid.is_pn:
        shape["pn"] = jid_text(jid)
    if contact.verified_name:
        shape["verifiedName"] = contact.verified_name
    if contact.verified_level:
        shape["verifiedLevel"] = contact.verified_level
    if contact.lid is not None and jid != contact.lid:
        shape["lid"] = jid_text(contact.lid)
    return shape
