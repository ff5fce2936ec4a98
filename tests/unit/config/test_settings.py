"""Settings: defaults, words, lists, and errors that name the variable."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from waport.config import Settings, is_loopback
from waport.config.settings import _FIXED
from waport.errors import InvalidInput
from waport.store import Database

ROOT_KEY = "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"


@pytest.fixture(autouse=True)
def _no_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(**environ: str) -> Settings:
    return Settings.load(environ=environ)


def test_defaults_are_those_of_the_contract() -> None:
    settings = load()
    assert settings.port == 3000
    assert settings.api_key == ""
    assert settings.listen_host == "127.0.0.1"
    assert settings.base_path == ""
    assert settings.enable_legacy_router
    assert settings.enable_websocket
    assert settings.enable_webhook
    assert settings.base_webhook_url is None
    assert settings.sessions_path == Path("sessions")
    assert settings.auto_start_sessions
    assert settings.log_level == "info"
    assert settings.disabled_callbacks == frozenset()
    assert settings.max_reconnect_retries == 0
    assert settings.reconnect_interval_ms == 3000
    assert settings.max_attachment_size == 10_000_000
    assert settings.send_ack_timeout_s == 10.0
    assert settings.event_payloads == "flat"
    assert settings.webhook_max_age_hours == 96
    assert settings.rate_limit is None
    assert settings.has_docs
    assert settings.webhook_url("any") is None


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1", True),
        ("TRUE", True),
        (" yes ", True),
        ("on", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("OFF", False),
    ],
)
def test_booleans_have_four_words_each(word: str, value: bool) -> None:
    assert load(TRUST_PROXY=word).trust_proxy is value


def test_empty_means_unset() -> None:
    settings = load(ENABLE_WEBHOOK="", PORT="  ", BASE_WEBHOOK_URL="", RATE_LIMIT_MAX="")
    assert settings.enable_webhook
    assert settings.port == 3000
    assert settings.rate_limit is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLE_WEBSOCKET", "maybe"),
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("RECONNECT_INTERVAL", "0"),
        ("RATE_LIMIT_MAX", "x"),
        ("LOG_LEVEL", "loud"),
        ("EVENT_PAYLOADS", "nested"),
        ("BASE_WEBHOOK_URL", "ftp://host/x"),
        ("BASE_WEBHOOK_URL", "http://host:99999/"),
        ("WA_WEBSOCKET_URL", "https://host"),
        ("WA_NOISE_ROOT_KEY", "abcd"),
        ("WA_NOISE_ROOT_KEY", "zz" * 32),
        ("WA_CA_FILE", "/nowhere/ca.pem"),
        ("WEBHOOK_SECRET", "whsec_!!"),
        ("WEBHOOK_SECRET", "whsec_" + "A" * 88),
        ("WEBHOOK_API_KEY", "schl\u00fcssel"),
        ("WEBHOOK_API_KEY", "one\ttwo"),
        ("WEBHOOK_MAX_AGE_HOURS", "0"),
        ("WEBHOOK_MAX_AGE_HOURS", "long"),
        ("SEND_ACK_TIMEOUT", "soon"),
        ("SEND_ACK_TIMEOUT", "nan"),
        ("PROXY_URL", "host:80"),
        ("BASE_PATH", "/a b"),
    ],
)
def test_an_unreadable_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: ") as caught:
        load(**{name: value})
    # The value may be a secret that stands in the wrong place.
    assert value not in str(caught.value)


def test_integers_read_their_leading_digits() -> None:
    assert load(PORT="3000abc").port == 3000
    assert load(RECONNECT_INTERVAL=" 500ms").reconnect_interval_ms == 500


@pytest.mark.parametrize("text", ["a,b,c", "a|b|c", "a b  c", " a , b |c,", "a,b\tc"])
def test_disabled_callbacks_split_on_comma_bar_and_blanks(text: str) -> None:
    assert load(DISABLED_CALLBACKS=text).disabled_callbacks == {"a", "b", "c"}


def test_with_a_key_all_interfaces_are_the_default() -> None:
    assert load(API_KEY="k").listen_host == "0.0.0.0"
    assert load(API_KEY="k", HOST="10.0.0.1").listen_host == "10.0.0.1"


def test_a_public_host_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"HOST: .*API_KEY.*ALLOW_UNAUTHENTICATED"):
        load(HOST="0.0.0.0")
    assert load(HOST="localhost").listen_host == "localhost"
    assert load(HOST="::1").listen_host == "::1"
    assert load(HOST="0.0.0.0", ALLOW_UNAUTHENTICATED="true").listen_host == "0.0.0.0"
    assert load(ALLOW_UNAUTHENTICATED="true").listen_host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_loopback_addresses_are_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=4000\nAPI_KEY='from file'\nHOST=$HOME\n")
    settings = load(PORT="5000", HOST="127.0.0.1")
    assert settings.port == 5000
    assert settings.api_key == "from file"


def test_nothing_is_expanded_in_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_KEY=a$HOME${X}b\n")
    assert load().api_key == "a$HOME${X}b"


def test_env_path_names_another_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n")
    (tmp_path / "other").write_text("PORT=2\n")
    assert load(ENV_PATH=str(tmp_path / "other")).port == 2
    assert Settings.load(tmp_path / "other", {}).port == 2
    with pytest.raises(InvalidInput, match="ENV_PATH"):
        load(ENV_PATH="missing.env")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(InvalidInput, match="ENV_PATH"):
        load()


def test_each_session_can_have_its_own_webhook() -> None:
    settings = load(
        BASE_WEBHOOK_URL="http://base.example/a",
        **{"ABC_WEBHOOK_URL": "https://abc.example/b", "MY-BOT_WEBHOOK_URL": "http://bot.example"},
    )
    assert settings.webhook_url("abc") == "https://abc.example/b"
    assert settings.webhook_url("AbC") == "https://abc.example/b"
    assert settings.webhook_url("my-bot") == "http://bot.example"
    assert settings.webhook_url("other") == "http://base.example/a"


def test_webhooks_can_be_switched_off() -> None:
    settings = load(ENABLE_WEBHOOK="false", BASE_WEBHOOK_URL="http://base.example")
    assert settings.webhook_url("abc") is None


def test_a_foreign_variable_that_looks_like_a_session_url_is_no_error() -> None:
    settings = load(SLACK_WEBHOOK_URL="see wiki")
    assert settings.webhook_url("slack") is None
    assert any("SLACK_WEBHOOK_URL" in notice for notice in settings.notices())


def test_browser_settings_are_ignored_with_a_notice() -> None:
    notices = load(CHROME_BIN="/usr/bin/chromium", HEADLESS="perhaps").notices()
    assert [n for n in notices if "CHROME_BIN" in n]
    assert [n for n in notices if "HEADLESS" in n]


def test_a_setting_without_effect_is_told() -> None:
    (notice,) = load(API_KEY="k", RECOVER_SESSIONS="false").notices()
    assert notice == "RECOVER_SESSIONS is set and has no effect here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLE_LEGACY_ROUTER", "false"),
        ("LEGACY_STRICT", "true"),
        ("ENABLE_WEB_UI", "yes"),
        ("ENABLE_LOCAL_CALLBACK_EXAMPLE", "on"),
        ("EVENT_PAYLOADS", "flat"),
        ("RECOVER_SESSIONS", "true"),
        ("PORT", "3001"),
    ],
)
def test_a_setting_that_says_what_happens_is_not_told(name: str, value: str) -> None:
    assert load(API_KEY="k", **{name: value}).notices() == []
    assert load(API_KEY="k").notices() == []


def test_web_version_is_taken_in_one_form_only() -> None:
    assert load(WEB_VERSION="2.3000.1017054665").web_version == (2, 3000, 1017054665)
    assert load(WEB_VERSION="2.3000.1017054665-alpha").web_version == (2, 3000, 1017054665)
    odd = load(WEB_VERSION="2.2412.54")
    assert odd.web_version is None
    assert any("WEB_VERSION" in notice for notice in odd.notices())


def test_another_endpoint_is_announced(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    settings = load(
        WA_WEBSOCKET_URL="wss://127.0.0.1:8080/ws/chat",
        WA_NOISE_ROOT_KEY=ROOT_KEY,
        WA_CA_FILE=str(tmp_path / "ca.pem"),
        WA_WEB_URL="https://127.0.0.1:8080",
    )
    assert settings.wa_noise_root_key == bytes.fromhex(ROOT_KEY)
    assert any("not talking to WhatsApp" in notice for notice in settings.notices())


def test_a_server_without_a_key_says_so() -> None:
    assert any("no API_KEY" in notice for notice in load().notices())
    assert not any("no API_KEY" in notice for notice in load(API_KEY="k").notices())


@pytest.mark.parametrize(
    ("text", "expected"), [("/", ""), ("api", "/api"), ("/api/", "/api"), ("/a/b", "/a/b")]
)
def test_base_path_has_one_leading_slash(text: str, expected: str) -> None:
    assert load(BASE_PATH=text).base_path == expected


def test_the_rate_limit_is_on_when_either_setting_is() -> None:
    assert load(RATE_LIMIT_MAX="5").rate_limit == (5, 1000)
    assert load(RATE_LIMIT_WINDOW_MS="60000").rate_limit == (1000, 60000)


def test_docs_go_only_by_an_explicit_false() -> None:
    assert not load(ENABLE_SWAGGER_ENDPOINT="false").has_docs
    assert load(ENABLE_SWAGGER_ENDPOINT="true").has_docs


def test_origins_are_a_comma_list() -> None:
    settings = load(ALLOWED_ORIGINS="https://a.example/, https://b.example")
    assert settings.allowed_origins == ("https://a.example", "https://b.example")


def test_the_database_lies_in_the_sessions_folder_unless_named(tmp_path: Path) -> None:
    assert load(SESSIONS_PATH=str(tmp_path)).store_url == f"sqlite:///{tmp_path}/waport.db"
    assert load(DATABASE_URL="postgresql://u@h/d").store_url == "postgresql://u@h/d"


@pytest.mark.parametrize(
    "folder", ["100%", "a%41b", "a?b", "a#b", "a?mode=ro", "a b", "käse", "a+b", "a&b=c;d", "a@b:c"]
)
async def test_the_sessions_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder
    database = await Database.open(load(SESSIONS_PATH=str(path)).store_url)
    await database.close()
    assert "waport.db" in os.listdir(path)
    assert os.listdir(tmp_path) == [folder]


def test_secrets_do_not_show_in_the_settings_text() -> None:
    secret = "whsec_" + "QUJD" * 8
    text = repr(load(API_KEY="topsecret", WEBHOOK_SECRET=secret, WEBHOOK_API_KEY="alsosecret"))
    assert "topsecret" not in text
    assert secret not in text
    assert "alsosecret" not in text


def test_unknown_names_are_no_error() -> None:
    assert load(NO_SUCH_SETTING="x", api_key="lower").api_key == ""


def test_the_example_file_names_every_setting_and_holds_the_defaults(tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / ".env.example"
    text = example.read_text()
    for field in Settings.model_fields.values():
        assert field.alias is None or field.alias in text, field.alias
    idle = re.findall(r"[A-Z_]{3,}", text.partition("without effect so far")[2])
    assert set(idle) == {Settings.model_fields[name].alias for name in _FIXED}
    given = Settings.load(example, {})
    assert given.model_copy(update={"enable_swagger": None}) == load()
