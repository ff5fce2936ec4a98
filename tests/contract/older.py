"""Calls as programs for the older server make them, and the keys that they look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .rules import CODE, FILE, GROUP, OWN, PERSON, PICTURE, THEIRS

CHANNEL: Final = "120363000000000099@newsletter"
CHANNEL_CODE: Final = "0029VaAbCdEfGhIjKlMnOp"
POLL: Final = "P"
ORDER: Final = "O"


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        status: of the answer.
        keys: of the answer, beside `success`.
        root_status: of the answer at the root, where the newer server wants more.
    """

    method: str
    path: str
    body: Mapping[str, object] = field(default_factory=dict)
    keys: str = ""
    status: int = 200
    root_status: int | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, session: str) -> str:
        """The path for a session, where it names one."""
        return self.path.replace("{sessionId}", session)


def _client(name: str, keys: str = "", method: str = "POST", **body: object) -> Call:
    return Call(method, f"/client/{name}/{{sessionId}}", body, keys)


def _chat(name: str, keys: str = "", **body: object) -> Call:
    return Call("POST", f"/chat/{name}/{{sessionId}}", {"chatId": PERSON, **body}, keys)


def _group(name: str, keys: str = "", **body: object) -> Call:
    return Call("POST", f"/groupChat/{name}/{{sessionId}}", {"chatId": GROUP, **body}, keys)


def _message(name: str, keys: str = "", message: str = THEIRS, **body: object) -> Call:
    ids = {"chatId": PERSON, "messageId": message}
    return Call("POST", f"/message/{name}/{{sessionId}}", {**ids, **body}, keys)


def _contact(name: str, keys: str = "result") -> Call:
    return Call("POST", f"/contact/{name}/{{sessionId}}", {"contactId": PERSON}, keys)


def _channel(name: str, keys: str = "result", **body: object) -> Call:
    return Call("POST", f"/channel/{name}/{{sessionId}}", {"chatId": CHANNEL, **body}, keys)


def _session(name: str, keys: str, status: int = 200) -> Call:
    return Call("GET", f"/session/{name}", {}, keys, status)


