"""What the server tells of businesses by itself, and what messages say of their author."""

from __future__ import annotations

from support.account import PEER_LID, PEER_PN, Account
from waport.client.handlers.business import handle_business
from waport.client.work import Work
from waport.model import BusinessChanged, Contact
from waport.proto import pb
from waport.wire import Jid, Node

GROUP = Jid("120363000000000001", "g.us")


def certificate(name: str) -> bytes:
    details = pb.VerifiedNameCertificate.Details(verifiedName=name).SerializeToString()
    return pb.VerifiedNameCertificate(details=details).SerializeToString()


async def notify(account: Account, *children: Node) -> Work:
    node = Node("notification", {"id": "N", "type": "business", "from": PEER_PN}, list(children))
    work = await account.handle(handle_business, node)
    (ack,) = work.replies
    assert ack.attrs == {"id": "N", "to": PEER_PN, "class": "notification", "type": "business"}
    return work


async def contact(account: Account) -> Contact:
    known: Contact | None = await account.read(lambda store: store.contacts.get(PEER_PN))
    return known or Contact(PEER_PN)


def told(account: Account) -> list[tuple[Jid, str]]:
    events = [event for event in account.sink.recorded if isinstance(event, BusinessChanged)]
    return [(event.business, event.what) for event in events]


async def test_a_name_comes_and_goes(account: Account) -> None:
    named = Node("verified_name", {"jid": PEER_LID, "verified_level": "high"}, certificate("Bread"))
    await notify(account, named)
    known = await contact(account)
    assert (known.is_business, known.verified_name, known.verified_level) == (True, "Bread", "high")
    await notify(account, Node("remove", {"jid": PEER_PN}))
    assert not (await contact(account)).is_business
    assert told(account) == [(PEER_PN, "verified_name"), (PEER_PN, "remove")]


async def test_what_is_not_kept_is_told(account: Account) -> None:
    await notify(account, Node("profile", {"hash": "abc"}), Node("product_catalog"), Node("new"))
    assert told(account) == [(PEER_PN, "profile"), (PEER_PN, "product_catalog"), (PEER_PN, "new")]


async def test_nonsense_changes_nothing(account: Account) -> None:
    await notify(account, Node("verified_name", {"jid": PEER_PN}, b"\xff"))
    await notify(account, Node("remove", {"jid": GROUP}))
    await notify(account)
    assert not (await contact(account)).is_business
    assert told(account) == [(PEER_PN, "verified_name")]
