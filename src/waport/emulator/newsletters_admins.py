"""The GraphQL queries about who runs a channel, who follows it and who has reacted.

Source: docs/protocol/newsletters.md, "Queries by id" and "Roles".
"""

from __future__ import annotations

from collections.abc import Mapping

from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .mex import Operation, Variables
from .newsletters import ADMIN, GUEST, OWNER, SUBSCRIBER, Follower, Newsletter
from .newsletters_mex import NewsletterQueries
from .newsletters_news import NewsletterNews
from .newsletters_nodes import state
from .replies import Asker, Refusal

_INVITE_LIFE_S = 7 * 86_400
_MAX_LISTED = 1_000


class NewsletterAdmins:
    """Carries out the queries about people in channels."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        news: NewsletterNews,
        queries: NewsletterQueries,
    ) -> None:
        self._directory = directory
        self._book = directory.newsletters
        self._deliveries = deliveries
        self._news = news
        self._queries = queries

    def operations(self) -> Mapping[str, Operation]:
        """By the names of `mex_table`."""
        return {
            "ChangeNewsletterOwner": self._change_owner,
            "DemoteNewsletterAdmin": self._demote,
            "FetchNewsletterAdminInfo": self._admin_info,
            "FetchNewsletterFollowers": self._followers,
            "FetchNewsletterSubscribers": self._subscribers,
            "FetchNewsletterPendingInvites": self._pending,
            "CreateNewsletterAdminInvite": self._invite,
            "AcceptNewsletterAdminInvite": self._accept,
            "RevokeNewsletterAdminInvite": self._revoke,
            "FetchNewsletterMessageReactionSenderList": self._reacted,
        }

    # --- roles -----------------------------------------------------------------------------------

    async def _invite(self, asker: Asker, variables: Variables) -> object:
        newsletter = self._owned(asker, variables)
        user = self._user(variables)
        if newsletter.is_admin(user.number):
            raise Refusal(409)
        expiration = int(self._deliveries.now()) + _INVITE_LIFE_S
        newsletter.invited[user.number] = expiration
        self._deliveries.changed()
        return {**state(newsletter), "invite_expiration_time": str(expiration)}

    async def _accept(self, asker: Asker, variables: Variables) -> object:
        newsletter, account = self._queries.named(variables), asker.account
        expiration = newsletter.invited.get(account.number)
        if expiration is None or expiration < self._deliveries.now():
            raise Refusal(404 if expiration is None else 410)
        del newsletter.invited[account.number]
        self.set_role(newsletter, account, ADMIN, asker.device)
        return state(newsletter)

    async def _revoke(self, asker: Asker, variables: Variables) -> object:
        newsletter = self._owned(asker, variables)
        user = self._user(variables)
        if newsletter.invited.pop(user.number, None) is None:
            raise Refusal(404)
        self._news.role_changed(newsletter, user, "AdminInviteRevoke", asker.device)
        return state(newsletter)

    async def _demote(self, asker: Asker, variables: Variables) -> object:
        newsletter = self._queries.named(variables)
        user = self._user(variables)
        # Whoever is an admin may cease to be one by himself.
        if asker.account is not user and newsletter.role(asker.account.number) != OWNER:
            raise Refusal(403)
        if newsletter.role(user.number) != ADMIN:
            raise Refusal(404)
        self.set_role(newsletter, user, SUBSCRIBER, asker.device)
        return state(newsletter)

    async def _change_owner(self, asker: Asker, variables: Variables) -> object:
        newsletter = self._owned(asker, variables)
        user = self._user(variables)
        if newsletter.role(user.number) != ADMIN:
            raise Refusal(403)
        self.set_role(newsletter, user, OWNER, asker.device)
        return state(newsletter)

    def set_role(
        self, newsletter: Newsletter, account: Account, role: str, by: Device | None = None
    ) -> None:
        """Make somebody OWNER (the owner of before is an admin then), ADMIN or SUBSCRIBER."""
        before = newsletter.role(account.number)
        if before == GUEST:
            since = int(self._deliveries.now())
            self._book.follow(newsletter, Follower(account.number, since=since))
        if role == OWNER:
            for follower in newsletter.followers.values():
                follower.role = ADMIN if follower.role == OWNER else follower.role
        newsletter.followers[account.number].role = role
        kind = {OWNER: "OwnerUpdate", ADMIN: "AdminPromote"}.get(role, "AdminDemote")
        self._news.role_changed(newsletter, account, kind, by)

    # --- lists -----------------------------------------------------------------------------------

    async def _admin_info(self, asker: Asker, variables: Variables) -> object:
        newsletter = self._queries.named(variables)
        admins = [
            {"user": _person(account), "role": newsletter.role(account.number)}
            for account in self._directory.select(newsletter.admins())
        ]
        return {"id": str(newsletter.jid), "admin_count": len(admins), "admins": admins}

    async def _followers(self, asker: Asker, variables: Variables) -> object:
        return {"followers": self._edges(asker, variables)}

    async def _subscribers(self, asker: Asker, variables: Variables) -> object:
        return {"subscribers": self._edges(asker, variables)}

    def _edges(self, asker: Asker, variables: Variables) -> object:
        wish = variables.part("input")
        newsletter = self._queries.administered(asker.account, wish)
        count = wish.number("count", 50, _MAX_LISTED)
        edges = []
        for follower in list(newsletter.followers.values())[:count]:
            (account,) = self._directory.select((follower.number,))
            edges.append(
                {
                    "node": _person(account),
                    "role": follower.role,
                    "follow_time": str(follower.since),
                }
            )
        return {"edges": edges, "page_info": {"hasNextPage": len(newsletter.followers) > count}}

    async def _pending(self, asker: Asker, variables: Variables) -> object:
        newsletter = self._queries.administered(asker.account, variables)
        pending = [
            {"user": _person(account), "expiration": str(newsletter.invited[account.number])}
            for account in self._directory.select(newsletter.invited)
        ]
        return {"id": str(newsletter.jid), "pending_admin_invites": pending}

    async def _reacted(self, asker: Asker, variables: Variables) -> object:
        wish = variables.part("input")
        newsletter = self._queries.named(Variables({"newsletter_id": wish.text("id")}))
        if not newsletter.is_admin(asker.account.number):
            raise Refusal(403)
        post = newsletter.posts.get(int(_digits(wish.text("server_id"))))
        if post is None:
            raise Refusal(404)
        people = {account.number: account for account in self._directory.select(post.reactions)}
        reactions = [
            {
                "reaction_code": code,
                "sender_list": {
                    "edges": [
                        {"node": _person(people[number]), "timestamp": str(t)}
                        for number, (own, t) in post.reactions.items()
                        if own == code
                    ]
                },
            }
            for code in post.counts()
        ]
        return {"id": str(newsletter.jid), "reactions": reactions}

    def _owned(self, asker: Asker, variables: Variables) -> Newsletter:
        newsletter = self._queries.named(variables)
        if newsletter.role(asker.account.number) != OWNER:
            raise Refusal(403)
        return newsletter

    def _user(self, variables: Variables) -> Account:
        account = self._directory.by_jid(variables.jid("user_id").bare)
        if account is None:
            raise Refusal(404)
        return account


def _person(account: Account) -> dict[str, object]:
    return {"id": str(account.lid), "pn": str(account.jid), "display_name": account.name}


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Refusal(400)
    return text
