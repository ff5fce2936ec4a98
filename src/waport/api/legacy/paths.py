"""The older server's operations: which of ours carries each out, and what differs. A table.

Source: the route list of wwebjs-api.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .answers import Change, copy, edited_message, flat_ids, receipt_ids
from .bodies import (
    Step,
    as_reply,
    default,
    fixed,
    invite_code,
    mute_until,
    oldest_first,
    rename,
)


@dataclass(frozen=True, slots=True)
class LegacyPath:
    """One operation.

    Attributes:
        method: GET, POST or DELETE.
        path: without the session id.
        target: "METHOD /path" of ours; empty for the same.
        body: how its fields become ours, in this order.
        answer: what is changed in the answer, at the root too.
        legacy_answer: what is changed under `/legacy` alone, where a key has another type there.
        lacking: the text for missing fields, where it is not that of ours.
    """

    method: str
    path: str
    target: str = ""
    body: tuple[Step, ...] = ()
    answer: tuple[Change, ...] = ()
    legacy_answer: tuple[Change, ...] = ()
    lacking: str = ""


def _post(path: str, target: str = "", *body: Step, **more: object) -> LegacyPath:
    return LegacyPath("POST", path, target and f"POST {target}", body, **more)  # type: ignore[arg-type]


def _get(path: str, target: str = "", **more: object) -> LegacyPath:
    return LegacyPath("GET", path, target, **more)  # type: ignore[arg-type]


_IN_GROUP: Final = rename(chatId="groupId")
_PEOPLE: Final = rename(contactIds="participants", participantIds="participants")
_NUMBER: Final = rename(number="contactId")
_LACKS_NUMBER: Final = "number is required"

SYSTEM: Final = (
    _get("/ping"),
    _post("/localCallbackExample"),
)

SESSION: Final = (
    _get("/session/getPageScreenshot"),
    _get("/session/getSessions"),
    _get("/session/qr"),
    _get("/session/qr/{sessionId}/image"),
    _post("/session/requestPairingCode"),
    _get("/session/restart"),
    _get("/session/start"),
    _get("/session/status"),
    _get("/session/stop"),
    _get("/session/terminate", "DELETE /session/terminate"),
    _get("/session/terminateAll"),
    _get("/session/terminateInactive"),
)

CLIENT: Final = (
    _post("/client/acceptInvite", "/groupChat/acceptInvite"),
    _post("/client/addOrRemoveLabels"),
    _post("/client/archiveChat", "/chat/archive"),
    _post("/client/createGroup", "", rename(title="name")),
    LegacyPath("DELETE", "/client/deleteProfilePicture"),
    _post("/client/getBlockedContacts"),
    _post("/client/createChannel"),
    _post("/client/getChannelByInviteCode"),
    _get("/client/getChannels"),
    _post("/client/searchChannels"),
    _post("/client/subscribeToChannel"),
    _post("/client/unsubscribeFromChannel"),
    _post("/client/getChatById"),
    _post("/client/getChatLabels", "/chat/getLabels", answer=(copy(chatLabels="labels"),)),
    _get("/client/getChats", "POST /client/getChats"),
    _post("/client/getChats"),
    _post("/client/getChatsByLabelId"),
    _get("/client/getClassInfo", "POST /client/getInfo", answer=(copy(sessionInfo="info"),)),
    _post("/client/getCommonGroups", legacy_answer=(flat_ids,)),
    _post("/client/getContactById"),
    _post("/client/getContactDeviceCount"),
    _post("/client/getContactLidAndPhone"),
    _get("/client/getContacts", "POST /client/getContacts"),
    _post("/client/getCountryCode", "/contact/getCountryCode", _NUMBER, lacking=_LACKS_NUMBER),
    _post(
        "/client/getFormattedNumber", "/contact/getFormattedNumber", _NUMBER, lacking=_LACKS_NUMBER
    ),
    _post("/client/getInviteInfo", "/groupChat/getInviteInfo", invite_code),
    _post("/client/getLabelById"),
    _post("/client/getLabels"),
    _post("/client/getNumberId"),
    _post("/client/getProfilePicUrl"),
    _get("/client/getState"),
    _get("/client/getWWebVersion"),
    _post("/client/isRegisteredUser", "", _NUMBER),
    _post("/client/markChatUnread", "/chat/markUnread"),
    _post("/client/muteChat", "/chat/mute", mute_until),
    _post("/client/openChatWindow"),
    _post("/client/openChatWindowAt"),
    _post("/client/pinChat", "/chat/pin"),
    _post("/client/resetState"),
    _post("/client/runMethod"),
    _post("/client/searchMessages"),
    _post("/client/sendMessage"),
    _post(
        "/client/sendPresenceAvailable", "/client/sendPresenceUpdate", fixed(presence="available")
    ),
    _post(
        "/client/sendPresenceUnavailable",
        "/client/sendPresenceUpdate",
        fixed(presence="unavailable"),
    ),
    _post("/client/sendSeen", "/chat/sendSeen"),
    _post("/client/setAutoDownloadAudio"),
    _post("/client/setAutoDownloadDocuments"),
    _post("/client/setAutoDownloadPhotos"),
    _post("/client/setAutoDownloadVideos"),
    _post("/client/setBackgroundSync"),
    _post("/client/setDisplayName"),
    _post("/client/setProfilePicture"),
    _post("/client/setStatus"),
    _post("/client/syncHistory"),
    _post("/client/unarchiveChat", "/chat/unarchive"),
    _post("/client/unmuteChat", "/chat/unmute"),
    _post("/client/unpinChat", "/chat/unpin"),
)

CHAT: Final = (
    _post("/chat/changeLabels"),
    _post("/chat/clearMessages"),
    _post("/chat/clearState"),
    _post("/chat/delete"),
    _post("/chat/fetchMessages", "", oldest_first),
    _post("/chat/getClassInfo", "/client/getChatById"),
    _post("/chat/getContact"),
    _post("/chat/getLabels"),
    _post("/chat/markUnread"),
    _post("/chat/runMethod"),
    _post("/chat/sendSeen"),
    _post("/chat/sendStateRecording"),
    _post("/chat/sendStateTyping"),
    _post("/chat/syncHistory"),
)

CONTACT: Final = (
    _post("/contact/block"),
    _post("/contact/getAbout"),
    _post(
        "/contact/getChat",
        "/client/getChatById",
        rename(contactId="chatId"),
        answer=(copy(result="chat"),),
        lacking="contactId is required",
    ),
    _post("/contact/getClassInfo", "/client/getContactById", answer=(copy(result="contact"),)),
    _post("/contact/getCommonGroups", legacy_answer=(flat_ids,)),
    _post("/contact/getCountryCode"),
    _post("/contact/getFormattedNumber"),
    _post("/contact/getProfilePicUrl"),
    _post("/contact/unblock"),
)

GROUP: Final = (
    *(
        _post(f"/groupChat/{name}", "", _IN_GROUP, _PEOPLE)
        for name in (
            *("addParticipants", "removeParticipants"),
            *("promoteParticipants", "demoteParticipants"),
        )
    ),
    *(
        _post(f"/groupChat/{name}", "", _IN_GROUP)
        for name in (
            *("approveGroupMembershipRequests", "rejectGroupMembershipRequests"),
            *("getGroupMembershipRequests", "deletePicture", "getClassInfo", "getInviteCode"),
            *("leave", "revokeInvite", "setDescription", "setSubject"),
        )
    ),
    _post("/groupChat/setInfoAdminsOnly", "", _IN_GROUP, default(adminsOnly=True)),
    _post("/groupChat/setMessagesAdminsOnly", "", _IN_GROUP, default(adminsOnly=True)),
    _post("/groupChat/runMethod"),
    _post("/groupChat/setPicture", "", _IN_GROUP, rename(pictureData="image")),
)

MESSAGE: Final = (
    _post("/message/delete", "", rename(everyone="forEveryone")),
    _post("/message/downloadMedia"),
    _post("/message/downloadMediaAsData"),
    _post("/message/edit", "", rename(content="newContent"), legacy_answer=(edited_message,)),
    _post("/message/forward", "", rename(destinationChatId="targetChatId")),
    _post("/message/getClassInfo"),
    _post("/message/getContact"),
    _post("/message/getGroupMentions"),
    _post("/message/getInfo", legacy_answer=(receipt_ids,)),
    _post("/message/getMentions"),
    _post("/message/getOrder"),
    _post("/message/getPayment"),
    _post("/message/getPollVotes"),
    _post("/message/getQuotedMessage"),
    _post("/message/getReactions"),
    _post("/message/react", "", rename(reaction="emoji"), default(emoji="")),
    _post(
        "/message/reply",
        "/client/sendMessage",
        as_reply,
        answer=(copy(repliedMessage="message"),),
    ),
    _post("/message/runMethod"),
    _post("/message/star", "", default(star=True)),
    _post("/message/unstar", "/message/star", fixed(star=False)),
)

CHANNEL: Final = tuple(
    _post(f"/channel/{name}")
    for name in (
        *("acceptChannelAdminInvite", "deleteChannel", "demoteChannelAdmin", "fetchMessages"),
        *("getClassInfo", "getSubscribers", "mute", "revokeChannelAdminInvite"),
        *("sendChannelAdminInvite", "sendMessage", "sendSeen", "setDescription"),
        *("setProfilePicture", "setReactionSetting", "setSubject"),
        *("transferChannelOwnership", "unmute"),
    )
)

PATHS: Final = (*SYSTEM, *SESSION, *CLIENT, *CHAT, *CONTACT, *GROUP, *MESSAGE, *CHANNEL)
