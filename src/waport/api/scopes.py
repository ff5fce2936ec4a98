"""What a key must be for to use a route: the one table of it.

A route is named by its operation, so its aliases are covered with it. One that is not named here
may be used by keys that manage, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..model import ApiKey, Scope
from .errors import HttpError
from .paths import SESSION_PARAMETER
from .routes import Operation

EVENTS_SCOPE: Final = Scope.READ
"""What a key must be for to listen to events."""

_NAMES: Final[Mapping[Scope, str]] = {
    Scope.READ: """
        ping
        getSessions getSessionStatus getSessionState getWebVersion
        getChats getChatById getChatLabels getChatContact fetchMessages search
        getContacts getContactById isRegisteredUser getNumberId getProfilePicUrl
        getBlockedContacts getClientInfo getLabels getLabelById getChatsByLabelId
        getCommonGroups getContactDeviceCount getContactLidAndPhone
        getAbout getContactProfilePicUrl isBlocked getContactCommonGroups
        getFormattedNumber getCountryCode
        getGroupInfo getGroupChat getGroupParticipants getInviteInfo getGroupMembershipRequests
        getMessage getMessageInfo getMessageStatus getMessageContact getQuotedMessage getMentions
        getGroupMentions
        getReactions getPollVotes getPayment getOrder
        getChannels getChannelByInviteCode searchChannels getChannel fetchPosts getSubscribers
        downloadMedia downloadMediaAsData
        openChatWindow openChatWindowAt getPageScreenshot syncHistory syncChatHistory
        getEvents streamEvents
    """,
    Scope.SEND: """
        sendMessage forwardMessage reactToMessage editMessage deleteMessage starMessage
        pinMessage unpinMessage votePoll
        sendPresenceUpdate sendStateTyping sendStateRecording clearState sendSeen markUnread
        archiveChat unarchiveChat pinChat unpinChat muteChat unmuteChat clearMessages deleteChat
        addOrRemoveLabels changeLabels
        blockContact unblockContact block unblock
        createGroup addParticipants removeParticipants promoteParticipants demoteParticipants
        setGroupSubject setGroupDescription setMessagesAdminsOnly setInfoAdminsOnly
        setAddMembersAdminsOnly
        setGroupPicture deleteGroupPicture leaveGroup getInviteCode revokeInvite acceptInvite
        approveGroupMembershipRequests rejectGroupMembershipRequests
        subscribeToChannel unsubscribeFromChannel createChannel deleteChannel sendPost
        sendChannelSeen muteChannel unmuteChannel setChannelSubject setChannelDescription
        setChannelPicture setReactionSetting sendChannelAdminInvite acceptChannelAdminInvite
        revokeChannelAdminInvite demoteChannelAdmin transferChannelOwnership
    """,
    Scope.MANAGE: """
        startSession stopSession restartSession logoutSession terminateSession resetState
        terminateAllSessions terminateInactiveSessions
        getSessionQr getSessionQrImage requestPairingCode
        getPasskey answerPasskey confirmPasskey
        setStatus setDisplayName setProfilePicture deleteProfilePicture
        setAutoDownloadAudio setAutoDownloadDocuments setAutoDownloadPhotos setAutoDownloadVideos
        setBackgroundSync
        runClientMethod runChatMethod runGroupMethod runMessageMethod
        makeApiKey getApiKeys revokeApiKey
        takeCallback echoCallback
        getWebhooks getWebhook makeWebhook changeWebhook deleteWebhook rotateWebhookSecret
        getDeadLetters resendDeadLetters
    """,
}
# An invite code opens a group to whoever has it, and a QR code would link a stranger's account.

LINKING_EVENTS: Final = frozenset({"qr", "code", "passkey"})
"""Events that tell what links an account: for keys that manage alone, like the routes."""

READS_TOO: Final = frozenset({"makeWebhook", "changeWebhook", "getDeadLetters"})
"""Routes that give events to whoever asks for them: their keys have to read as well."""

SCOPES: Final[Mapping[str, Scope]] = {
    name: scope for scope, names in _NAMES.items() for name in names.split()
}
"""Scope by the name of an operation."""

_WITHOUT_SESSION: Final = frozenset(
    {
        "ping",
        "getSessions",
        "terminateAllSessions",
        "terminateInactiveSessions",
        "getEvents",
        "streamEvents",
    }
)
"""Routes without a session in their path that keys of named sessions may use, too; they see and
touch only those sessions there."""


def scope_of(operation: Operation) -> Scope | None:
    """What a key must be for to use a route; None: the route needs no key."""
    return None if operation.is_open else SCOPES.get(operation.name, Scope.MANAGE)


def hears(caller: ApiKey, session_id: str, kind: str) -> bool:
    """Whether a caller who may listen may have a session's events of a kind."""
    is_for_it = kind not in LINKING_EVENTS or caller.may(Scope.MANAGE)
    return is_for_it and caller.sees(session_id)


def _may(caller: ApiKey, operation: Operation, scope: Scope) -> bool:
    is_read = operation.name not in READS_TOO or caller.may(Scope.READ)
    return is_read and caller.may(scope)


def check_scope(caller: ApiKey, operation: Operation, parameters: Mapping[str, str]) -> None:
    """Let a caller use a route with these path parameters.

    Raises:
        HttpError: 403, its key is not for that.
    """
    scope = scope_of(operation)
    if scope is None:
        return
    session_id = parameters.get(SESSION_PARAMETER)
    if session_id is None:
        is_seen = caller.sessions is None or operation.name in _WITHOUT_SESSION
    else:
        is_seen = caller.sees(session_id)
    if not is_seen or not _may(caller, operation, scope):
        raise HttpError(403, "forbidden", "This API key may not do that")
