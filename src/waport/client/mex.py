"""GraphQL queries, by name or by whatever id.

Source: docs/protocol/newsletters.md, "GraphQL".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..errors import InvalidInput, MexError
from ..stanza.json_values import JsonObject, raw_text
from ..stanza.mex import MexAnswer, MexQuery, read_answer
from ..stanza.mex_table import MEX_QUERIES
from .queries import Queries
from .threads import in_thread

log = logging.getLogger(__name__)

INLINE = 32_768
"""Bytes of an answer that are read at once; longer ones in a thread."""

NO_IDS: Mapping[str, str] = {}


class Mex:
    """Asks GraphQL queries.

    Every method raises QueryError (and what derives from it) when the server refuses, MexError when
    the answer is unusable, QueryTimeout, ConnectionClosed, StanzaError.

    Args:
        ids: other ids than those of the table, by the names of queries.
    """

    def __init__(self, queries: Queries, ids: Mapping[str, str] = NO_IDS) -> None:
        self._queries = queries
        self._ids = ids

    async def ask(
        self, operation: str, variables: Mapping[str, object], *, again: bool = False
    ) -> JsonObject:
        """The object that a query of the table brings.

        Args:
            again: it changes nothing, or changes the same when it is asked twice.
        """
        answer, root = await self._ask(operation, variables, again)
        if root not in answer.data:
            raise MexError(f"no {root} in the answer")
        return answer.data.part(root)

    async def ask_list(
        self, operation: str, variables: Mapping[str, object], *, again: bool = False
    ) -> list[JsonObject]:
        """The objects that a query of the table lists."""
        answer, root = await self._ask(operation, variables, again)
        if not isinstance(answer.data.value(root), list):
            raise MexError(f"no list of {root} in the answer")
        return answer.data.parts(root)

    async def ask_id(
        self, query_id: str, variables: Mapping[str, object], *, again: bool = False
    ) -> MexAnswer:
        """Any query with any variables; what is not fatal stands beside the data.

        Raises:
            InvalidInput: the id is no number.
        """
        if not (query_id.isascii() and query_id.isdigit() and len(query_id) <= 32):
            raise InvalidInput("a query's id is a decimal number")
        body = await self._queries.run(MexQuery(query_id, variables), again=again)
        if len(body) <= INLINE:
            return read_answer(body)
        return await in_thread(read_answer, body)

    async def _ask(
        self, operation: str, variables: Mapping[str, object], again: bool
    ) -> tuple[MexAnswer, str]:
        known = MEX_QUERIES[operation]
        query_id = self._ids.get(operation, known.id)
        answer = await self.ask_id(query_id, variables, again=again)
        for problem in answer.problems:
            text = raw_text(problem.text.encode())
            log.warning("a part of the answer to %s is missing: %s", operation, text)
        return answer, known.root
