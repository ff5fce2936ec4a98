"""Tells devices what has changed in the channels that they have to do with.

Source: docs/protocol/newsletters.md, "News" and "Live updates".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..wire import SERVER, AttrValue, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .mex import mex_update
from .newsletters import Newsletter, Post
from .newsletters_nodes import listed, metadata, pushed, state, thread_metadata
from .notifications import Notifier

_Watcher = tuple[str, int]


class NewsletterNews:
    """Posts go to all followers; counters to whoever has asked for live updates lately."""

    def __init__(self, directory: Directory, deliveries: Deliveries, notifier: Notifier) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        # Channel -> (number, device) -> until when, unix seconds.
        self._watchers: dict[str, dict[_Watcher, float]] = {}

    # --- posts -----------------------------------------------------------------------------------

    def post(self, newsletter: Newsletter, post: Post, *, skip: Device | None = None) -> None:
        """Give a post, or a change of it, to every device of every follower but `skip`."""
        t = int(self._deliveries.now())
        for account in self._directory.select(newsletter.followers):
            node = pushed(newsletter, post, account.number, t)
            self._deliveries.post_all(account, node, skip=skip)

    # --- live updates ----------------------------------------------------------------------------

    def watch(self, newsletter: Newsletter, account: Account, device: Device) -> int:
        """Tell a device of changed counters for a while; for how many seconds."""
        duration = self._deliveries.policy.live_updates_s
        watchers = self._watchers.setdefault(newsletter.user, {})
        watchers[account.number, device.id] = self._deliveries.now() + duration
        return duration

    def counted(self, newsletter: Newsletter, post: Post) -> None:
        """The counters of a post have changed."""
        now = self._deliveries.now()
        watchers = self._watchers.get(newsletter.user, {})
        for watcher, until in list(watchers.items()):
            found = self._directory.find(watcher[0])
            device = found.devices.get(watcher[1]) if found is not None else None
            if until < now or found is None or device is None or device.session is None:
                del watchers[watcher]  # it asks again when it is back
                continue
            node = self._live_update(newsletter, post, found.number)
            self._deliveries.post(found, device, node)

    def _live_update(self, newsletter: Newsletter, post: Post, number: str) -> Node:
        if self._deliveries.policy.flat_live_updates:
            children = _flat(post)
        else:
            attrs: dict[str, AttrValue] = {"jid": newsletter.jid, "t": self._deliveries.t}
            messages = Node("messages", attrs, [listed(post, number, with_content=False)])
            children = [Node("live_updates", {}, [messages])]
        return self._notifier.notification("newsletter", newsletter.jid, *children)

    # --- what the channel is ---------------------------------------------------------------------

    def joined(self, newsletter: Newsletter, account: Account, device: Device) -> None:
        """An account follows a channel, or has made one: its other devices hear of it."""
        data = {"xwa2_notify_newsletter_on_join": metadata(newsletter, account.number)}
        self._tell((account,), "NotificationNewsletterJoin", data, [], skip=device)

    def left(self, newsletter: Newsletter, account: Account, device: Device) -> None:
        """An account follows a channel no more."""
        gone = {"id": str(newsletter.jid), "role": newsletter.role(account.number)}
        data = {"xwa2_notify_newsletter_on_leave": gone}
        self._tell((account,), "NotificationNewsletterLeave", data, [], skip=device)

    def muted(self, newsletter: Newsletter, account: Account, device: Device) -> None:
        """An account hears of a channel's doings no more, or again."""
        shown = metadata(newsletter, account.number)["viewer_metadata"]
        change = {"id": str(newsletter.jid), **(shown if isinstance(shown, dict) else {})}
        data = {"xwa2_notify_newsletter_on_mute_change": change}
        self._tell((account,), "NotificationNewsletterUserSettingChange", data, [], skip=device)

    def changed(self, newsletter: Newsletter, settings: Mapping[str, object], by: Device) -> None:
        """Name, description, picture or settings have changed: all followers hear of it."""
        shown = {"id": str(newsletter.jid), "thread_metadata": thread_metadata(newsletter)}
        self._tell(
            self._followers(newsletter),
            "NotificationNewsletterUpdate",
            {"xwa2_notify_newsletter_on_metadata_update": shown},
            [{"jid": str(newsletter.jid), "settings": dict(settings)}],
            skip=by,
        )

    def state_changed(
        self, newsletter: Newsletter, numbers: Iterable[str], by: Device | None = None
    ) -> None:
        """A channel was suspended, restored or deleted: its followers hear of it."""
        data = {"xwa2_notify_newsletter_on_state_change": state(newsletter)}
        people = self._directory.select(numbers)
        self._tell(people, "NotificationNewsletterStateChange", data, [], skip=by)

    def role_changed(
        self, newsletter: Newsletter, account: Account, kind: str, by: Device | None
    ) -> None:
        """Somebody's role has changed: they and the admins hear of it.

        Args:
            newsletter: where.
            account: whose.
            kind: "AdminPromote", "AdminDemote", "OwnerUpdate" or "AdminInviteRevoke".
            by: the device that knows already.
        """
        change = {
            "id": str(newsletter.jid),
            "user": {"id": str(account.lid), "pn": str(account.jid)},
            "user_new_role": newsletter.role(account.number),
        }
        self._tell(
            self._directory.select({*newsletter.admins(), account.number}),
            f"NotificationNewsletter{kind}",
            {f"xwa2_notify_newsletter_{_SNAKE[kind]}": change},
            [{"jid": str(newsletter.jid), "user": str(account.lid)}],
            skip=by,
        )

    def _followers(self, newsletter: Newsletter) -> list[Account]:
        return self._directory.select(newsletter.followers)

    def _tell(
        self,
        people: Iterable[Account],
        operation: str,
        data: Mapping[str, object],
        updates: list[object],
        *,
        skip: Device | None,
    ) -> None:
        update = mex_update(operation, data, updates, is_legacy=self._deliveries.policy.legacy_mex)
        for account in people:
            for device in list(account.devices.values()):
                if device is not skip:
                    node = self._notifier.notification("mex", SERVER, update)
                    self._deliveries.post(account, device, node)
        self._deliveries.changed()


_SNAKE = {
    "AdminPromote": "admin_promote",
    "AdminDemote": "admin_demote",
    "OwnerUpdate": "on_owner_update",
    "AdminInviteRevoke": "on_admin_invite_revoke",
}


def _flat(post: Post) -> list[Node]:
    """Counters in the form that Baileys looks for: right below the notification."""
    name: dict[str, AttrValue] = {"message_id": str(post.server_id)}
    reactions = [
        Node("reaction", dict(name), [Node("reaction", {}, code.encode())])
        for code in post.counts()
    ]
    return [*reactions, Node("view", dict(name), str(len(post.viewers)).encode())]
