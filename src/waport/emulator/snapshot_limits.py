"""What an account may do with strangers and they with it, as JSON values, and back.

A part of the state folder's snapshot (`snapshot`).
"""

from __future__ import annotations

from ..errors import CorruptRecord
from .accounts import STATUS_AUDIENCES, Account, ChatCap, Restriction
from .saved import Saved
from .tokens import TrustedToken


def dump_limits(account: Account) -> dict[str, object]:
    """Tokens, terms, restriction, cap and who sees status posts."""
    restriction, cap = account.restriction, account.chat_cap
    return {
        "tokens": [
            {"giver": giver, "t": token.t, "value": token.value.hex()}
            for giver, tokens in account.tokens.items()
            for token in tokens
        ],
        "notices": sorted(account.notices),
        "restriction": []
        if restriction is None
        else [{"kind": restriction.kind, "ends": restriction.ends or 0}],
        "chat_cap": []
        if cap is None
        else [{"total": cap.total, "used": cap.used, "since": cap.since, "ends": cap.ends}],
        "is_guarded": account.is_guarded,
        "status_audience": account.status_audience[0],
        "status_people": list(account.status_audience[1]),
    }


def load_limits(saved: Saved, account: Account) -> None:
    """Take back what `dump_limits` gave.

    Raises:
        CorruptRecord: it is something else.
    """
    for item in saved.parts("tokens"):
        token = TrustedToken(item.number("t"), item.data("value"))
        account.tokens.setdefault(item.text("giver"), []).append(token)
    account.notices = set(saved.texts("notices"))
    for item in saved.parts("restriction"):
        account.restriction = Restriction(item.text("kind"), item.number("ends") or None)
    for item in saved.parts("chat_cap"):
        account.chat_cap = ChatCap(
            item.number("total"), item.number("used"), item.number("since"), item.number("ends")
        )
    account.is_guarded = saved.flag("is_guarded")
    kind = saved.text("status_audience")
    if kind not in STATUS_AUDIENCES:
        raise CorruptRecord("an unknown audience of status posts")
    account.status_audience = (kind, tuple(saved.texts("status_people")))
