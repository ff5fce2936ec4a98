from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput
from waport.pairing import (
    DEFAULT_VERSION,
    ClientVersion,
    DeviceProfile,
    build_hash,
    find_client_revision,
    login_payload,
    registration_payload,
)
from waport.pairing.payload import big_endian
from waport.proto import pb

KEYS: dict[str, Any] = {
    "registration_id": 0x1234,
    "identity_public": b"i" * 32,
    "signed_pre_key_id": 1,
    "signed_pre_key_public": b"s" * 32,
    "signed_pre_key_signature": b"g" * 64,
}


# --- version -------------------------------------------------------------------------------------


def test_version_is_read_and_written() -> None:
    version = ClientVersion.parse(" 2.3000.1035194821\n")
    assert version == ClientVersion(2, 3000, 1035194821)
    assert str(version) == "2.3000.1035194821"
    assert version == ClientVersion.of_revision(1035194821)
    assert version < DEFAULT_VERSION


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2.3000",
        "2.3000.x",
        "2.3000.1.1",
        "2.3000.-1",
        "2.3000.4294967296",
        "2.3000.٣",
        "2.3000.0",
    ],
)
def test_version_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        ClientVersion.parse(text)


def test_build_hash_is_md5_of_the_text() -> None:
    assert build_hash(ClientVersion(2, 3000, 1035194821)).hex() == (
        "a2c9471eff910a9e1ae659890a28872d"
    )
    assert build_hash(DEFAULT_VERSION).hex() == "9fa53af9421567b114e33c9bb1ef7db2"


@pytest.mark.parametrize(
    "page",
    [
        'a"client_revision":1045649367,"b":2',
        r"JSON.parse(\"{\"client_revision\":1045649367,\")",
        r'\\"client_revision\\": 1045649367}',
        "client_revision:1045649367;",
        '"client_revision":null, "client_revision" : 1045649367',
        '"client_revision":0,"client_revision":1045649367',
        '"client_revision":99999999999999,"client_revision":1045649367',
    ],
)
def test_client_revision_is_found(page: str) -> None:
    assert find_client_revision(page) == 1045649367
    assert find_client_revision(page.encode() + b"\xff\xfe") == 1045649367


@pytest.mark.parametrize(
    "page",
    [
        "",
        "revision: 5",
        '"client_revision":"1045649367x"',
        '"client_revision":4294967296',
        '"client_revision":-5',
        "client_revision:٣",
        '"client_revision"' + " " * 100 + ":5",
        "\udcff client_revision",
        " " * (8 * 1024 * 1024) + '"client_revision":1045649367',
    ],
)
def test_page_without_a_revision_gives_none(page: str) -> None:
    assert find_client_revision(page) is None


# --- what the phone shows of us ------------------------------------------------------------------


def test_profile_is_written_as_device_props() -> None:
    props = pb.DeviceProps.FromString(
        DeviceProfile("Mac OS", "Safari", (10, 15, 7), wants_full_history=True).device_props()
    )
    assert props.os == "Mac OS"
    version = props.version
    assert (version.primary, version.secondary, version.tertiary) == (10, 15, 7)
    assert props.platformType == pb.DeviceProps.PlatformType.SAFARI
    assert props.requireFullSync


def test_default_profile_asks_for_recent_history_and_says_what_it_reads() -> None:
    props = pb.DeviceProps.FromString(DeviceProfile().device_props())
    assert props.HasField("requireFullSync")
    assert not props.requireFullSync
    history = {field.name: value for field, value in props.historySyncConfig.ListFields()}
    assert history == {
        "storageQuotaMb": 10240,
        "inlineInitialPayloadInE2EeMsg": True,
        "supportCallLogHistory": True,
        "supportBotUserAgentChatHistory": True,
        "supportCagReactionsAndPolls": True,
        "supportBizHostedMsg": True,
        "supportRecentSyncChunkMessageCountTuning": True,
        "supportHostedGroupMsg": True,
        "supportFbidBotChatHistory": True,
        "supportMessageAssociation": True,
        "supportGroupHistory": True,
        "thumbnailSyncDaysLimit": 60,
        "supportManusHistory": True,
        "supportHatchHistory": True,
    }


