"""The API document and its page."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from support.fake_client import PEER, stored
from waport.api import app as app_module
from waport.api.openapi import build_document
from waport.appstate.actions import EditLabel
from waport.client.message_lookup import MessageReceipts
from waport.client.receipt_times import ReceiptTimes
from waport.model import Ack, Chat, ChatSummary, Contact
from waport.model.group import JoinRequest
from waport.proto import pb

ROUTES = {
    "/ping": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/session/start/{sessionId}": {"get"},
    "/session/stop/{sessionId}": {"get"},
    "/session/status/{sessionId}": {"get"},
    "/session/terminate/{sessionId}": {"delete"},
    "/session/getSessions": {"get"},
    "/session/qr/{sessionId}": {"get"},
    "/session/qr/{sessionId}/image": {"get"},
    "/session/requestPairingCode/{sessionId}": {"post"},
    "/session/passkey/{sessionId}": {"get", "post"},
    "/session/passkey/{sessionId}/confirm": {"post"},
    "/session/logout/{sessionId}": {"get"},
    "/session/restart/{sessionId}": {"get"},
    "/client/sendMessage/{sessionId}": {"post"},
    "/client/messageStatus/{sessionId}/{messageId}": {"get"},
    "/chat/fetchMessages/{sessionId}": {"post"},
    "/message/getInfo/{sessionId}": {"post"},
    "/message/react/{sessionId}": {"post"},
    "/message/star/{sessionId}": {"post"},
    "/message/delete/{sessionId}": {"post"},
    "/message/forward/{sessionId}": {"post"},
    "/message/downloadMedia/{sessionId}": {"post"},
    "/message/getQuotedMessage/{sessionId}": {"post"},
    "/message/getMentions/{sessionId}": {"post"},
    "/message/edit/{sessionId}": {"post"},
    "/message/pin/{sessionId}": {"post"},
    "/message/unpin/{sessionId}": {"post"},
    "/apiKeys": {"get", "post"},
    "/apiKeys/{keyId}": {"delete"},
    "/ws": {"get"},
    "/events": {"get"},
    "/events/stream": {"get"},
    "/webhooks": {"get", "post"},
    "/webhooks/{webhookId}": {"get", "patch", "delete"},
    "/webhooks/{webhookId}/rotate": {"post"},
    "/webhooks/{webhookId}/deadLetters": {"get"},
    "/webhooks/{webhookId}/resend": {"post"},
}

CHAT_ACTIONS = (
    *("sendStateTyping", "sendStateRecording", "clearState", "sendSeen", "markUnread"),
    *("archive", "unarchive", "pin", "unpin", "mute", "unmute", "clearMessages", "delete"),
    *("getLabels", "getContact"),
)
GROUP_ACTIONS = (
    *("getGroupInfo", "getParticipants", "addParticipants", "removeParticipants"),
    *("promoteParticipants", "demoteParticipants", "setSubject", "setDescription"),
    *("setMessagesAdminsOnly", "setInfoAdminsOnly", "setPicture", "deletePicture", "leave"),
    *("getInviteCode", "revokeInvite", "acceptInvite", "getInviteInfo"),
    *("getGroupMembershipRequests", "approveGroupMembershipRequests"),
    "rejectGroupMembershipRequests",
)
CONTACT_ACTIONS = (
    *("getAbout", "getProfilePicUrl", "block", "unblock", "isBlocked", "getCommonGroups"),
    *("getFormattedNumber", "getCountryCode"),
)
CLIENT_ACTIONS = (
    *("getChats", "getChatById", "createGroup", "getCommonGroups", "getContacts"),
    *("getContactById", "isRegisteredUser", "getInfo", "getLabels", "getProfilePicUrl"),
    *("getBlockedContacts", "blockContact", "unblockContact", "setStatus", "setDisplayName"),
    *("getNumberId", "sendPresenceUpdate"),
)
CHANNEL_ACTIONS = (
    *("acceptChannelAdminInvite", "deleteChannel", "demoteChannelAdmin", "fetchMessages"),
    *("getClassInfo", "getSubscribers", "mute", "revokeChannelAdminInvite"),
    *("sendChannelAdminInvite", "sendMessage", "sendSeen", "setDescription"),
    *("setProfilePicture", "setReactionSetting", "setSubject"),
    *("transferChannelOwnership", "unmute"),
)
OLDER = {
    **{f"/session/{name}": {"get"} for name in ("terminateAll", "terminateInactive")},
    **{
        f"/client/{name}/{{sessionId}}": {"get"}
        for name in ("getState", "getWWebVersion", "getChannels")
    },
    "/session/getPageScreenshot/{sessionId}": {"get"},
    "/client/deleteProfilePicture/{sessionId}": {"delete"},
    **{
        f"/{path}/{{sessionId}}": {"post"}
        for path in (
            *("client/resetState", "client/setProfilePicture", "client/getContactDeviceCount"),
            *("client/getContactLidAndPhone", "client/searchMessages", "client/openChatWindow"),
            *("client/openChatWindowAt", "client/getLabelById", "client/getChatsByLabelId"),
            *("client/addOrRemoveLabels", "chat/changeLabels", "groupChat/getClassInfo"),
            *("message/getClassInfo", "message/getContact", "message/getGroupMentions"),
            *("message/getReactions", "message/getPollVotes", "message/getPayment"),
            *("message/downloadMediaAsData", "message/getOrder", "message/vote"),
            *("client/runMethod", "chat/runMethod", "groupChat/runMethod", "message/runMethod"),
            *("groupChat/setAddMembersAdminsOnly", "client/getChannelByInviteCode"),
            *("client/searchChannels", "client/subscribeToChannel", "client/createChannel"),
            *("client/unsubscribeFromChannel", "client/setBackgroundSync"),
            *("client/syncHistory", "chat/syncHistory"),
            *(
                f"client/setAutoDownload{name}"
                for name in ("Audio", "Documents", "Photos", "Videos")
            ),
            *(f"channel/{name}" for name in CHANNEL_ACTIONS),
        )
    },
}
"""What only the older server has."""
ROUTES |= OLDER
ROUTES |= {f"/chat/{name}/{{sessionId}}": {"post"} for name in CHAT_ACTIONS}
ROUTES |= {f"/groupChat/{name}/{{sessionId}}": {"post"} for name in GROUP_ACTIONS}
ROUTES |= {f"/client/{name}/{{sessionId}}": {"post"} for name in CLIENT_ACTIONS}
ROUTES |= {f"/contact/{name}/{{sessionId}}": {"post"} for name in CONTACT_ACTIONS}

IDS = {"chatId": "15559990000", "messageId": "B"}
IN_GROUP = {
    "groupId": "120363000000000001@g.us",
    "participants": ["15552223333", "foo"],
    "subject": "x",
    "adminsOnly": True,
    "image": "eA==",
    "inviteCode": "AbCdEfGhIjKlMnOpQrStUv",
}
FILE = pb.Message(imageMessage=pb.ImageMessage(directPath="/v", mimetype="image/png"))


@pytest.fixture
async def document(call: Any) -> dict[str, Any]:
    """The document as the server gives it."""
    response = await call("GET", "/openapi.json", key=None)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    document: dict[str, Any] = response.json()
    return document


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def fits(value: Any, schema: Any, document: dict[str, Any]) -> bool:
    """Whether a value is what a schema of ours says; knows only what ours use."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return fits(value, document["components"]["schemas"][name], document)
    if "anyOf" in schema:
        return any(fits(value, option, document) for option in schema["anyOf"])
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return (
            isinstance(value, dict)
            and set(schema.get("required", [])) <= set(value)
            and (not properties or set(value) <= set(properties))
            and all(fits(item, properties.get(name, {}), document) for name, item in value.items())
        )
    if kind == "array":
        items = schema.get("items", {})
        return isinstance(value, list) and all(fits(item, items, document) for item in value)
    if isinstance(value, bool):
        return kind in ("boolean", None)
    types = {"string": str, "integer": int, "number": (int, float), "null": type(None)}
    return kind is None or isinstance(value, types.get(kind, ()))


