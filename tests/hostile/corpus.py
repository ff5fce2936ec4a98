"""Good stanzas to start from, with their places in `stanzas.json`."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path

from support.account import OWN_PN
from waport.wire import Jid, Node, decode_stanza


@cache
def _all() -> tuple[list[Node], dict[str, list[Node]]]:
    pushed: list[Node] = []
    answers: dict[str, list[Node]] = defaultdict(list)
    text = (Path(__file__).parent / "stanzas.json").read_text(encoding="utf-8")
    for entry in json.loads(text)["stanzas"]:
        node = decode_stanza(bytes.fromhex(entry["stanza"]))
        _rename(node, entry.get("own", ""))
        asked = entry.get("asked", "")
        if asked:
            answers["|".join(asked.split("|")[:4])].append(node)
        if not asked or node.tag == "ack":
            pushed.append(node)
    return pushed, dict(answers)


def _rename(node: Node, own: str) -> None:
    """What was said to another account is said to ours."""
    for name, value in node.attrs.items():
        if isinstance(value, Jid) and own and value.user == own:
            node.attrs[name] = Jid(OWN_PN.user, value.server, value.device)
    for child in node.children():
        _rename(child, own)


def pushed() -> list[Node]:
    """What comes by itself, acks included."""
    return _all()[0]


def answers() -> dict[str, list[Node]]:
    """Answers, by what was asked: tag, xmlns, type and the tag of the first child."""
    return _all()[1]
