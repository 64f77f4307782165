"""HTTP for operators, and the errors browsers report."""

import logging
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from hubbub.kernel.http import get_kernel, json_response, request_id
from hubbub.operations.errors import read_page
from hubbub.operations.history import read_history
from hubbub.operations.models import STREAM
from hubbub.operations.service import OPERATORS, Operations
from hubbub.people.access import CurrentCaller, require_role

router = APIRouter(prefix="/api")
logger = logging.getLogger("hubbub.client")


def get_operations(request: Request) -> Operations:
    operations: Operations = request.app.state.operations
    return operations


@router.get("/operations")
async def operations(request: Request, caller: CurrentCaller) -> Response:
    """How everything is now, and the stream to follow for the same every two seconds. For owners and admins."""
    require_role(caller, *OPERATORS)
    return json_response({"stream": STREAM, **await get_operations(request).snapshot()})


@router.get("/operations/history")
async def history(
    request: Request, caller: CurrentCaller, hours: Annotated[int, Query(ge=1, le=168)] = 1
) -> Response:
    """Figures of the last hour, one in ten seconds; of more hours, one in five minutes."""
    require_role(caller, *OPERATORS)
    kernel = get_kernel(request)
    return json_response(await kernel.read(read_history, hours, kernel.clock() // 1000))


@router.get("/operations/errors")
async def errors(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str, StringConstraints(max_length=60)] | None = None,
) -> Response:
    """Errors by kind, those seen last first."""
    require_role(caller, *OPERATORS)
    # What came in a moment ago counts too.
    await get_operations(request).errors.flush()
    return json_response(await get_kernel(request).read(read_page, limit, cursor))


class ClientError(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    stack: Annotated[str, StringConstraints(max_length=8_000)] | None = None
    url: Annotated[str, StringConstraints(max_length=500)] | None = None
    release: Annotated[str, StringConstraints(max_length=100)] | None = None


@router.post("/client-errors", status_code=204)
async def client_error(request: Request, caller: CurrentCaller, body: ClientError) -> Response:
    """Notes an error a browser met, without what is personal in it; equal ones are counted."""
    await get_kernel(request).limits.hit("client-error", caller.id)
    kind = get_operations(request).errors.note_browser(
        body.message,
        body.stack or "",
        body.url or "",
        body.release or "",
        request.headers.get("user-agent", ""),
        request_id(request),
    )
    logger.warning("a browser reported an error", extra={"fingerprint": kind})
    return Response(status_code=204)