CALLS: Final = (
    Call("GET", "/ping", {}, "message"),
    _session("getPageScreenshot/{sessionId}", "", 501),
    _session("getSessions", "result"),
    _session("qr/{sessionId}", "qr"),
    _session("restart/{sessionId}", "message"),
    _session("start/{sessionId}", "message"),
    _session("status/{sessionId}", "state message"),
    _session("stop/{sessionId}", "message"),
    _session("terminate/{sessionId}", "message"),
    _session("terminateAll", "message"),
    _session("terminateInactive", "message"),
    Call(
        "POST",
        "/session/requestPairingCode/{sessionId}",
        {"phoneNumber": "12025550108", "showNotification": True},
        "result",
    ),
    # --- client ---
    _client("acceptInvite", "acceptInvite", inviteCode=CODE),
    _client("addOrRemoveLabels", labelIds=[1], chatIds=[PERSON]),
    _client("archiveChat", "result", chatId=PERSON),
    _client("createChannel", "result", title="News", options={"description": "x"}),
    _client("createGroup", "response", title="Friends", participants=[PERSON]),
    _client("deleteProfilePicture", "result", "DELETE"),
    _client("getBlockedContacts", "blockedContacts"),
    _client("getChannelByInviteCode", "result", inviteCode=CHANNEL_CODE),
    _client("getChannels", "result", "GET"),
    _client("getChatById", "chat", chatId=PERSON),
    _client("getChatLabels", "chatLabels", chatId=PERSON),
    _client("getChats", "chats", "GET"),
    _client("getChats", "chats", searchOptions={"unread": False, "since": 0}),
    _client("getChatsByLabelId", "chats", labelId="1"),
    _client("getClassInfo", "sessionInfo", "GET"),
    _client("getCommonGroups", "groups", contactId=PERSON),
    _client("getContactById", "contact", contactId=PERSON),
    _client("getContactDeviceCount", "result", userId=PERSON),
    _client("getContactLidAndPhone", "data", userIds=[PERSON]),
    _client("getContacts", "contacts", "GET"),
    _client("getCountryCode", "result", number="15559990000"),
    _client("getFormattedNumber", "result", number="15559990000"),
    _client("getInviteInfo", "inviteInfo", inviteCode=CODE),
    _client("getLabelById", "label", labelId="1"),
    _client("getLabels", "labels"),
    _client("getNumberId", "result", number="15559990000"),
    _client("getProfilePicUrl", "result", contactId=PERSON),
    _client("getState", "state", "GET"),
    _client("getWWebVersion", "result", "GET"),
    _client("isRegisteredUser", "result", number="15559990000"),
    _client("markChatUnread", chatId=PERSON),
    _client("muteChat", chatId=PERSON, unmuteDate=4_000_000_000),
    _client("openChatWindow", chatId=PERSON),
    _client("openChatWindowAt", messageId=f"false_{PERSON}_{THEIRS}"),
    _client("pinChat", "result", chatId=PERSON),
    _client("resetState"),
    Call(
        "POST",
        "/client/runMethod/{sessionId}",
        {"method": "getChatById", "options": PERSON},
        "data",
    ),
    _client("searchChannels", "result", searchOptions={"searchText": "news", "limit": 5}),
    _client("searchMessages", "messages", query="hi", options={"limit": 5, "chatId": PERSON}),
    _client("sendMessage", "message", chatId=PERSON, contentType="string", content="hello"),
    _client("sendPresenceAvailable"),
    _client("sendPresenceUnavailable"),
    _client("sendSeen", "result", chatId=PERSON),
    *(
        _client(f"setAutoDownload{name}", flag=False)
        for name in ("Audio", "Documents", "Photos", "Videos")
    ),
    _client("setBackgroundSync", flag=True),
    _client("syncHistory", "result", chatId=PERSON),
    _client("setDisplayName", "result", displayName="Shop"),
    _client("setProfilePicture", "result", pictureMimetype="image/png", pictureData=PICTURE),
    _client("setStatus", status="Busy"),
    _client("subscribeToChannel", "result", channelId=CHANNEL),
    _client("unarchiveChat", "result", chatId=PERSON),
    _client("unmuteChat", "result", chatId=PERSON),
    _client("unpinChat", "result", chatId=PERSON),
    _client("unsubscribeFromChannel", "result", channelId=CHANNEL, options={}),
    # --- chat ---
    _chat("changeLabels", labelIds=[1]),
    _chat("clearMessages", "result"),
    _chat("clearState", "result"),
    _chat("delete", "result"),
    _chat("fetchMessages", "messages", searchOptions={"limit": 2, "fromMe": True}),
    _chat("getClassInfo", "chat"),
    _chat("getContact", "contact"),
    _chat("getLabels", "labels"),
    _chat("markUnread"),
    _chat("runMethod", "data", method="archive"),
    _chat("sendSeen", "result"),
    _chat("sendStateRecording", "result"),
    _chat("sendStateTyping", "result"),
    _chat("syncHistory", "result"),
    # --- contact ---
    _contact("block"),
    _contact("getAbout"),
    _contact("getChat"),
    _contact("getClassInfo", "contact result"),
    _contact("getCommonGroups"),
    _contact("getCountryCode"),
    _contact("getFormattedNumber"),
    _contact("getProfilePicUrl"),
    _contact("unblock"),
    # --- groups ---
    _group("addParticipants", "result", participantIds=[PERSON], options={"sleep": [1, 2]}),
    _group("approveGroupMembershipRequests", "result", options={"requesterIds": None}),
    _group("deletePicture", "result"),
    _group("demoteParticipants", "result", contactIds=PERSON),
    _group("getClassInfo", "chat"),
    _group("getGroupMembershipRequests", "result"),
    _group("getInviteCode", "inviteCode"),
    _group("leave"),
    _group("promoteParticipants", "result", participantIds=PERSON),
    _group("rejectGroupMembershipRequests", "result", options={"requesterIds": [PERSON]}),
    _group("removeParticipants", "result", participantIds=[PERSON]),
    _group("revokeInvite", "result"),
    _group("runMethod", "data", method="setSubject", options="Friends"),
    _group("setDescription", "result", description="x"),
    _group("setInfoAdminsOnly", "result", adminsOnly=True),
    _group("setMessagesAdminsOnly", "result", adminsOnly=False),
    _group("setPicture", "result", pictureMimeType="image/png", pictureData=PICTURE),
    _group("setSubject", "result", subject="Friends"),
    # --- messages ---
    _message("delete", everyone=True, clearMedia=True, message=OWN),
    _message("downloadMedia", "messageMedia", FILE),
    _message("downloadMediaAsData", "", FILE),
    _message("edit", "message", OWN, content="changed", options={"linkPreview": False}),
    _message("forward", destinationChatId=PERSON),
    _message("getClassInfo", "message"),
    _message("getContact", "contact"),
    _message("getGroupMentions", "result"),
    _message("getInfo", "info", OWN),
    _message("getMentions", "contacts"),
    _message("getOrder", "order", ORDER),
    _message("getPayment"),
    _message("getPollVotes", "votes", POLL),
    _message("getQuotedMessage", "quotedMessage"),
    _message("getReactions", "result"),
    _message("react", reaction="x"),
    _message("reply", "repliedMessage", content="yes", contentType="string"),
    _message("runMethod", "data", method="getReactions"),
    Call(
        "POST",
        "/message/star/{sessionId}",
        {"chatId": PERSON, "messageId": THEIRS},
        root_status=400,
    ),
    _message("unstar"),
    # --- channels ---
    _channel("acceptChannelAdminInvite"),
    _channel("deleteChannel"),
    _channel("demoteChannelAdmin", userId=PERSON),
    _channel("fetchMessages", "messages", searchOptions={"limit": 5}),
    _channel("getClassInfo", "channel"),
    _channel("getSubscribers", limit=None),
    _channel("mute"),
    _channel("revokeChannelAdminInvite", userId=PERSON),
    _channel("sendChannelAdminInvite", userId=PERSON, options={"comment": "come"}),
    _channel("sendMessage", "message", contentType="string", content="news"),
    _channel("sendSeen"),
    _channel("setDescription", newDescription="x"),
    _channel("setProfilePicture", newProfilePictureMedia={"mimetype": "a/b", "data": PICTURE}),
    _channel("setReactionSetting", reactionCode=1),
    _channel("setSubject", newSubject="News"),
    _channel("transferChannelOwnership", newOwnerId=PERSON),
    _channel("unmute"),
)
"""One call for every operation, but those that give files and pages."""
