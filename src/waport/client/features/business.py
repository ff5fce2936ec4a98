"""Businesses: their profiles, names, catalogues and orders; and the own ones of a business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from ...errors import InvalidInput, NotFound, StanzaError
from ...media import MediaKind
from ...model.business import (
    BusinessProfile,
    CatalogPage,
    CatalogProduct,
    LinkTarget,
    OrderDetails,
    ProductCollection,
    ProductDraft,
    ProfileChange,
    VerifiedName,
)
from ...stanza.business import (
    ChangeBusinessProfile,
    FetchBusinessProfile,
    FetchVerifiedName,
    OwnContactCode,
    ResolveLink,
    SetCoverPhoto,
    link_code,
)
from ...stanza.catalog import (
    DeleteProducts,
    FetchCatalog,
    FetchCollections,
    FetchOrder,
    SaveProduct,
)
from ...stanza.query import Query
from ...store import Database
from ...wire import Jid
from ..fanout import canonical
from ..people import linked_own, number_of
from ..pictures import profile_picture
from ..probe_files import Source
from ..queries import Queries
from .media import Media

T = TypeVar("T")

PAGE = 100
"""Products asked for at once when a whole catalogue is gone through."""

MAX_PAGES = 100

CONTACT_LINK = "https://wa.me/qr/"


class Business:
    """What businesses show, and what the own account shows if it is one.

    Every method raises what the question may end in: QueryError, QueryTimeout, ConnectionClosed,
    StanzaError; and InvalidInput for arguments that the server would refuse.
    """

    def __init__(self, database: Database, session_id: str, queries: Queries, media: Media) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._media = media

    # --- profiles ----------------------------------------------------------------------------

    async def profile(self, jid: Jid | None = None) -> BusinessProfile | None:
        """What a business shows of itself; None when the account is none.

        Args:
            jid: whose; the own account's when it is left out.
        """
        try:
            return await self._ask(FetchBusinessProfile(await self._business(jid)))
        except NotFound:
            return None

    async def edit_profile(self, change: ProfileChange) -> None:
        """Change what the own business shows."""
        await self._ask(ChangeBusinessProfile(change))

    async def set_cover_photo(self, source: Source) -> str:
        """Show a cover photo; its id.

        Args:
            source: a JPEG, PNG, WebP, GIF or BMP, as bytes or as a file.

        Raises:
            MediaTooLarge, TransferFailed: it could not be uploaded.
        """
        picture = await profile_picture(source)
        uploaded = await self._media.upload_plain(picture, MediaKind.COVER_PHOTO)
        ticket = uploaded.ticket
        if ticket is None:
            raise StanzaError("cover_photo", "the media host gave no ticket for it")
        await self._ask(SetCoverPhoto(ticket.id, ticket.token, ticket.timestamp))
        return ticket.id

    async def remove_cover_photo(self, photo_id: str) -> None:
        """Show no cover photo any more."""
        await self._ask(SetCoverPhoto(photo_id))

    async def verified_name(self, jid: Jid) -> VerifiedName | None:
        """The name that WhatsApp has certified; None when it has certified none."""
        business = await self._business(jid)
        try:
            found = await self._ask(FetchVerifiedName(business))
        except NotFound:
            return None
        if found is not None:
            name, level = found.name, found.level
            await self._database.write(
                self._session_id,
                lambda store: store.contacts.set_business(canonical(store, jid), name, level),
            )
        return found

    # --- catalogues --------------------------------------------------------------------------

    async def catalog(
        self, jid: Jid | None = None, *, limit: int = 10, after: str | None = None
    ) -> CatalogPage:
        """A part of a catalogue; products that cannot be read are counted and left out.

        Args:
            jid: whose; the own account's when it is left out.
            limit: products at most.
            after: as the part before said.
        """
        return await self._ask(FetchCatalog(await self._business(jid), limit, after))

    async def product(self, product_id: str, jid: Jid | None = None) -> CatalogProduct:
        """One product of a catalogue, which is gone through until it is found.

        Raises:
            NotFound: there is none of that id.
        """
        after: str | None = None
        for _ in range(MAX_PAGES):
            page = await self.catalog(jid, limit=PAGE, after=after)
            for product in page.products:
                if product.id == product_id:
                    return product
            if page.after is None or page.after == after:
                break
            after = page.after
        raise NotFound(404, "there is no such product")

    async def collections(
        self, jid: Jid | None = None, *, limit: int = 51, item_limit: int = 51
    ) -> tuple[ProductCollection, ...]:
        """The collections of a catalogue, each with its first products.

        Args:
            limit: collections at most.
            item_limit: products of each at most.
        """
        return await self._ask(FetchCollections(await self._business(jid), limit, item_limit))

    async def order(self, order_id: str, token: str) -> OrderDetails:
        """What a customer has ordered, or what we have.

        Args:
            order_id, token: as the order's message says.

        Raises:
            NotFound: there is none.
        """
        return await self._ask(FetchOrder(order_id, token))

    # --- the own catalogue -------------------------------------------------------------------

    async def create_product(
        self, draft: ProductDraft, pictures: Sequence[Source] = ()
    ) -> CatalogProduct:
        """Put a product into the own catalogue; as the server has it.

        Args:
            pictures: to be uploaded, beside those that the draft names.
        """
        hidden = bool(draft.is_hidden)
        return await self._save(replace(draft, is_hidden=hidden), None, pictures)

    async def update_product(
        self, product_id: str, draft: ProductDraft, pictures: Sequence[Source] = ()
    ) -> CatalogProduct:
        """Change a product of the own catalogue; as the server has it.

        Args:
            pictures: to be uploaded, beside those that the draft names.

        Raises:
            NotFound: there is none of that id.
        """
        if not product_id:
            raise InvalidInput("a product has an id")
        return await self._save(draft, product_id, pictures)

    async def delete_products(self, product_ids: Sequence[str]) -> int:
        """Take products out of the own catalogue; how many are gone."""
        return await self._ask(DeleteProducts(tuple(product_ids)))

    async def _save(
        self, draft: ProductDraft, product_id: str | None, pictures: Sequence[Source]
    ) -> CatalogProduct:
        # A draft that is no good is told before anything is uploaded.
        SaveProduct(draft, product_id).request()
        urls = [
            (await self._media.upload_plain(each, MediaKind.PRODUCT_IMAGE)).url for each in pictures
        ]
        full = replace(draft, image_urls=(*draft.image_urls, *urls))
        return await self._ask(SaveProduct(full, product_id))

    # --- short links -------------------------------------------------------------------------

    async def resolve_link(self, link: str) -> LinkTarget:
        """Whom a short link leads to.

        Args:
            link: `wa.me/message/CODE`, `wa.me/qr/CODE`, or the code.

        Raises:
            NotFound: nobody, or nobody any more.
        """
        return await self._ask(ResolveLink(link_code(link)))

    async def contact_link(self, *, revoke: bool = False) -> str:
        """The link through which others find the own account.

        Args:
            revoke: the old one leads nowhere from now on, and there is a new one.
        """
        return CONTACT_LINK + await self._ask(OwnContactCode(revoke))

    # --- how ---------------------------------------------------------------------------------

    async def _ask(self, query: Query[T]) -> T:
        return await self._queries.run(query)

    async def _business(self, jid: Jid | None) -> Jid:
        """An account by number, which these questions want."""
        if jid is None:
            own = await self._database.read(self._session_id, linked_own)
            return own.pn.bare
        if not (jid.bare.is_pn or jid.bare.is_lid):
            raise InvalidInput("only people have business profiles")
        number = await self._database.read(self._session_id, lambda store: number_of(store, jid))
        return number or jid.bare
