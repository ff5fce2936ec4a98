"""The GraphQL queries that the server knows: their ids, in all the versions that clients use.

Ids belong to a build of a client and change with it; old ones are good for years.

Source: docs/protocol/newsletters.md, "Queries by id".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MexQuery:
    """What one id means.

    Attributes:
        id: decimal digits.
        operation: its name in the web client.
        root: below which its answer stands.
    """

    id: str
    operation: str
    root: str


_ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # operation, root of the answer, ids: web (2026), then other clients
    (
        "CreateNewsletter",
        "xwa2_newsletter_create",
        ("25149874324715067", "8823471724422422", "6234210096708695", "27527996220149684"),
    ),
    (
        "UpdateNewsletter",
        "xwa2_newsletter_update",
        ("24250201037901610", "7150902998257522", "7839742399440946"),
    ),
    (
        "FetchNewsletter",
        "xwa2_newsletter",
        ("27456920720571478", "6563316087068696", "9779843322044422", "7272540469429201"),
    ),
    (
        "FetchAllNewslettersMetadata",
        "xwa2_newsletter_subscribed",
        ("25399611239711790", "33101596156151910", "6388546374527196"),
    ),
    (
        "JoinNewsletter",
        "xwa2_newsletter_join_v2",
        ("24404358912487870", "9926858900719341"),
    ),
    (
        "LeaveNewsletter",
        "xwa2_newsletter_leave_v2",
        ("9767147403369991", "6392786840836363", "8782612271820087"),
    ),
    (
        "UpdateNewsletterUserSetting",
        "xwa2_newsletter_update_user_setting",
        ("31938993655691868",),
    ),
    (
        "MuteNewsletter",
        "xwa2_newsletter_mute_v2",
        ("29766401636284406", "6274038279359549", "5971669009605755"),
    ),
    (
        "UnmuteNewsletter",
        "xwa2_newsletter_unmute_v2",
        ("9864994326891137", "6068417879924485", "6104029483058502"),
    ),
    ("DeleteNewsletter", "xwa2_newsletter_delete_v2", ("30062808666639665",)),
    (
        "ChangeNewsletterOwner",
        "xwa2_newsletter_change_owner",
        ("9546742745432473", "7341777602580933"),
    ),
    (
        "DemoteNewsletterAdmin",
        "xwa2_newsletter_demote",
        ("9880997548630971", "6551828931592903"),
    ),
    (
        "FetchNewsletterAdminInfo",
        "xwa2_newsletter_admin",
        ("26278439461859188", "7130823597031706"),
    ),
    ("FetchNewsletterFollowers", "xwa2_newsletter_followers", ("27472091235714801",)),
    (
        "FetchNewsletterSubscribers",
        "xwa2_newsletter_subscribers",
        ("9800646650009898", "25403502652570342"),
    ),
    (
        "FetchNewsletterPendingInvites",
        "xwa2_newsletter_admin",
        ("9783111038412085",),
    ),
    (
        "CreateNewsletterAdminInvite",
        "xwa2_newsletter_admin_invite_create",
        ("9387141988078609",),
    ),
    (
        "AcceptNewsletterAdminInvite",
        "xwa2_newsletter_admin_invite_accept",
        ("9580828702035549",),
    ),
    (
        "RevokeNewsletterAdminInvite",
        "xwa2_newsletter_admin_invite_revoke",
        ("9656078347839416",),
    ),
    (
        "FetchNewsletterMessageReactionSenderList",
        "xwa2_newsletters_reaction_sender_list",
        ("29575462448733991",),
    ),
    (
        "FetchRecommendedNewsletters",
        "xwa2_newsletters_recommended",
        ("25806748772361516", "7263823273662354", "27256776790637714"),
    ),
    (
        "FetchNewsletterDirectoryList",
        "xwa2_newsletters_directory_list",
        ("26125047313831973", "6190824427689257"),
    ),
    (
        "FetchNewsletterDirectorySearchResults",
        "xwa2_newsletters_directory_search",
        ("26301059626252132", "6802402206520139"),
    ),
    ("UpdateGroupProperty", "xwa2_group_update_property", ("9418211574894172",)),
    ("FetchAllSubgroups", "xwa2_group_query_by_id", ("9935467776504344",)),
    ("FetchGroupInviteCode", "xwa2_group_query_by_id", ("29247029834912157",)),
    (
        "FetchReachoutTimelock",
        "xwa2_fetch_account_reachout_timelock",
        ("23983697327930364",),
    ),
    (
        "FetchNewChatMessageCappingInfo",
        "xwa2_message_capping_info",
        ("27910975521856601", "24503548349331633"),
    ),
)

QUERIES: Mapping[str, MexQuery] = {
    query_id: MexQuery(query_id, operation, root)
    for operation, root, ids in _ROWS
    for query_id in ids
}
"""By id. One id of the desktop client stands for two operations there, and is left out."""

IDS: Mapping[str, str] = {operation: ids[0] for operation, _, ids in _ROWS}
"""The newest id of each operation."""
