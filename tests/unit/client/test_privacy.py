"""Privacy settings and the profile: what is kept, what is asked for anew."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from support.account import OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.asking import Answer, Asked
from waport.client.features.privacy import Privacy
from waport.client.features.profile import Profile
from waport.client.queries import Queries
from waport.errors import Conflict, InvalidInput, QueryError
from waport.model import TimerSetting
from waport.model.privacy import Exclusions, PrivacySettings
from waport.wire import Jid, Node

CAROL_LID = Jid("100000000000003", "lid")
EXCEPT = "contact_blacklist"


class Settings:
    """The server's settings and one list of exclusions."""

    def __init__(self, account: Account) -> None:
        queries = Queries(5)
        self.values = {"last": "all", "readreceipts": "none"}
        self.excluded = [CAROL_LID]
        self.conflicts = 0
        self.server = Asked(queries, self.answer)
        self.privacy = Privacy(account.database, SESSION, queries)
        self.profile = Profile(account.database, SESSION, queries)

    def answer(self, iq: Node) -> Answer:
        privacy = iq.child("privacy")
        if (listed := privacy.find("list")) is not None:
            users = [Node("user", {"jid": lid}) for lid in self.excluded]
            return [Node("list", {"name": listed.attr("name"), "dhash": "h1"}, users)]
        if iq.get("type") == "set":
            changed = privacy.child("category")
            if self.conflicts and changed.get("value") == EXCEPT:
                self.conflicts -= 1
                return 409
            self.values[changed.attr("name")] = changed.attr("value")
            return [Node("privacy", {}, [Node("category", dict(changed.attrs))])]
        listed_all = [Node("category", {"name": n, "value": v}) for n, v in self.values.items()]
        return [Node("privacy", {}, listed_all)]

    @property
    def fetches(self) -> int:
        return len([iq for iq in self.server.questions if iq.get("type") == "get"])


@pytest.fixture
def settings(account: Account) -> Settings:
    return Settings(account)


async def test_settings_are_asked_for_once_until_something_changes(settings: Settings) -> None:
    before = PrivacySettings({"last": "all", "readreceipts": "none"})
    assert await settings.privacy.settings() == before
    assert not await settings.privacy.sends_read_receipts()
    assert settings.fetches == 1
    assert await settings.privacy.set("readreceipts", "all") == "all"
    assert await settings.privacy.sends_read_receipts()
    assert settings.fetches == 2
    settings.values["readreceipts"] = "none"
    await settings.privacy.on_changed()
    assert not await settings.privacy.sends_read_receipts()
    settings.values["readreceipts"] = "all"
    assert (await settings.privacy.settings(fresh=True)).sends_read_receipts


async def test_the_kind_of_read_receipts_follows_the_settings_once_they_are_watched(
    settings: Settings,
) -> None:
    assert settings.privacy.read_receipt == "read"
    await settings.privacy.on_changed()
    assert settings.fetches == 0
    await settings.privacy.watch()
    assert settings.privacy.read_receipt == "read-self"
    settings.values["readreceipts"] = "all"
    await settings.privacy.on_changed()
    assert settings.privacy.read_receipt == "read"


async def test_read_receipts_that_this_device_turns_off_end_at_once(settings: Settings) -> None:
    # The server tells the other devices alone.
    settings.values["readreceipts"] = "all"
    await settings.privacy.watch()
    await settings.privacy.set("readreceipts", "none")
    assert settings.privacy.read_receipt == "read-self"
    await settings.privacy.set("last", "none")
    assert settings.privacy.read_receipt == "read-self"
    await settings.privacy.set("readreceipts", "all")
    assert settings.privacy.read_receipt == "read"


async def test_a_change_during_the_question_is_not_overlooked(settings: Settings) -> None:
    asked = settings.answer

    def answer(iq: Node) -> Answer:
        old = asked(iq)
        settings.values["readreceipts"] = "all"
        settings.privacy._forget()
        settings.server.answer = asked
        return old

    settings.server.answer = answer
    assert not (await settings.privacy.settings()).sends_read_receipts
    assert (await settings.privacy.settings()).sends_read_receipts


async def test_settings_that_there_are_not_are_never_asked_for(settings: Settings) -> None:
    for name, value in (("mood", "all"), ("last", "sometimes")):
        with pytest.raises(InvalidInput):
            await settings.privacy.set(name, value)
    with pytest.raises(InvalidInput):
        await settings.privacy.set_exclusions("online", [PEER_PN])
    with pytest.raises(InvalidInput):
        await settings.privacy.set_exclusions("last", [Jid("1-2", "g.us")])
    assert settings.server.questions == []


async def test_a_list_of_exclusions_changes_by_the_difference(settings: Settings) -> None:
    assert await settings.privacy.exclusions("last") == Exclusions("h1", ((None, CAROL_LID),))
    assert await settings.privacy.set_exclusions("last", [PEER_PN, PEER_LID]) == EXCEPT
    category = settings.server.questions[-1].child("privacy").child("category")
    assert category.get("dhash") == "h1"
    assert [user.attrs for user in category.children()] == [
        {"action": "add", "jid": PEER_LID, "pn_jid": PEER_PN},
        {"action": "remove", "jid": CAROL_LID},
    ]
    settings.excluded = [PEER_LID]
    await settings.privacy.set_exclusions("last", [PEER_PN])
    assert settings.server.questions[-1].child("privacy").child("category").content is None


async def test_a_conflict_is_tried_once_more_with_the_present_list(settings: Settings) -> None:
    settings.conflicts = 1
    assert await settings.privacy.set_exclusions("last", [PEER_PN]) == EXCEPT
    assert settings.fetches == 2
    settings.conflicts = 2
    with pytest.raises(Conflict):
        await settings.privacy.set_exclusions("last", [PEER_PN])


# --- the profile ---------------------------------------------------------------------------------


async def test_the_profile_is_set_by_what_each_part_takes(settings: Settings) -> None:
    settings.server.answer = lambda _: [Node("picture", {"id": "17"})]
    out = io.BytesIO()
    Image.new("RGB", (800, 300), "red").save(out, "PNG")
    assert await settings.profile.set_picture(out.getvalue()) == "17"
    await settings.profile.remove_picture()
    await settings.profile.set_about("busy")
    await settings.profile.set_default_timer(86_400)
    picture, nothing, about, timer = settings.server.questions
    assert picture.child("picture").data.startswith(b"\xff\xd8\xff")
    assert nothing.content is None
    assert (about.child("status").text, timer.child("disappearing_mode").get("duration")) == (
        "busy",
        "86400",
    )


async def test_what_is_no_picture_never_leaves(settings: Settings) -> None:
    with pytest.raises(InvalidInput):
        await settings.profile.set_picture(b"no picture")
    with pytest.raises(InvalidInput):
        await settings.profile.set_about("x" * 140)
    assert settings.server.questions == []


async def test_the_own_timer_is_asked_for_by_number(settings: Settings) -> None:
    mode = Node("disappearing_mode", {"duration": "60", "t": "5"})
    user = Node("user", {"jid": OWN_PN.bare}, [mode])
    settings.server.answer = lambda _: [Node("usync", {}, [Node("list", {}, [user])])]
    assert await settings.profile.default_timer() == TimerSetting(60, 5)
    settings.server.answer = lambda _: 500
    with pytest.raises(QueryError):
        await settings.profile.default_timer()
