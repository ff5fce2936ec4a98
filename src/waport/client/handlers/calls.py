"""`<call>` stanzas: somebody calls, takes a call, declines it, or hangs up.

Source: docs/protocol/queries.md, "Calls".
"""

from __future__ import annotations

import logging
from dataclasses import replace

from ...model import Ack, Call, CallChanged, CallStatus, Message, MessageKey, MessageKind
from ...proto import pb
from ...stanza.calls import CallNews, call_answer, parse_call
from ...store import UnitOfWork
from ...wire import Jid, Node
from ..encryption import learn_mapping
from ..fanout import canonical
from ..work import Work
from .content import announce

log = logging.getLogger(__name__)

_ELSEWHERE = {
    "accepted_elsewhere": pb.CallLogMessage.ACCEPTED_ELSEWHERE,
    "rejected_elsewhere": pb.CallLogMessage.REJECTED,
}


def handle_call(work: Work, node: Node) -> None:
    """Keep how far a call has come, tell it, and answer the stanza.

    Raises:
        StanzaError: it does not say from whom it is; the dispatcher refuses it.
    """
    news = parse_call(node)
    if news is None:
        log.info("ignored a <call> that names no call")
    else:
        _apply(work, news)
    work.reply(call_answer(node, _own_like(work, node)))


def _own_like(work: Work, node: Node) -> Jid:
    """This device in the kind of address that the stanza uses."""
    source = node.get_jid("from")
    is_lid = source is not None and source.is_lid
    return work.own.lid if is_lid and work.own.lid is not None else work.own.pn


def _apply(work: Work, news: CallNews) -> None:
    store = work.store
    if news.caller_pn is not None and not work.own.is_own(news.creator):
        learn_mapping(store, news.caller_pn, news.creator.bare)
    known = _known(store, news)
    call = _changed(work, known, news)
    if call is None:
        return
    store.calls.put(call)
    # A call that one of our own devices made is shown by that device.
    if work.own.is_own(call.creator):
        return
    work.emit(CallChanged(call))
    if call.status.is_over or (call.is_offline and call.status is CallStatus.OFFER):
        _log_call(work, call, _outcome(known, call, news), news.duration_s)


def _known(store: UnitOfWork, news: CallNews) -> Call | None:
    caller = canonical(store, news.creator)
    known = store.calls.get(caller, news.id)
    if known is None and caller.is_pn:
        # The number may have been learnt since the offer came.
        lid = store.addresses.lid_of(caller)
        known = None if lid is None else store.calls.get(lid, news.id)
    if known is None:
        # It stands under the number that its offer claimed.
        found = store.calls.find(news.id)
        known = found if found is not None and found.creator.bare == news.creator.bare else None
    return known


def _caller(work: Work, news: CallNews) -> Jid:
    """Who calls, by phone number where that is known.

    The number that an offer names itself is the caller's own word. It is shown where nothing else
    is known of either address, and never kept as theirs: messages to it would go to the caller.
    """
    store = work.store
    caller, claimed = canonical(store, news.creator), news.claimed_pn
    if claimed is None or caller.is_pn or work.own.is_own(claimed):
        return caller
    return caller if store.addresses.lid_of(claimed) is not None else claimed


def _changed(work: Work, known: Call | None, news: CallNews) -> Call | None:
    """The call from now on; None when this is no news."""
    if known is None:
        return Call(
            id=news.id,
            creator=news.creator,
            caller=_caller(work, news),
            status=news.status,
            timestamp=news.timestamp or work.now,
            is_video=news.is_video if news.is_offer else None,
            group=news.group,
            is_group=news.is_group if news.is_offer else None,
            participants=tuple(canonical(work.store, each) for each in news.participants),
            is_offline=news.is_offline,
        )
    if news.status.rank <= known.status.rank:
        return None
    return replace(known, status=news.status)


def _outcome(known: Call | None, call: Call, news: CallNews) -> pb.CallLogMessage.CallOutcome:
    if news.reason in _ELSEWHERE:
        return _ELSEWHERE[news.reason]
    if call.status is CallStatus.REJECT:
        return pb.CallLogMessage.REJECTED
    if known is not None and known.status is CallStatus.ACCEPT:
        return pb.CallLogMessage.CONNECTED
    return pb.CallLogMessage.MISSED


def _log_call(
    work: Work, call: Call, outcome: pb.CallLogMessage.CallOutcome, duration_s: int
) -> None:
    """Show the call in its chat, once."""
    content = pb.Message()
    entry = content.callLogMesssage
    entry.isVideo = bool(call.is_video)
    entry.callOutcome = outcome
    entry.callType = pb.CallLogMessage.REGULAR
    if duration_s:
        entry.durationSecs = duration_s
    for each in call.participants if call.is_group else ():
        entry.participants.add(jid=str(each))
    stored = work.store.messages.add(
        Message(
            key=MessageKey(call.chat, call.id, False, call.caller),
            timestamp=call.timestamp,
            content=content.SerializeToString(),
            kind=MessageKind.OTHER,
            ack=Ack.SERVER,
        )
    )
    if stored is not None:
        announce(work, stored)
