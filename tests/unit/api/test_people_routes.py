"""Who is known, who has an account, who is blocked: `/client/*` and `/contact/*`."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_client import OWN, PEER
from support.fake_groups import BOB, BOB_LID
from waport.errors import NotAuthorized, QueryTimeout, query_error
from waport.model import About, Contact
from waport.wire import Jid

ID = "15559990000@c.us"
SHOP = Jid("4915123456789", "s.whatsapp.net")
STRANGER = Jid("77001112222", "lid")
CHANNEL = Jid("120363000000000099", "newsletter")
NO_CONTACT = (404, "Contact not found", "contact_not_found")


@pytest.fixture
def people(sessions: Any) -> dict[Jid, Contact]:
    """Everybody who is known."""
    known = (
        Contact(PEER, name="Bob Smith", first_name="Bob", lid=Jid("99005550000", "lid")),
        Contact(SHOP, is_business=True, verified_name="Shop", verified_level="high"),
        Contact(STRANGER, lid=STRANGER),
        Contact(CHANNEL, name="News"),
        Contact(OWN, push_name="Bot"),
    )
    sessions.account.people = {each.jid: each for each in known}
    account: dict[Jid, Contact] = sessions.account.people
    return account


async def ok(call: Any, path: str, **body: object) -> dict[str, Any]:
    response = await call("POST", f"{path}/on", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer.pop("success") is True
    return answer


async def test_contacts_are_sorted_by_number(call: Any, sessions: Any, people: Any) -> None:
    sessions.account.blocked = {Jid("99005550000", "lid")}
    contacts = (await ok(call, "/client/getContacts"))["contacts"]
    numbers = [contact["number"] for contact in contacts]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(people)
    bob = next(each for each in contacts if each["number"] == "15559990000")
    assert bob["isBlocked"] is True
    assert (bob["pn"], bob["lid"]) == (ID, "99005550000@lid")
    assert (bob["name"], bob["shortName"], bob["sectionHeader"]) == ("Bob Smith", "Bob", "B")
    assert bob["isMyContact"] is True
    shop = next(each for each in contacts if each["isBusiness"])
    assert (shop["isEnterprise"], shop["verifiedName"]) == (True, "Shop")
    assert "sectionHeader" not in shop
    hidden = next(each for each in contacts if each["id"]["server"] == "lid")
    assert "pn" not in hidden


@pytest.mark.parametrize("path", ["/client/getContactById/on", "/chat/getContact/on"])
async def test_somebody_unknown_is_not_found(
    call: Any, problem: Any, people: Any, path: str
) -> None:
    for nobody in ("15550009999@c.us", "nobody at all", "@c.us"):
        body = {"contactId": nobody, "chatId": nobody}
        assert problem(await call("POST", path, json=body)) == NO_CONTACT


async def test_a_contact_is_told_and_a_failure_is_no_404(
    call: Any, problem: Any, sessions: Any, people: Any
) -> None:
    contact = (await ok(call, "/client/getContactById", contactId=ID))["contact"]
    assert contact["id"] == {"_serialized": ID, "user": "15559990000", "server": "c.us"}
    assert contact["isWAContact"] is True
    sessions.account.error = QueryTimeout("late")
    response = await call("POST", "/client/getContactById/on", json={"contactId": ID})
    assert problem(response) == (500, "Timed Out", "Timed Out")


@pytest.mark.parametrize("name", ["contactId", "number"])
async def test_whether_a_number_has_an_account(call: Any, people: Any, name: str) -> None:
    found = {"isRegistered": True, "result": True}
    assert await ok(call, "/client/isRegisteredUser", **{name: ID}) == found
    assert await ok(call, "/client/isRegisteredUser", **{name: 15559990000}) == found
    for nobody in ("15550009999", "120363000000000001@g.us", "nobody"):
        answer = await ok(call, "/client/isRegisteredUser", **{name: nobody})
        assert answer == {"isRegistered": False, "result": False}


async def test_a_question_that_fails_does_not_say_no(
    call: Any, problem: Any, sessions: Any
) -> None:
    sessions.account.error = query_error(429, "rate-overlimit")
    for path, body in (
        ("/client/isRegisteredUser/on", {"contactId": ID}),
        ("/client/getNumberId/on", {"number": "15559990000"}),
    ):
        assert problem(await call("POST", path, json=body))[:2] == (500, "rate-overlimit")


async def test_the_id_of_a_number(call: Any, people: Any) -> None:
    shape = {"_serialized": ID, "user": "15559990000", "server": "c.us"}
    for number in ("15559990000", 15559990000, "+1 (555) 999-0000", ID):
        answer = await ok(call, "/client/getNumberId", number=number)
        assert answer.pop("addresses") == {ID: {"pn": ID, "lid": str(people[PEER].lid)}}
        assert answer == {"numberId": shape, "result": shape}
    for nobody in ("15550009999", "1", "nobody", "120363000000000001@g.us"):
        answer = await ok(call, "/client/getNumberId", number=nobody)
        assert answer == {"numberId": None, "result": None}


@pytest.mark.parametrize("route", ["client", "contact"])
async def test_the_picture_is_null_whenever_it_cannot_be_had(
    call: Any, sessions: Any, route: str
) -> None:
    path = f"/{route}/getProfilePicUrl"
    sessions.account.pictures[PEER] = "https://pps.example/1.jpg"
    url = "https://pps.example/1.jpg"
    assert await ok(call, path, contactId=ID) == {"profilePicUrl": url, "result": url}
    nothing = {"profilePicUrl": None, "result": None}
    assert await ok(call, path, contactId="15550009999") == nothing
    assert await ok(call, path, contactId="status@broadcast") == nothing
    sessions.account.error = NotAuthorized(403, "forbidden")
    assert await ok(call, path, contactId=ID) == nothing


async def test_the_about_text_with_its_time(call: Any, sessions: Any) -> None:
    sessions.account.abouts[PEER] = About("Busy", 1_700_000_000)
    sessions.account.abouts[BOB] = About("Hey")
    assert await ok(call, "/contact/getAbout", contactId=ID) == {
        "about": "Busy",
        "setAt": "2023-11-14T22:13:20.000Z",
        "result": "Busy",
    }
    answer = await ok(call, "/contact/getAbout", contactId=str(BOB))
    assert (answer["about"], answer["setAt"]) == ("Hey", None)
    nothing = {"about": None, "setAt": None, "result": None}
    assert await ok(call, "/contact/getAbout", contactId="120363000000000001@g.us") == nothing
    sessions.account.error = QueryTimeout("late")
    assert await ok(call, "/contact/getAbout", contactId=ID) == nothing


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/client/blockContact", "block"),
        ("/client/unblockContact", "unblock"),
        ("/contact/block", "block"),
        ("/contact/unblock", "unblock"),
    ],
)
async def test_people_are_blocked_and_unblocked(
    call: Any, problem: Any, sessions: Any, people: Any, path: str, what: str
) -> None:
    answer = await ok(call, path, contactId=ID)
    assert answer == {"message": f"Contact {what}ed", "result": True}
    assert sessions.account.calls == [(what, PEER)]
    for nobody in ("15550009999", "120363000000000001@g.us", "nobody"):
        response = await call("POST", f"{path}/on", json={"contactId": nobody})
        assert problem(response) == NO_CONTACT


async def test_who_is_blocked(call: Any, sessions: Any, people: Any) -> None:
    sessions.account.blocked = {PEER}
    (blocked,) = (await ok(call, "/client/getBlockedContacts"))["blockedContacts"]
    assert (blocked["id"]["_serialized"], blocked["number"]) == (ID, "15559990000")
    assert blocked["isBlocked"] is True
    assert await ok(call, "/contact/isBlocked", contactId=ID) == {"isBlocked": True}
    assert await ok(call, "/contact/isBlocked", contactId=str(BOB)) == {"isBlocked": False}
    assert await ok(call, "/contact/isBlocked", contactId="a@g.us") == {"isBlocked": False}


async def test_common_groups_are_the_same_on_both_paths(call: Any) -> None:
    for path in ("/client/getCommonGroups", "/contact/getCommonGroups"):
        answer = await ok(call, path, contactId=str(BOB_LID))
        (group,) = answer["groups"]
        assert group["name"] == "Friends"
        assert answer["result"] == [group["id"]]
        assert await ok(call, path, contactId="15550009999") == {"groups": [], "result": []}


async def test_numbers_and_their_country_codes(call: Any, problem: Any) -> None:
    assert await ok(call, "/contact/getFormattedNumber", contactId="15557770000@c.us") == {
        "formattedNumber": "+15557770000",
        "result": "+1 555-777-0000",
    }
    for contact, code in (("15557770000", "1"), ("351912345678", "351"), ("4915123456789", "49")):
        answer = await ok(call, "/contact/getCountryCode", contactId=contact)
        assert answer == {"countryCode": code, "result": code}
    for nobody in ("120363000000000001@g.us", "nobody", "77001112222@lid"):
        for path in ("/contact/getFormattedNumber/on", "/contact/getCountryCode/on"):
            response = await call("POST", path, json={"contactId": nobody})
            text = "contactId must be a phone number"
            assert problem(response) == (400, text, "validation_error")
