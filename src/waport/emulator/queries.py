"""Every IQ gets exactly one answer: the table of namespaces, and the small ones among them.

Source: docs/protocol/queries.md, "Small queries" and "Server side".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..errors import InvalidInput, StanzaError, WhatsAppError
from ..wire import AttrValue, Jid, Node
from .business_queries import BusinessQueries
from .delivery import Deliveries
from .groups_queries import Groups
from .media_conn import MediaConn
from .mex import Mex
from .newsletters_lists import NewsletterLists
from .pairing import Pairing
from .prekeys import PreKeys
from .privacy import Privacy
from .profile import Profiles
from .replies import Asker, Handler, Refusal, refuse, result
from .usync import USync

_log = logging.getLogger(__name__)

_DAY_S = 86_400
_PROPS_HASH = "emulated"
_PROPS = (("90001", "1"), ("90002", "a text"))
"""Codes that no client acts on."""
_ASSISTANT = ("867051314767696", "867051314767696$760019659443059")
_COOK = ("718584497008509", "718584497008509$1")
_BOTS = (("All", "all", (_ASSISTANT, _COOK)), ("Featured", "featured", (_COOK,)))
_MAX_NOTICES = 100
_MAX_NOTICE_ID = 32


class Queries:
    """Answers the IQs of logged-in devices."""

    def __init__(
        self,
        deliveries: Deliveries,
        *,
        pairing: Pairing,
        pre_keys: PreKeys,
        privacy: Privacy,
        profiles: Profiles,
        groups: Groups,
        media: MediaConn,
        usync: USync,
        newsletters: NewsletterLists,
        business: BusinessQueries,
        mex: Mex,
    ) -> None:
        self._deliveries = deliveries
        self._handlers: Mapping[str, Handler] = {
            "abt": _props,
            "blocklist": privacy.block_list,
            "bot": _bots,
            "disappearing_mode": profiles.timer,
            "encrypt": pre_keys.answer,
            "fb:thrift_iq": business.order,
            "md": pairing.answer,
            "newsletter": newsletters.answer,
            "optoutlist": _empty_list,
            "passive": self._passive,
            "privacy": privacy.settings,
            "spam": _spam,
            "status": profiles.about,
            "tos": self._terms,
            "urn:xmpp:ping": self._ping,
            "urn:xmpp:whatsapp:dirty": self._clean,
            "urn:xmpp:whatsapp:push": _empty,
            "usync": usync.answer,
            "w": _old_props,
            "w:biz": business.profile,
            "w:biz:catalog": business.catalog,
            "w:comms:chat": _announcements,
            "w:g2": groups.answer,
            "w:m": media.answer,
            "w:mex": mex.answer,
            "w:p": self._ping,
            "w:profile:picture": profiles.picture,
            "w:qr": business.short_link,
            "w:stats": _empty,
            "w:sync:app:state": _app_state,
        }

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """The answer to one IQ, of type result or error."""
        handler = self._handlers.get(iq.get("xmlns", ""))
        if handler is None:
            return refuse(iq, 501)
        try:
            return await handler(asker, iq)
        except Refusal as refusal:
            return refuse(iq, refusal.code)
        except (StanzaError, InvalidInput) as exc:
            _log.info("malformed question in %s: %s", iq.get("xmlns"), exc)
            return refuse(iq, 400)
        except WhatsAppError:
            _log.exception("a question in %s could not be answered", iq.get("xmlns"))
            return refuse(iq, 500)

    async def _ping(self, asker: Asker, iq: Node) -> Node:
        return result(iq, t=self._deliveries.t)

    async def _passive(self, asker: Asker, iq: Node) -> Node:
        """`<active/>` and `<passive/>`; the queue itself follows the answer (`Dispatcher`)."""
        if iq.find("active") is None and iq.find("passive") is None:
            raise Refusal(400)
        return result(iq)

    async def _terms(self, asker: Asker, iq: Node) -> Node:
        if iq.get("type") == "set":
            notices = {notice.attr("id")[:_MAX_NOTICE_ID] for notice in iq.children("notice")}
            if len(asker.account.notices | notices) > _MAX_NOTICES:
                raise Refusal(400)
            asker.account.notices |= notices
            self._deliveries.changed()
        return result(iq)

    async def _clean(self, asker: Asker, iq: Node) -> Node:
        for clean in iq.children("clean"):
            asker.device.dirty.pop(clean.attr("type"), None)
        self._deliveries.changed()
        return result(iq)


async def _app_state(asker: Asker, iq: Node) -> Node:
    """The phone keeps the account's collections; see `link.PhoneDevice`."""
    phone = asker.account.phone
    if phone is None:
        raise Refusal(503)
    return await phone.app_state_query(asker.device.id, iq)


async def _empty(asker: Asker, iq: Node) -> Node:
    return result(iq)


async def _empty_list(asker: Asker, iq: Node) -> Node:
    return result(iq, Node("list", {"dhash": "0", "matched": "true"}))


async def _props(asker: Asker, iq: Node) -> Node:
    attrs: dict[str, AttrValue] = {
        "protocol": "1",
        "hash": _PROPS_HASH,
        "ab_key": "0",
        "refresh": str(_DAY_S),
        "refresh_id": "0",
        "delta_update": "false",
    }
    if iq.child("props").get("hash") == _PROPS_HASH:
        return result(iq, Node("props", attrs))
    props = [Node("prop", {"config_code": x, "config_value": value}) for x, value in _PROPS]
    return result(iq, Node("props", attrs, props))


async def _old_props(asker: Asker, iq: Node) -> Node:
    return result(iq, Node("props", {"version": "1", "hash": "0"}))


async def _bots(asker: Asker, iq: Node) -> Node:
    sections = [
        Node("section", {"name": name, "type": kind}, [_bot("bot", *each) for each in bots])
        for name, kind, bots in _BOTS
    ]
    default = _bot("default", *_ASSISTANT)
    content = [*sections, default]
    return result(iq, Node("bot", {"v": iq.child("bot").get("v", "2")}, content))


def _bot(tag: str, user: str, persona: str) -> Node:
    return Node(tag, {"jid": Jid(user, "bot"), "persona_id": persona})


async def _announcements(asker: Asker, iq: Node) -> Node:
    if (change := iq.find("blocking")) is not None:
        status = "blocked" if change.get("action") == "block" else "unblocked"
        return result(iq, Node("blocking", {"status": status}))
    return result(iq, Node("blocking", {"status": "unblocked"}))


async def _spam(asker: Asker, iq: Node) -> Node:
    iq.child("spam_list")
    return result(iq, Node("report_id", {}, b"1"))
