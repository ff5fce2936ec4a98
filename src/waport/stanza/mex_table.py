"""The GraphQL queries by name: this table is the only place that knows their ids.

Ids belong to a build of the web client and change with it; old ones go on working for years, and
then end in an error. Whoever needs others gives them to the client (`ClientConfig.mex_ids`).

Source: docs/protocol/newsletters.md, "Queries by id".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class MexOperation(NamedTuple):
    """One query.

    Attributes:
        id: decimal digits.
        root: the member of the answer's data below which it stands.
    """

    id: str
    root: str


MEX_QUERIES: Final[Mapping[str, MexOperation]] = {
    "CreateNewsletter": MexOperation("25149874324715067", "xwa2_newsletter_create"),
    "UpdateNewsletter": MexOperation("24250201037901610", "xwa2_newsletter_update"),
    "FetchNewsletter": MexOperation("27456920720571478", "xwa2_newsletter"),
    "FetchAllNewslettersMetadata": MexOperation("25399611239711790", "xwa2_newsletter_subscribed"),
    "JoinNewsletter": MexOperation("24404358912487870", "xwa2_newsletter_join_v2"),
    "LeaveNewsletter": MexOperation("9767147403369991", "xwa2_newsletter_leave_v2"),
    "UpdateNewsletterUserSetting": MexOperation(
        "31938993655691868", "xwa2_newsletter_update_user_setting"
    ),
    "DeleteNewsletter": MexOperation("30062808666639665", "xwa2_newsletter_delete_v2"),
    "ChangeNewsletterOwner": MexOperation("9546742745432473", "xwa2_newsletter_change_owner"),
    "DemoteNewsletterAdmin": MexOperation("9880997548630971", "xwa2_newsletter_demote"),
    "FetchNewsletterAdminInfo": MexOperation("26278439461859188", "xwa2_newsletter_admin"),
    "FetchNewsletterFollowers": MexOperation("27472091235714801", "xwa2_newsletter_followers"),
    "FetchNewsletterPendingInvites": MexOperation("9783111038412085", "xwa2_newsletter_admin"),
    "CreateNewsletterAdminInvite": MexOperation(
        "9387141988078609", "xwa2_newsletter_admin_invite_create"
    ),
    "AcceptNewsletterAdminInvite": MexOperation(
        "9580828702035549", "xwa2_newsletter_admin_invite_accept"
    ),
    "RevokeNewsletterAdminInvite": MexOperation(
        "9656078347839416", "xwa2_newsletter_admin_invite_revoke"
    ),
    "FetchNewsletterMessageReactionSenderList": MexOperation(
        "29575462448733991", "xwa2_newsletters_reaction_sender_list"
    ),
    "FetchRecommendedNewsletters": MexOperation(
        "25806748772361516", "xwa2_newsletters_recommended"
    ),
    "FetchNewsletterDirectoryList": MexOperation(
        "26125047313831973", "xwa2_newsletters_directory_list"
    ),
    "FetchNewsletterDirectorySearchResults": MexOperation(
        "26301059626252132", "xwa2_newsletters_directory_search"
    ),
    "UpdateGroupProperty": MexOperation("9418211574894172", "xwa2_group_update_property"),
    "FetchAllSubgroups": MexOperation("9935467776504344", "xwa2_group_query_by_id"),
}
"""By the names of the web client."""
