"""The log itself over HTTP, for clients that prefer to pull and for filling a hole."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import NotFound
from hubbub.kernel.http import get_kernel, json_response
from hubbub.kernel.kernel import StreamAccess
from hubbub.kernel.schemas import Identifier
from hubbub.people.access import CurrentCaller

router = APIRouter(prefix="/api")


def read_page(
    connection: Connection,
    caller: Caller,
    access: dict[str, StreamAccess],
    stream: str,
    after: int,
    limit: int,
) -> dict[str, Any]:
    """Entries after a cursor: {items, head, reset}. Raises NotFound."""
    state = log.read_states(connection, [stream]).get(stream)
    if state is None or not access[state.kind](connection, [(caller, stream)]):
        raise NotFound("There is no such stream, or it is not yours to see.")
    if after < state.floor or after > state.head:
        return {"items": [], "head": state.head, "reset": True}
    found = log.read_entries(connection, stream, after, state.head, limit)
    return {
        "items": [orjson.Fragment(entry.encode()) for entry in found],
        "head": state.head,
        "reset": False,
    }


@router.get("/streams/{stream}/entries")
async def list_entries(
    request: Request,
    caller: CurrentCaller,
    stream: Identifier,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    kernel = get_kernel(request)
    page = await kernel.read_history(read_page, caller, kernel.stream_access, stream, after, limit)
    return json_response(page)
