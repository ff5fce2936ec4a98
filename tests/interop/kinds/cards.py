"""Contact cards, places, invitations, polls, events."""

from __future__ import annotations

from interop.kinds.case import Case, Native, Ours, Raw
from interop.kinds.files import THUMBNAIL, as_bytes
from waport.model.contents import (
    Contact,
    Contacts,
    Event,
    GroupInvite,
    LiveLocation,
    Location,
    PhoneNumberRequest,
    Poll,
)
from waport.proto import pb

EXPIRES_AT = 1_800_000_000
STARTS_AT = 1_900_000_000
ENDS_AT = STARTS_AT + 3600


def vcard(name: str, number: str) -> str:
    """A vCard 3.0 of somebody who is on WhatsApp."""
    tel = f"TEL;type=CELL;type=VOICE;waid={number}:+{number}"
    return f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\n{tel}\nEND:VCARD"


AMARA = vcard("Amara Okafor", "15550004444")
BENOÎT = vcard("Benoît Roy", "15550005555")

CONTACTS = (
    Case(
        "contact card",
        expected=lambda _: pb.Message(
            contactMessage=pb.ContactMessage(displayName="Amara Okafor", vcard=AMARA)
        ),
        theirs=lambda _: Native(
            {"contacts": {"contacts": [{"displayName": "Amara Okafor", "vcard": AMARA}]}}
        ),
        ours=lambda _: Ours(Contact("Amara Okafor", AMARA)),
    ),
    Case(
        "several contact cards",
        expected=lambda _: pb.Message(
            contactsArrayMessage=pb.ContactsArrayMessage(
                displayName="2 contacts",
                contacts=[
                    pb.ContactMessage(displayName="Amara Okafor", vcard=AMARA),
                    pb.ContactMessage(displayName="Benoît Roy", vcard=BENOÎT),
                ],
            )
        ),
        theirs=lambda _: Native(
            {
                "contacts": {
                    "displayName": "2 contacts",
                    "contacts": [
                        {"displayName": "Amara Okafor", "vcard": AMARA},
                        {"displayName": "Benoît Roy", "vcard": BENOÎT},
                    ],
                }
            }
        ),
        ours=lambda _: Ours(
            Contacts("2 contacts", (Contact("Amara Okafor", AMARA), Contact("Benoît Roy", BENOÎT)))
        ),
    ),
)

_PLACE = pb.LocationMessage(
    degreesLatitude=-23.5505,
    degreesLongitude=46.25,
    name="Centro",
    address="Rua 1",
    url="https://example.com/centro",
    jpegThumbnail=THUMBNAIL,
)
_LIVE = pb.LiveLocationMessage(
    degreesLatitude=52.5,
    degreesLongitude=-13.25,
    accuracyInMeters=12,
    speedInMps=2.5,
    degreesClockwiseFromMagneticNorth=270,
    caption="on my way",
    sequenceNumber=1735,
    timeOffset=60,
    jpegThumbnail=THUMBNAIL,
)

PLACES = (
    Case(
        "location",
        expected=lambda _: pb.Message(locationMessage=_PLACE),
        theirs=lambda _: Native(
            {
                "location": {
                    "degreesLatitude": -23.5505,
                    "degreesLongitude": 46.25,
                    "name": "Centro",
                    "address": "Rua 1",
                    "url": "https://example.com/centro",
                    "jpegThumbnail": as_bytes(THUMBNAIL),
                }
            }
        ),
        ours=lambda _: Ours(
            Location(
                -23.5505,
                46.25,
                "Centro",
                "Rua 1",
                "https://example.com/centro",
                thumbnail=THUMBNAIL,
            )
        ),
    ),
    Case(
        "live location",
        expected=lambda _: pb.Message(liveLocationMessage=_LIVE),
        theirs=lambda _: Raw(pb.Message(liveLocationMessage=_LIVE)),
        ours=lambda _: Ours(
            LiveLocation(52.5, -13.25, 12, 2.5, 270, "on my way", 1735, 60, THUMBNAIL)
        ),
    ),
)

INVITATIONS = (
    Case(
        "group invitation",
        expected=lambda place: pb.Message(
            groupInviteMessage=pb.GroupInviteMessage(
                groupJid=str(place.group),
                inviteCode="AbCdEfGh",
                inviteExpiration=EXPIRES_AT,
                groupName="Friends",
                caption="come along",
                jpegThumbnail=THUMBNAIL,
            )
        ),
        # The thumbnail is the group's picture, which Baileys asks for.
        theirs=lambda place: Native(
            {
                "groupInvite": {
                    "jid": str(place.group),
                    "inviteCode": "AbCdEfGh",
                    "inviteExpiration": EXPIRES_AT,
                    "subject": "Friends",
                    "text": "come along",
                }
            }
        ),
        ours=lambda place: Ours(
            GroupInvite(
                place.group,
                "AbCdEfGh",
                EXPIRES_AT,
                "Friends",
                "come along",
                thumbnail=THUMBNAIL,
            )
        ),
    ),
    Case(
        "request for the phone number",
        expected=lambda _: pb.Message(requestPhoneNumberMessage=pb.RequestPhoneNumberMessage()),
        theirs=lambda _: Native({"requestPhoneNumber": True}),
        ours=lambda _: Ours(PhoneNumberRequest()),
    ),
)


def _poll(selectable: int) -> pb.PollCreationMessage:
    options = [pb.PollCreationMessage.Option(optionName=name) for name in ("red", "grün", "青")]
    return pb.PollCreationMessage(
        name="Which colour?", options=options, selectableOptionsCount=selectable
    )


def _their_poll(selectable: int) -> Native:
    values = ["red", "grün", "青"]
    return Native(
        {"poll": {"name": "Which colour?", "values": values, "selectableCount": selectable}}
    )


POLLS = (
    Case(
        "poll with one choice",
        expected=lambda _: pb.Message(pollCreationMessageV3=_poll(1)),
        theirs=lambda _: _their_poll(1),
        ours=lambda _: Ours(Poll("Which colour?", ("red", "grün", "青"), 1)),
    ),
    Case(
        "poll with any number of choices",
        expected=lambda _: pb.Message(pollCreationMessage=_poll(0)),
        theirs=lambda _: _their_poll(0),
        ours=lambda _: Ours(Poll("Which colour?", ("red", "grün", "青"), 0)),
    ),
    Case(
        "event",
        expected=lambda _: pb.Message(
            eventMessage=pb.EventMessage(
                name="Party",
                description="bring cake",
                startTime=STARTS_AT,
                endTime=ENDS_AT,
                extraGuestsAllowed=True,
                location=pb.LocationMessage(
                    degreesLatitude=1.5, degreesLongitude=-2.5, name="at home"
                ),
            )
        ),
        theirs=lambda _: Native(
            {
                "event": {
                    "name": "Party",
                    "description": "bring cake",
                    "startDate": {"$date": STARTS_AT * 1000},
                    "endDate": {"$date": ENDS_AT * 1000},
                    "extraGuestsAllowed": True,
                    "location": {
                        "degreesLatitude": 1.5,
                        "degreesLongitude": -2.5,
                        "name": "at home",
                    },
                }
            }
        ),
        ours=lambda _: Ours(
            Event(
                "Party",
                "bring cake",
                STARTS_AT,
                ENDS_AT,
                Location(1.5, -2.5, "at home"),
                extra_guests=True,
            )
        ),
    ),
)

CARDS = (*CONTACTS, *PLACES, *INVITATIONS, *POLLS)
