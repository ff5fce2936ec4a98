"""The JSON of labels."""

from __future__ import annotations

from typing import Final, NotRequired

from typing_extensions import TypedDict

from ..appstate.actions import EditLabel

COLORS: Final = (
    *("#ff9485", "#64c4ff", "#ffd429", "#dfaef0", "#99b6c1", "#55ccb3", "#ff9dff"),
    *("#d3a91d", "#6d7cce", "#d7e752", "#00d0e2", "#ffc5c7", "#93ceac", "#f74848"),
    *("#00a0f2", "#83e422", "#ffaf04", "#b5ebff", "#9ba6ff", "#9368cf"),
)
"""WhatsApp's palette, by the number that a label carries."""


class LabelJson(TypedDict):
    """A label; `hexColor` is empty for a colour that is not in the palette."""

    id: str
    name: str
    hexColor: str
    color: int
    deleted: bool
    predefinedId: NotRequired[str]


def label_json(label: EditLabel) -> LabelJson:
    """A label."""
    shape: LabelJson = {
        "id": label.label_id,
        "name": label.name,
        "hexColor": COLORS[label.color] if 0 <= label.color < len(COLORS) else "",
        "color": label.color,
        "deleted": label.deleted,
    }
    if label.predefined_id:
        shape["predefinedId"] = str(label.predefined_id)
    return shape
