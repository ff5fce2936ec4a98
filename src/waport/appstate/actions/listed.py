"""Actions that are known, but that nobody here has a use for: they stay `UnknownAction`.

Source: docs/protocol/app-state.md, "Actions that are kept as they come".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..state import Collection

_NAMES: Final[Mapping[Collection, str]] = {
    Collection.CRITICAL_BLOCK: "generated_wui",
    Collection.REGULAR_HIGH: """
        biz_ai_settings_nudge ctwaPerCustomerDataSharing waffle_account_link_state wasa_root_secret
        ugc_bot maiba_ai_features_control status_post_opt_in_notification_preferences_action
        private_processing_setting shared_device_allowlist
    """,
    Collection.REGULAR_LOW: """
        custom_payment_methods payment_info payment_tos merchant_payment_partner customer_data
        out_contact recent_emoji_weights_action coexV2Version lock_message device_capabilities_v2
        contact_manager_metadata business_folder_activation setting_autoOrganizeBusinessChat
    """,
    Collection.REGULAR: """
        deviceAgent agentChatAssignment agentChatAssignmentOpenedStatus avatar_updated_action
        marketingMessage marketingMessageBroadcast business_broadcast_list
        business_broadcast_campaign business_broadcast_insights_sync
        detected_outcomes_status_action subscriptions_sync_v2 subscription
        delete_individual_call_log usernameChatStartMode notificationActivitySetting
        setting_channels_personalised_recommendation_optout broadcast_jid music_user_id
        galaxy_flow_action newsletter_saved_interests broadcast ctwa_message_received
    """,
}

LISTED: Final[Mapping[str, Collection]] = {
    name: collection for collection, names in _NAMES.items() for name in names.split()
}
"""Their collections by their names."""
