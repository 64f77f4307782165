"""HTTP for tasks, their checklists and comments: parse, call one service function, answer."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from hubbub.boards import calendar_routes, links, listing, queries, routes
from hubbub.boards.due import Due, read_days
from hubbub.boards.listing import Filters, Sort
from hubbub.boards.routes import DEFAULT_LIMIT, Cursor, Limit
from hubbub.boards.schemas import (
    CommentText,
    ItemChange,
    NewItem,
    NewTask,
    Priority,
    Status,
    TaskChange,
    TaskMove,
    TasksArchive,
    TasksMove,
)
from hubbub.boards.service import changing, checklists, comments, moves, tasks
from hubbub.kernel.http import get_kernel, json_response, write
from hubbub.kernel.schemas import Identifier
from hubbub.people.access import CurrentCaller, limit_search

router = APIRouter(prefix="/api")
routers = (routes.router, router, calendar_routes.router)
"""All that boards answer over HTTP."""

Zone = Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+\-/]+$")]


@router.get("/boards/{board}/tasks")
async def list_tasks(
    request: Request,
    caller: CurrentCaller,
    board: Identifier,
    status: Status | Literal["none"] | None = None,
    priority: Priority | Literal["none"] | None = None,
    assignee: Identifier | Literal["none"] | None = None,
    label: Identifier | None = None,
    due: Due | None = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
    place: Annotated[Identifier | None, Query(alias="list")] = None,
    archived: bool = False,
    sort: Sort = "rank",
    zone: Zone = "UTC",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    kernel = get_kernel(request)
    if text:
        await limit_search(request, caller)
    filters = Filters(status, priority, assignee, label, due, text, place, archived)
    found = await kernel.read(
        listing.list_tasks,
        caller,
        board=board,
        filters=filters,
        days=read_days(kernel.clock(), zone),
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    return json_response(found)


@router.get("/tasks/mine")
async def list_own_tasks(
    request: Request,
    caller: CurrentCaller,
    due: Due | None = None,
    zone: Zone = "UTC",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    kernel = get_kernel(request)
    found = await kernel.read(
        listing.list_own_tasks,
        caller,
        due=due,
        days=read_days(kernel.clock(), zone),
        limit=limit,
        cursor=cursor,
    )
    return json_response(found)


@router.get("/rooms/{room}/tasks")
async def list_linked_tasks(
    request: Request,
    caller: CurrentCaller,
    room: Identifier,
    limit: Annotated[int, Query(ge=1, le=links.MOST)] = links.MOST,
) -> Response:
    found = await get_kernel(request).read(links.list_linked_tasks, caller, room=room, limit=limit)
    return json_response(found)


@router.post("/boards/{board}/tasks", status_code=201)
async def create_task(
    request: Request, caller: CurrentCaller, board: Identifier, body: NewTask
) -> Response:
    return await write(request, caller, tasks.create_task, 201, board=board, **body.given())


@router.post("/boards/{board}/tasks/move")
async def move_tasks(
    request: Request, caller: CurrentCaller, board: Identifier, body: TasksMove
) -> Response:
    return await write(request, caller, moves.move_tasks, board=board, **body.given())


@router.post("/boards/{board}/tasks/archive")
async def archive_tasks(
    request: Request, caller: CurrentCaller, board: Identifier, body: TasksArchive
) -> Response:
    return await write(request, caller, moves.archive_tasks, board=board, **body.given())


@router.get("/tasks/{task}")
async def get_task(request: Request, caller: CurrentCaller, task: Identifier) -> Response:
    found = await get_kernel(request).read(queries.read_task_view, caller, task=task)
    return json_response(found)


@router.patch("/tasks/{task}")
async def change_task(
    request: Request, caller: CurrentCaller, task: Identifier, body: TaskChange
) -> Response:
    return await write(request, caller, changing.change_task, task=task, changes=body.given())


@router.post("/tasks/{task}/move")
async def move_task(
    request: Request, caller: CurrentCaller, task: Identifier, body: TaskMove
) -> Response:
    return await write(request, caller, moves.move_task, task=task, **body.given())


@router.post("/tasks/{task}/archive")
async def archive_task(request: Request, caller: CurrentCaller, task: Identifier) -> Response:
    return await write(request, caller, tasks.archive_task, task=task)


@router.post("/tasks/{task}/restore")
async def restore_task(request: Request, caller: CurrentCaller, task: Identifier) -> Response:
    return await write(request, caller, tasks.restore_task, task=task)


@router.put("/tasks/{task}/assignees/{user}")
async def assign_task(
    request: Request, caller: CurrentCaller, task: Identifier, user: Identifier
) -> Response:
    return await write(request, caller, tasks.assign_task, task=task, user=user)


@router.delete("/tasks/{task}/assignees/{user}")
async def unassign_task(
    request: Request, caller: CurrentCaller, task: Identifier, user: Identifier
) -> Response:
    return await write(request, caller, tasks.unassign_task, task=task, user=user)


@router.post("/tasks/{task}/checklist", status_code=201)
async def add_item(
    request: Request, caller: CurrentCaller, task: Identifier, body: NewItem
) -> Response:
    return await write(request, caller, checklists.add_item, 201, task=task, **body.given())


@router.patch("/tasks/{task}/checklist/{item}")
async def change_item(
    request: Request, caller: CurrentCaller, task: Identifier, item: Identifier, body: ItemChange
) -> Response:
    return await write(
        request, caller, checklists.change_item, task=task, item=item, changes=body.given()
    )


@router.delete("/tasks/{task}/checklist/{item}")
async def remove_item(
    request: Request, caller: CurrentCaller, task: Identifier, item: Identifier
) -> Response:
    return await write(request, caller, checklists.remove_item, task=task, item=item)


@router.get("/tasks/{task}/comments")
async def list_comments(
    request: Request,
    caller: CurrentCaller,
    task: Identifier,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Identifier | None = None,
) -> Response:
    found = await get_kernel(request).read(
        queries.list_comments, caller, task=task, limit=limit, cursor=cursor
    )
    return json_response(found)


@router.post("/tasks/{task}/comments", status_code=201)
async def add_comment(
    request: Request, caller: CurrentCaller, task: Identifier, body: CommentText
) -> Response:
    return await write(request, caller, comments.add_comment, 201, task=task, body=body.body)


@router.patch("/comments/{comment}")
async def edit_comment(
    request: Request, caller: CurrentCaller, comment: Identifier, body: CommentText
) -> Response:
    return await write(request, caller, comments.edit_comment, comment=comment, body=body.body)


@router.delete("/comments/{comment}", status_code=204)
async def delete_comment(request: Request, caller: CurrentCaller, comment: Identifier) -> Response:
    return await write(request, caller, comments.delete_comment, comment=comment)
