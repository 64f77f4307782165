"""HTTP for boards, their members, lists and labels: parse, call one service function, answer."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from hubbub.boards import activity, queries
from hubbub.boards.schemas import (
    BoardChange,
    LabelChange,
    ListChange,
    ListMove,
    MemberRight,
    NewBoard,
    NewLabel,
    NewList,
)
from hubbub.boards.service import boards, lists
from hubbub.kernel.http import JSON, get_kernel, json_response, write
from hubbub.kernel.schemas import Identifier
from hubbub.people.access import CurrentCaller

router = APIRouter(prefix="/api")

DEFAULT_LIMIT = 50
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=800)]


@router.get("/boards")
async def list_boards(
    request: Request,
    caller: CurrentCaller,
    archived: bool = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Identifier | None = None,
) -> Response:
    found = await get_kernel(request).read(
        queries.list_boards, caller, archived=archived, limit=limit, cursor=cursor
    )
    return json_response(found)


@router.post("/boards", status_code=201)
async def create_board(request: Request, caller: CurrentCaller, body: NewBoard) -> Response:
    return await write(request, caller, boards.create_board, 201, **body.model_dump())


@router.get("/boards/{board}")
async def get_board(
    request: Request,
    caller: CurrentCaller,
    board: Identifier,
    first: Annotated[int, Query(ge=0, le=10_000)] = DEFAULT_LIMIT,
) -> Response:
    found = await get_kernel(request).read(queries.read_board, caller, board=board, first=first)
    return Response(found, media_type=JSON)


@router.patch("/boards/{board}")
async def change_board(
    request: Request, caller: CurrentCaller, board: Identifier, body: BoardChange
) -> Response:
    return await write(request, caller, boards.change_board, board=board, changes=body.given())


@router.get("/boards/{board}/members")
async def list_board_members(
    request: Request, caller: CurrentCaller, board: Identifier
) -> Response:
    return json_response(await get_kernel(request).read(queries.list_members, caller, board=board))


@router.post("/boards/{board}/members")
async def set_board_member(
    request: Request, caller: CurrentCaller, board: Identifier, body: MemberRight
) -> Response:
    return await write(request, caller, boards.set_member, board=board, **body.given())


@router.delete("/boards/{board}/members/{user}", status_code=204)
async def remove_board_member(
    request: Request, caller: CurrentCaller, board: Identifier, user: Identifier
) -> Response:
    return await write(request, caller, boards.remove_member, board=board, user=user)


@router.get("/boards/{board}/lists")
async def list_lists(
    request: Request, caller: CurrentCaller, board: Identifier, archived: bool = False
) -> Response:
    found = await get_kernel(request).read(
        queries.list_lists, caller, board=board, archived=archived
    )
    return json_response(found)


@router.post("/boards/{board}/lists", status_code=201)
async def create_list(
    request: Request, caller: CurrentCaller, board: Identifier, body: NewList
) -> Response:
    return await write(request, caller, lists.create_list, 201, board=board, **body.given())


@router.get("/boards/{board}/labels")
async def list_labels(request: Request, caller: CurrentCaller, board: Identifier) -> Response:
    return json_response(await get_kernel(request).read(queries.list_labels, caller, board=board))


@router.patch("/lists/{list}")
async def change_list(
    request: Request, caller: CurrentCaller, list: Identifier, body: ListChange
) -> Response:
    return await write(request, caller, lists.change_list, list=list, changes=body.given())


@router.post("/lists/{list}/move")
async def move_list(
    request: Request, caller: CurrentCaller, list: Identifier, body: ListMove
) -> Response:
    return await write(request, caller, lists.move_list, list=list, **body.given())


@router.post("/lists/{list}/archive")
async def archive_list(request: Request, caller: CurrentCaller, list: Identifier) -> Response:
    return await write(request, caller, lists.archive_list, list=list)


@router.post("/lists/{list}/restore")
async def restore_list(request: Request, caller: CurrentCaller, list: Identifier) -> Response:
    return await write(request, caller, lists.restore_list, list=list)


@router.post("/boards/{board}/labels", status_code=201)
async def create_label(
    request: Request, caller: CurrentCaller, board: Identifier, body: NewLabel
) -> Response:
    return await write(request, caller, lists.create_label, 201, board=board, **body.given())


@router.patch("/boards/{board}/labels/{label}")
async def change_label(
    request: Request, caller: CurrentCaller, board: Identifier, label: Identifier, body: LabelChange
) -> Response:
    return await write(
        request, caller, lists.change_label, board=board, label=label, changes=body.given()
    )


@router.delete("/boards/{board}/labels/{label}", status_code=204)
async def remove_label(
    request: Request, caller: CurrentCaller, board: Identifier, label: Identifier
) -> Response:
    return await write(request, caller, lists.remove_label, board=board, label=label)


@router.get("/boards/{board}/activity")
async def list_activity(
    request: Request,
    caller: CurrentCaller,
    board: Identifier,
    task: Identifier | None = None,
    actor: Identifier | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    found = await get_kernel(request).read_history(
        activity.list_activity,
        caller,
        board=board,
        task=task,
        actor=actor,
        limit=limit,
        cursor=cursor,
    )
    return json_response(found)
