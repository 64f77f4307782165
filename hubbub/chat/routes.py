"""HTTP for chat: parse, call one service function, answer."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from hubbub.chat.schemas import (
    Emoji,
    MessageChange,
    NewMember,
    NewMessage,
    NewRoom,
    ReadTo,
    RoomChange,
    Seq,
)
from hubbub.chat.service import messages, queries, rooms, search
from hubbub.chat.service.pages import get_newest_pages
from hubbub.kernel.errors import Invalid
from hubbub.kernel.http import JSON, get_kernel, json_response, write
from hubbub.kernel.schemas import Identifier
from hubbub.people.access import CurrentCaller, current_caller, limit_search

router = APIRouter(prefix="/api")

DEFAULT_LIMIT = 50
Limit = Annotated[int, Query(ge=1, le=200)]
Place = Annotated[Seq | None, Query()]


@router.get("/rooms")
async def list_rooms(
    request: Request,
    caller: CurrentCaller,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Identifier | None = None,
) -> Response:
    kernel = get_kernel(request)
    return json_response(await kernel.read(queries.list_rooms, caller, limit=limit, cursor=cursor))


@router.post("/rooms", status_code=201)
async def create_room(request: Request, caller: CurrentCaller, body: NewRoom) -> Response:
    if body.kind != "direct" and body.name is None:
        raise Invalid.field("name", "A room needs a name.")
    return await write(
        request, caller, rooms.create_room, 201, **(body.model_dump() | {"name": body.name or ""})
    )


@router.get("/rooms/{room}")
async def get_room(request: Request, caller: CurrentCaller, room: Identifier) -> Response:
    return json_response(await get_kernel(request).read(queries.read_room_view, caller, room))


@router.patch("/rooms/{room}")
async def change_room(
    request: Request, caller: CurrentCaller, room: Identifier, body: RoomChange
) -> Response:
    return await write(request, caller, rooms.change_room, room=room, **body.model_dump())


@router.delete("/rooms/{room}", status_code=204)
async def delete_room(request: Request, caller: CurrentCaller, room: Identifier) -> Response:
    return await write(request, caller, rooms.delete_room, room=room)


@router.get("/rooms/{room}/members")
async def list_members(request: Request, caller: CurrentCaller, room: Identifier) -> Response:
    return json_response(await get_kernel(request).read(queries.list_members, caller, room=room))


@router.post("/rooms/{room}/members")
async def add_member(
    request: Request, caller: CurrentCaller, room: Identifier, body: NewMember | None = None
) -> Response:
    return await write(
        request, caller, rooms.add_member, room=room, user=body.user if body else None
    )


@router.delete("/rooms/{room}/members/{user}", status_code=204)
async def remove_member(
    request: Request, caller: CurrentCaller, room: Identifier, user: Identifier
) -> Response:
    return await write(request, caller, rooms.remove_member, room=room, user=user)


@router.get("/rooms/{room}/messages")
async def list_messages(
    request: Request,
    caller: CurrentCaller,
    room: Identifier,
    before: Place = None,
    after: Place = None,
    around: Place = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    page = await get_kernel(request).read_history(
        queries.list_messages,
        caller,
        room=room,
        before=before,
        after=after,
        around=around,
        limit=limit,
    )
    return json_response(page)


ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ONLY_LIMIT = re.compile(rb"(?:limit=([1-9][0-9]?|1[0-9]{2}|200))?")


async def list_newest_messages(request: Request) -> Response | None:
    """`list_messages` without a place, the read everybody makes; None leaves any other to it."""
    room = request.path_params["room"]
    query = ONLY_LIMIT.fullmatch(request.scope["query_string"])
    if query is None or not ID.fullmatch(room):
        return None
    caller = await current_caller(request)
    pages = get_newest_pages(get_kernel(request))
    body = await pages.read(caller, room, int(query[1] or DEFAULT_LIMIT))
    return Response(body, media_type=JSON)


SHORTCUTS = {list_messages: list_newest_messages}


@router.post("/rooms/{room}/messages", status_code=201)
async def post_message(
    request: Request, caller: CurrentCaller, room: Identifier, body: NewMessage
) -> Response:
    return await write(
        request,
        caller,
        messages.post_message,
        201,
        room=room,
        body=body.body,
        reply_to=body.reply_to,
    )


@router.get("/messages/{message}")
async def get_message(request: Request, caller: CurrentCaller, message: Identifier) -> Response:
    return json_response(
        await get_kernel(request).read(queries.get_message, caller, message=message)
    )


@router.get("/messages/{message}/thread")
async def list_thread(request: Request, caller: CurrentCaller, message: Identifier) -> Response:
    return json_response(
        await get_kernel(request).read_history(queries.list_thread, caller, message=message)
    )


@router.patch("/messages/{message}")
async def edit_message(
    request: Request, caller: CurrentCaller, message: Identifier, body: MessageChange
) -> Response:
    return await write(request, caller, messages.edit_message, message=message, body=body.body)


@router.delete("/messages/{message}", status_code=204)
async def delete_message(request: Request, caller: CurrentCaller, message: Identifier) -> Response:
    return await write(request, caller, messages.delete_message, message=message)


@router.put("/messages/{message}/reactions/{emoji}")
async def add_reaction(
    request: Request, caller: CurrentCaller, message: Identifier, emoji: Annotated[Emoji, Path()]
) -> Response:
    return await write(request, caller, messages.add_reaction, message=message, emoji=emoji)


@router.delete("/messages/{message}/reactions/{emoji}")
async def remove_reaction(
    request: Request, caller: CurrentCaller, message: Identifier, emoji: Annotated[Emoji, Path()]
) -> Response:
    return await write(request, caller, messages.remove_reaction, message=message, emoji=emoji)


@router.put("/rooms/{room}/read")
async def move_read_mark(
    request: Request, caller: CurrentCaller, room: Identifier, body: ReadTo
) -> Response:
    return await write(request, caller, messages.move_read_mark, room=room, seq=body.seq)


def to_milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


@router.get("/search", dependencies=[Depends(limit_search)])
async def search_messages(
    request: Request,
    caller: CurrentCaller,
    q: Annotated[str, Query(max_length=200)],
    room: Identifier | None = None,
    author: Identifier | None = None,
    before: datetime | None = None,
    after: datetime | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    found = await search.search(
        get_kernel(request),
        caller,
        words=q,
        room=room,
        author=author,
        before=to_milliseconds(before),
        after=to_milliseconds(after),
        limit=limit,
        cursor=cursor,
    )
    return json_response(found)


@router.get("/sync")
async def sync(request: Request, caller: CurrentCaller) -> Response:
    screen = await get_kernel(request).read(queries.read_first_screen, caller)
    known = {person["id"] for person in screen["people"]}
    screen["version"] = request.app.version
    screen["presence"] = sorted(request.app.state.presence.online() & known)
    return json_response(screen)
