"""App state by the admin API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from waport.emulator.appstate_faults import KINDS


@pytest.fixture
def path(people: list[dict[str, str]]) -> str:
    return f"/accounts/{people[0]['phone']}/app-state"


PIN = {
    "index": ["pin_v1", "1@s.whatsapp.net"],
    "version": 5,
    "value": {"timestamp": "5", "pinAction": {"pinned": True}},
}


async def test_records_are_written_and_shown(http: httpx.AsyncClient, path: str) -> None:
    body: dict[str, Any] = {"collection": "regular_low", "mutations": [PIN]}
    assert (await http.post(path, json=body)).json() == {"version": 2}
    shown = (await http.get(path)).json()
    assert [len(key) for key in shown["keys"]] == [12]
    assert shown["collections"]["regular_low"]["version"] == 2
    assert PIN in shown["collections"]["regular_low"]["records"]
    body["mutations"] = [{"index": PIN["index"], "remove": True}]
    assert (await http.post(path, json=body)).json() == {"version": 3}
    shown = (await http.get(path)).json()
    assert PIN not in shown["collections"]["regular_low"]["records"]


async def test_new_keys_encrypt_and_may_end_the_old_ones(
    http: httpx.AsyncClient, path: str
) -> None:
    made = (await http.post(f"{path}/key", json={"shared": False, "expires": True})).json()
    shown = (await http.get(path)).json()
    assert shown["keys"][-1] == made["id"]
    assert {
        "index": ["sentinel"],
        "version": 3,
        "value": {
            "timestamp": shown["collections"]["regular_low"]["records"][-1]["value"]["timestamp"],
            "keyExpiration": {"expiredKeyEpoch": 1},
        },
    } in shown["collections"]["regular_low"]["records"]


async def test_faults_are_ordered_and_forgotten(http: httpx.AsyncClient, path: str) -> None:
    for kind in KINDS:
        body = {"kind": kind, "collection": "regular", "count": 2, "code": 503}
        assert (await http.post(f"{path}/faults", json=body)).json() == {"ordered": 2}
    assert (await http.post(f"{path}/faults", json={})).json() == {"ordered": 0}


async def test_patches_are_forgotten(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.post(f"{path}/forget", json={"collection": "regular_low"})
    assert answer.json() == {"forgotten": 1}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("", {"collection": "nonsense", "mutations": [PIN]}),
        ("", {"collection": "regular", "mutations": []}),
        ("", {"collection": "regular", "mutations": [1]}),
        ("", {"collection": "regular", "mutations": [{**PIN, "index": []}]}),
        ("", {"collection": "regular", "mutations": [{**PIN, "index": [1]}]}),
        ("", {"collection": "regular", "mutations": [{**PIN, "value": {"nonsense": 1}}]}),
        ("", {"collection": "regular", "mutations": [{**PIN, "version": -1}]}),
        ("/faults", {"kind": "nonsense"}),
        ("/faults", {"kind": "gap", "collection": "nonsense"}),
        ("/forget", {}),
    ],
)
async def test_nonsense_is_refused(
    http: httpx.AsyncClient, path: str, route: str, body: dict[str, Any]
) -> None:
    assert (await http.post(path + route, json=body)).status_code == 400
