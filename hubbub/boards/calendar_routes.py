"""HTTP for calendars: the link, and what it shows to whoever has it."""

import hashlib

from fastapi import APIRouter, Request, Response

from hubbub.boards.calendars import read_calendar
from hubbub.boards.service import calendars
from hubbub.kernel.errors import NotFound
from hubbub.kernel.http import get_kernel, json_response, write
from hubbub.kernel.seal import Seal
from hubbub.people.access import CurrentCaller, limit, limit_anonymous
from hubbub.people.routes import base_url

router = APIRouter()

MEDIA_TYPE = "text/calendar; charset=utf-8"


@router.get("/api/me/calendar")
async def get_calendar_link(request: Request, caller: CurrentCaller) -> Response:
    kernel = get_kernel(request)
    found = await kernel.read(
        calendars.read_link, caller, seal=Seal(kernel.secrets), base_url=base_url(request)
    )
    return json_response(found)


@router.post("/api/me/calendar", status_code=201)
async def make_calendar_link(request: Request, caller: CurrentCaller) -> Response:
    return await write(request, caller, calendars.make_link, 201, _base_url=base_url(request))


@router.delete("/api/me/calendar", status_code=204)
async def revoke_calendar_link(request: Request, caller: CurrentCaller) -> Response:
    return await write(request, caller, calendars.revoke_link)


@router.get("/calendar/{secret}.ics")
async def get_calendar(request: Request, secret: str) -> Response:
    """The calendar of whoever made this link. A secret that is none, or no longer, is counted as an anonymous call."""
    kernel = get_kernel(request)
    owner = await kernel.read(calendars.find_owner, secret)
    if owner is None:
        await limit_anonymous(request)
        raise NotFound("There is no such calendar.")
    request.scope["state"]["user"] = owner.id
    await limit(request, "calendar", owner.id)
    body = await kernel.read(read_calendar, owner, now=kernel.clock(), base_url=base_url(request))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "").split(",")
    if any(given.strip().removeprefix("W/") in (etag, "*") for given in known):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=MEDIA_TYPE)