async def test_it_describes_the_routes_that_exist(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Baileys REST API Server"
    assert document["info"]["version"] == "1.0.0"
    assert document["servers"] == [{"url": "/"}]
    assert {path: set(methods) for path, methods in document["paths"].items()} == ROUTES


async def test_it_has_the_contracts_tags_scheme_and_webhook(document: dict[str, Any]) -> None:
    names = [tag["name"] for tag in document["tags"]]
    contract = [
        "System",
        "Session",
        "Client",
        "Chat",
        "Contact",
        "Group",
        "Message",
        "Channel",
        "Events",
    ]
    assert names == [*contract, "Keys"]
    scheme = document["components"]["securitySchemes"]["ApiKeyAuth"]
    assert scheme == {"type": "apiKey", "in": "header", "name": "x-api-key"}
    assert "whatsappEvent" in document["webhooks"]
    wanted = "SuccessEnvelope ErrorResponse SendMessageRequest FetchMessagesRequest"
    wanted += " PairingCodeRequest WebhookEventPayload WebSocketEventPayload MediaContent"
    wanted += " MessageLookupRequest ReactMessageRequest StarMessageRequest DeleteMessageRequest"
    wanted += " ForwardMessageRequest DownloadMediaRequest GetMentionsRequest EditMessageRequest"
    wanted += " PinMessageRequest ChatIdRequest MuteChatRequest CreateGroupRequest GroupIdRequest"
    wanted += " GroupParticipantsRequest SetGroupSubjectRequest SetGroupDescriptionRequest"
    wanted += " SetGroupAdminsOnlyRequest InviteCodeRequest SetGroupPictureRequest"
    assert set(wanted.split()) <= set(document["components"]["schemas"])


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    found = set(references(document))
    assert found
    for reference in found:
        assert re.fullmatch(r"#/components/schemas/\w+", reference), reference
        assert reference.rpartition("/")[2] in schemas
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("method", "path", "template", "body"),
    [
        ("GET", "/ping", "/ping", None),
        ("GET", "/session/start/x", "/session/start/{sessionId}", None),
        ("GET", "/session/status/on", "/session/status/{sessionId}", None),
        ("GET", "/session/getSessions", "/session/getSessions", None),
        ("GET", "/session/qr/qr", "/session/qr/{sessionId}", None),
        ("GET", "/session/qr/none", "/session/qr/{sessionId}", None),
        ("GET", "/session/stop/none", "/session/stop/{sessionId}", None),
        (
            "POST",
            "/client/sendMessage/on",
            "/client/sendMessage/{sessionId}",
            {"chatId": "15559990000", "contentType": "string", "content": "see https://a.example"},
        ),
        ("POST", "/client/sendMessage/on", "/client/sendMessage/{sessionId}", {}),
        *(
            ("POST", f"/message/{name}/on", f"/message/{name}/{{sessionId}}", {**IDS, **more})
            for name, more in (
                ("getInfo", {}),
                ("react", {"emoji": ""}),
                ("star", {"star": True}),
                ("delete", {}),
                ("forward", {"targetChatId": "15551110000"}),
                ("downloadMedia", {"messageId": "F"}),
                ("getQuotedMessage", {}),
                ("getMentions", {}),
                ("edit", {"newContent": "x"}),
                ("pin", {"messageId": "none"}),
                ("unpin", {}),
            )
        ),
        (
            "POST",
            "/chat/fetchMessages/on",
            "/chat/fetchMessages/{sessionId}",
            {"chatId": "15559990000"},
        ),
        *(
            ("POST", f"/chat/{name}/on", f"/chat/{name}/{{sessionId}}", {"chatId": "15559990000"})
            for name in CHAT_ACTIONS
        ),
        *(
            ("POST", f"/groupChat/{name}/on", f"/groupChat/{name}/{{sessionId}}", IN_GROUP)
            for name in GROUP_ACTIONS
        ),
        ("POST", "/groupChat/leave/on", "/groupChat/leave/{sessionId}", {"groupId": "foo"}),
        ("POST", "/client/getChats/on", "/client/getChats/{sessionId}", {}),
        (
            "POST",
            "/client/getChatById/on",
            "/client/getChatById/{sessionId}",
            {"chatId": "120363000000000001@g.us"},
        ),
        (
            "POST",
            "/client/createGroup/on",
            "/client/createGroup/{sessionId}",
            {"name": "x", "participants": ["15552223333"]},
        ),
        (
            "POST",
            "/client/getCommonGroups/on",
            "/client/getCommonGroups/{sessionId}",
            {"contactId": "15552223333"},
        ),
        (
            "POST",
            "/session/requestPairingCode/new",
            "/session/requestPairingCode/{sessionId}",
            {"phoneNumber": "12025550108"},
        ),
    ],
)
async def test_answers_are_what_the_document_says(
    call: Any,
    sessions: Any,
    make_message: Any,
    document: dict[str, Any],
    method: str,
    path: str,
    template: str,
    body: object,
) -> None:
    account = sessions.account
    account.stored = [make_message("A"), make_message("B", from_me=True), stored("F", FILE)]
    account.quoted = make_message("Q")
    account.people[PEER] = Contact(PEER, "Ann")
    account.chats.listed = [ChatSummary(Chat(PEER), account.stored[0], account.people[PEER])]
    account.settings.all_labels = [EditLabel("1", "New", color=3)]
    account.settings.labels_of[PEER] = ["1"]
    account.groups.requests = (JoinRequest(PEER, method="invite_link", requested_at=5),)
    account.receipts = MessageReceipts(((PEER, ReceiptTimes(Ack.READ, 1, 2, None)),), audience=1)
    response = await call(method, path, json=body) if body is not None else await call(method, path)
    operation = document["paths"][template][method.lower()]
    schema = operation["responses"][str(response.status_code)]["content"]["application/json"]
    assert fits(response.json(), schema["schema"], document)
    assert not fits({"success": "x"}, schema["schema"], document)