@pytest.mark.parametrize(
    ("browser", "client_type"),
    [
        ("chrome", "1"),
        ("Edge", "2"),
        ("Firefox", "3"),
        ("IE", "4"),
        ("Opera", "5"),
        ("Mosaic", "9"),
    ],
)
def test_profile_knows_its_client_type_and_display_name(browser: str, client_type: str) -> None:
    profile = DeviceProfile("Windows", browser)
    assert profile.client_type == client_type
    assert profile.display_name == f"{browser} (Windows)"


# --- payloads ------------------------------------------------------------------------------------


def test_published_login_differs_only_in_manufacturer_and_counter() -> None:
    published = bytes.fromhex(
        "088784b4f73918012a36080e120b080210b81718c5a3cfed031a0330303022033030302a03302e313a074465736b74"
        "6f704203302e3150005a02656e620255533202200060016801900103880201c80200"
    )
    ours = pb.ClientPayload.FromString(
        login_payload(
            user="15551234567",
            device=3,
            login_counter=5,
            version=ClientVersion(2, 3000, 1035194821),
        )
    )
    assert ours.lc == 5
    ours.ClearField("lc")
    ours.userAgent.ClearField("manufacturer")
    assert ours.SerializeToString() == published


def test_login_is_passive_pulls_and_claims_no_lid_migration() -> None:
    payload = pb.ClientPayload.FromString(login_payload(user="15551234567", device=3))
    assert payload.passive
    assert payload.pull
    assert payload.HasField("lidDbMigrated")
    assert not payload.lidDbMigrated
    assert not payload.HasField("lc")
    assert not payload.HasField("devicePairingData")


def test_registration_says_that_it_is_neither_passive_nor_pulling() -> None:
    payload = pb.ClientPayload.FromString(registration_payload(**KEYS))
    assert payload.HasField("passive")
    assert payload.HasField("pull")
    assert not payload.passive
    assert not payload.pull
    assert not payload.HasField("username")
    assert not payload.HasField("lidDbMigrated")
    data = payload.devicePairingData
    assert data.eRegid == b"\x00\x00\x12\x34"
    assert data.eKeytype == b"\x05"
    assert data.eSkeyId == b"\x00\x00\x01"
    assert data.buildHash == build_hash(DEFAULT_VERSION)
    assert data.deviceProps == DeviceProfile().device_props()


@pytest.mark.parametrize("kind", ["login", "registration"])
def test_user_agent_never_names_phone_id_or_unasked_push_name(kind: str) -> None:
    raw = (
        login_payload(user="15551234567", device=3)
        if kind == "login"
        else registration_payload(**KEYS)
    )
    payload = pb.ClientPayload.FromString(raw)
    assert not payload.HasField("pushName")
    assert not payload.userAgent.HasField("phoneId")
    assert payload.userAgent.HasField("manufacturer")
    assert payload.userAgent.manufacturer == ""
    assert payload.userAgent.HasField("releaseChannel")
    assert payload.webInfo.HasField("webSubPlatform")
    assert payload.userAgent.localeCountryIso31661Alpha2 == "US"


def test_push_name_and_locale_are_sent_if_asked_for() -> None:
    payload = pb.ClientPayload.FromString(
        registration_payload(**KEYS, push_name="Amara", country="KE", language="sw")
    )
    assert payload.pushName == "Amara"
    assert payload.userAgent.localeCountryIso31661Alpha2 == "KE"
    assert payload.userAgent.localeLanguageIso6391 == "sw"


@pytest.mark.parametrize(
    "changes",
    [
        {"registration_id": -1},
        {"registration_id": 2**32},
        {"signed_pre_key_id": 2**24},
        {"identity_public": bytes(33)},
        {"signed_pre_key_public": bytes(31)},
        {"signed_pre_key_signature": bytes(63)},
    ],
)
def test_registration_with_unfit_keys_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        registration_payload(**{**KEYS, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"user": ""},
        {"user": "+1555"},
        {"user": "١٢٣"},
        {"user": "18446744073709551616"},
        {"user": "1" * 5000},
        {"device": 0},
        {"device": 2**32},
        {"login_counter": -1},
        {"login_counter": 2**31},
    ],
)
def test_login_with_unfit_numbers_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        login_payload(**{"user": "15551234567", "device": 3, **changes})


@pytest.mark.parametrize(("number", "width"), [(-1, 3), (2**24, 3), (2**32, 4)])
def test_number_that_does_not_fit_is_refused(number: int, width: int) -> None:
    with pytest.raises(InvalidInput):
        big_endian(number, width)
