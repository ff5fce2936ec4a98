"""The count of what the end-to-end tests drive: what counts as driven, and what does not."""

from __future__ import annotations

from support.driven import never_driven, wanted


def all_driven() -> set[tuple[str, str, int]]:
    return {
        (method, path.replace("{sessionId}", "main"), 501 if "Screenshot" in path else 200)
        for method, path in wanted()
    }


def test_every_operation_of_both_servers_is_wanted_at_its_place() -> None:
    names = wanted()
    assert len(set(names)) == len(names) > 81 + 149 + 31
    for name in (
        ("POST", "/client/sendMessage/{sessionId}"),
        ("POST", "/legacy/client/sendMessage/{sessionId}"),
        ("POST", "/client/muteChat/{sessionId}"),
        ("GET", "/legacy/client/getChats/{sessionId}"),
        ("GET", "/ws/{sessionId}"),
        ("EVENT", "contact_changed"),
    ):
        assert name in names
    assert ("POST", "/legacy/chat/mute/{sessionId}") not in names


def test_nothing_is_missing_once_all_was_driven() -> None:
    assert never_driven(all_driven()) == []
    assert len(never_driven([])) == len(wanted())


def test_only_success_at_the_right_place_counts() -> None:
    calls = all_driven()
    path = "/legacy/client/sendMessage/main"
    calls.remove(("POST", path, 200))
    calls |= {("POST", path, 404), ("GET", path, 200), ("POST", f"{path}/x", 200)}
    lacking = ["POST /legacy/client/sendMessage/{sessionId} (only [404])"]
    assert never_driven(calls) == lacking
    assert never_driven([*calls, ("POST", "/LEGACY/Client/sendMessage/main/", 200)]) == []