async def test_requests_are_described_with_their_required_fields(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["SendMessageRequest"]["required"] == ["chatId", "contentType", "content"]
    assert schemas["FetchMessagesRequest"]["required"] == ["chatId"]
    options = schemas["SendMessageRequest"]["properties"]["options"]["properties"]
    assert options["mentions"]["type"] == "array"
    kinds = schemas["SendMessageRequest"]["properties"]["content"]["anyOf"]
    assert {"string", "MessageMedia", "Poll", "Location"} <= {kind.get("title") for kind in kinds}
    assert schemas["ReactMessageRequest"]["required"] == ["chatId", "messageId", "emoji"]
    assert "required" not in schemas["DownloadMediaRequest"]


async def test_every_refusal_of_a_repeated_request_is_described(document: dict[str, Any]) -> None:
    def conflicts(path: str) -> str:
        text: str = document["paths"][path]["post"]["responses"]["409"]["description"]
        return text

    assert conflicts("/client/sendMessage/{sessionId}") == "idempotency_key_in_use"
    assert conflicts("/apiKeys") == (
        "idempotency_key_in_use, idempotency_outcome_unknown, idempotency_answer_not_kept"
    )


async def test_only_routes_that_take_files_offer_forms_for_them(document: dict[str, Any]) -> None:
    takers = {
        path: operation["requestBody"]["content"]["multipart/form-data"]["schema"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    }
    picture = "/groupChat/setPicture/{sessionId}"
    own = "/client/setProfilePicture/{sessionId}"
    channel = {f"/channel/{name}/{{sessionId}}" for name in ("sendMessage", "setProfilePicture")}
    assert set(takers) == {"/client/sendMessage/{sessionId}", picture, own, *channel}
    assert takers[picture]["required"] == ["groupId"]
    form = takers["/client/sendMessage/{sessionId}"]
    assert form["properties"]["file"]["format"] == "binary"
    assert form["required"] == ["chatId"]


async def test_the_document_is_made_once_and_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, make_call: Any
) -> None:
    threads: list[threading.Thread] = []

    def build(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return build_document(*arguments)

    monkeypatch.setattr(app_module, "build_document", build)
    call = make_call()
    answers = await asyncio.gather(*(call("GET", "/openapi.json") for _ in range(3)))
    assert len({answer.content for answer in answers}) == 1
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_a_base_path_is_the_server_of_the_document(make_call: Any) -> None:
    call = make_call(BASE_PATH="/wa")
    assert (await call("GET", "/wa/openapi.json")).json()["servers"] == [{"url": "/wa"}]


async def test_the_page_loads_everything_from_here(make_call: Any) -> None:
    for base in ("", "/wa"):
        call = make_call(BASE_PATH=base)
        page = await call("GET", f"{base}/docs", key=None)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "<title>Baileys API Docs</title>" in page.text
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert addresses.pop(0) == "data:,"
        assert len(addresses) == 3
        for address in addresses:
            asset = await call("GET", address, key=None)
            assert asset.status_code == 200
            assert asset.content
        script = await call("GET", f"{base}/docs/assets/start.js", key=None)
        assert f'url: "{base}/openapi.json"' in script.text


@pytest.mark.parametrize("name", ["index.html", "%2e%2e%2fx", "swagger-ui.css.map"])
async def test_no_other_file_is_served(call: Any, name: str) -> None:
    response = await call("GET", f"/docs/assets/{name}", key=None)
    assert response.status_code in (401, 404)
    assert response.status_code == 401 or f"/docs/assets/{name}" in response.json()["error"]


async def test_an_explicit_false_removes_the_documents(make_call: Any, problem: Any) -> None:
    call = make_call(ENABLE_SWAGGER_ENDPOINT="false")
    for path in ("/docs", "/api-docs", "/openapi.json"):
        assert problem(await call("GET", path, key=None))[0] == 401
        assert problem(await call("GET", path))[0] == 404
