"""Answers with the keys of the older server beside those of the routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]
Change = Callable[[Answer], None]
"""Changes the answer of one route."""


def copy(**names: str) -> Change:
    """The same values under more names: `theirs="ours"`."""

    def change(answer: Answer) -> None:
        for theirs, ours in names.items():
            if ours in answer:
                answer[theirs] = answer[ours]

    return change


def flat_ids(answer: Answer) -> None:
    """Groups whose ids stand beside their names, too."""
    answer["groups"] = [{**group, **group["id"]} for group in answer["groups"]]


def edited_message(answer: Answer) -> None:
    """The message that was edited, where the newer server has a text."""
    answer["message"] = answer["editedMessage"]


def receipt_ids(answer: Answer) -> None:
    """People of receipts as objects; nothing for messages of others."""
    info = answer["info"]
    for name in ("delivery", "read", "played"):
        info[name] = [{**receipt, "id": _id_object(receipt["id"])} for receipt in info[name]]
    if not answer["isOwn"]:
        answer["info"] = None


def _id_object(text: str) -> dict[str, str]:
    user, _, server = text.partition("@")
    return {"server": server, "user": user, "_serialized": text}
