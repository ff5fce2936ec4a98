"""Methods of the older server's library that may be called by name. A table.

Each is carried out by one of our routes; nothing else can be called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Method:
    """A method.

    Attributes:
        path: of the route that carries it out, without the session id.
        argument: the field that the one argument becomes; empty where there is none.
        result: the key of the answer that is given back; empty for none.
        fixed: fields whatever is given.
        http: the method of the route.
    """

    path: str
    argument: str = ""
    result: str = ""
    fixed: Mapping[str, object] = field(default_factory=dict)
    http: str = "POST"


OF_CLIENT: Final[Mapping[str, Method]] = {
    "acceptInvite": Method("/groupChat/acceptInvite", "inviteCode", "acceptInvite"),
    "archiveChat": Method("/chat/archive", "chatId", "result"),
    "createChannel": Method("/client/createChannel", "title", "result"),
    "deleteProfilePicture": Method("/client/deleteProfilePicture", "", "result", http="DELETE"),
    "getBlockedContacts": Method("/client/getBlockedContacts", "", "blockedContacts"),
    "getChannelByInviteCode": Method("/client/getChannelByInviteCode", "inviteCode", "result"),
    "getChannels": Method("/client/getChannels", "", "result", http="GET"),
    "getChatById": Method("/client/getChatById", "chatId", "chat"),
    "getChatLabels": Method("/chat/getLabels", "chatId", "labels"),
    "getChats": Method("/client/getChats", "searchOptions", "chats"),
    "getChatsByLabelId": Method("/client/getChatsByLabelId", "labelId", "chats"),
    "getCommonGroups": Method("/client/getCommonGroups", "contactId", "result"),
    "getContactById": Method("/client/getContactById", "contactId", "contact"),
    "getContactDeviceCount": Method("/client/getContactDeviceCount", "userId", "result"),
    "getContactLidAndPhone": Method("/client/getContactLidAndPhone", "userIds", "data"),
    "getContacts": Method("/client/getContacts", "", "contacts"),
    "getCountryCode": Method("/contact/getCountryCode", "contactId", "result"),
    "getFormattedNumber": Method("/contact/getFormattedNumber", "contactId", "result"),
    "getInviteInfo": Method("/groupChat/getInviteInfo", "inviteCode", "inviteInfo"),
    "getLabelById": Method("/client/getLabelById", "labelId", "label"),
    "getLabels": Method("/client/getLabels", "", "labels"),
    "getNumberId": Method("/client/getNumberId", "number", "result"),
    "getProfilePicUrl": Method("/client/getProfilePicUrl", "contactId", "result"),
    "getState": Method("/client/getState", "", "state", http="GET"),
    "getWWebVersion": Method("/client/getWWebVersion", "", "result", http="GET"),
    "isRegisteredUser": Method("/client/isRegisteredUser", "contactId", "result"),
    "markChatUnread": Method("/chat/markUnread", "chatId"),
    "muteChat": Method("/chat/mute", "chatId", "result", {"duration": -1}),
    "pinChat": Method("/chat/pin", "chatId", "result"),
    "searchChannels": Method("/client/searchChannels", "searchOptions", "result"),
    "searchMessages": Method("/client/searchMessages", "query", "messages"),
    "sendPresenceAvailable": Method("/client/sendPresenceUpdate", fixed={"presence": "available"}),
    "sendPresenceUnavailable": Method(
        "/client/sendPresenceUpdate", fixed={"presence": "unavailable"}
    ),
    "sendSeen": Method("/chat/sendSeen", "chatId", "result"),
    "setDisplayName": Method("/client/setDisplayName", "displayName", "result"),
    "setStatus": Method("/client/setStatus", "status"),
    "subscribeToChannel": Method("/client/subscribeToChannel", "channelId", "result"),
    "unarchiveChat": Method("/chat/unarchive", "chatId", "result"),
    "unmuteChat": Method("/chat/unmute", "chatId", "result"),
    "unpinChat": Method("/chat/unpin", "chatId", "result"),
    "unsubscribeFromChannel": Method("/client/unsubscribeFromChannel", "channelId", "result"),
}

OF_CHAT: Final[Mapping[str, Method]] = {
    "archive": Method("/chat/archive", "", "result"),
    "changeLabels": Method("/chat/changeLabels", "labelIds"),
    "clearMessages": Method("/chat/clearMessages", "", "result"),
    "clearState": Method("/chat/clearState", "", "result"),
    "delete": Method("/chat/delete", "", "result"),
    "fetchMessages": Method("/chat/fetchMessages", "searchOptions", "messages"),
    "getContact": Method("/chat/getContact", "", "contact"),
    "getLabels": Method("/chat/getLabels", "", "labels"),
    "markUnread": Method("/chat/markUnread"),
    "mute": Method("/chat/mute", "", "result", {"duration": -1}),
    "pin": Method("/chat/pin", "", "result"),
    "sendMessage": Method("/client/sendMessage", "content", "message", {"contentType": "string"}),
    "sendSeen": Method("/chat/sendSeen", "", "result"),
    "sendStateRecording": Method("/chat/sendStateRecording", "", "result"),
    "sendStateTyping": Method("/chat/sendStateTyping", "", "result"),
    "unarchive": Method("/chat/unarchive", "", "result"),
    "unmute": Method("/chat/unmute", "", "result"),
    "unpin": Method("/chat/unpin", "", "result"),
}

OF_GROUP: Final[Mapping[str, Method]] = {
    **OF_CHAT,
    "addParticipants": Method("/groupChat/addParticipants", "participants", "result"),
    "deletePicture": Method("/groupChat/deletePicture", "", "result"),
    "demoteParticipants": Method("/groupChat/demoteParticipants", "participants", "result"),
    "getGroupMembershipRequests": Method("/groupChat/getGroupMembershipRequests", "", "result"),
    "getInviteCode": Method("/groupChat/getInviteCode", "", "inviteCode"),
    "leave": Method("/groupChat/leave"),
    "promoteParticipants": Method("/groupChat/promoteParticipants", "participants", "result"),
    "removeParticipants": Method("/groupChat/removeParticipants", "participants", "result"),
    "revokeInvite": Method("/groupChat/revokeInvite", "", "result"),
    "setAddMembersAdminsOnly": Method("/groupChat/setAddMembersAdminsOnly", "adminsOnly", "result"),
    "setDescription": Method("/groupChat/setDescription", "description", "result"),
    "setInfoAdminsOnly": Method("/groupChat/setInfoAdminsOnly", "adminsOnly", "result"),
    "setMessagesAdminsOnly": Method("/groupChat/setMessagesAdminsOnly", "adminsOnly", "result"),
    "setSubject": Method("/groupChat/setSubject", "subject", "result"),
}

OF_MESSAGE: Final[Mapping[str, Method]] = {
    "delete": Method("/message/delete", "everyone"),
    "edit": Method("/message/edit", "content", "editedMessage"),
    "forward": Method("/message/forward", "targetChatId", "message"),
    "getChat": Method("/client/getChatById", "", "chat"),
    "getContact": Method("/message/getContact", "", "contact"),
    "getGroupMentions": Method("/message/getGroupMentions", "", "result"),
    "getInfo": Method("/message/getInfo", "", "info"),
    "getMentions": Method("/message/getMentions", "", "contacts"),
    "getOrder": Method("/message/getOrder", "", "order"),
    "getPayment": Method("/message/getPayment", "", "payment"),
    "getPollVotes": Method("/message/getPollVotes", "", "votes"),
    "getQuotedMessage": Method("/message/getQuotedMessage", "", "quotedMessage"),
    "getReactions": Method("/message/getReactions", "", "result"),
    "pin": Method("/message/pin", "duration"),
    "react": Method("/message/react", "reaction"),
    "reload": Method("/message/getClassInfo", "", "message"),
    "star": Method("/message/star", fixed={"star": True}),
    "unpin": Method("/message/unpin"),
    "unstar": Method("/message/star", fixed={"star": False}),
    "vote": Method("/message/vote", "selectedOptions", "result"),
}
