"""HTTP for people and invitations: parse, call one service function, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from hubbub.kernel.http import get_kernel, json_response, write
from hubbub.kernel.schemas import Identifier
from hubbub.people import auth_routes
from hubbub.people.access import CurrentCaller, limit, limit_anonymous
from hubbub.people.schemas import Code, MyChange, NewInvitation, UserChange
from hubbub.people.service import accounts, invitations

people = APIRouter(prefix="/api")


@people.get("/users")
async def list_users(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Identifier | None = None,
) -> Response:
    kernel = get_kernel(request)
    return json_response(await kernel.read(accounts.list_users, caller, limit=limit, cursor=cursor))


@people.patch("/users/me")
async def update_me(request: Request, caller: CurrentCaller, body: MyChange) -> Response:
    return await write(request, caller, accounts.update_me, **body.model_dump())


@people.get("/users/{user}")
async def get_user(request: Request, caller: CurrentCaller, user: Identifier) -> Response:
    return json_response(await get_kernel(request).read(accounts.read_user, caller, user))


@people.patch("/users/{user}")
async def change_user(
    request: Request, caller: CurrentCaller, user: Identifier, body: UserChange
) -> Response:
    return await write(request, caller, accounts.change_user, user=user, **body.model_dump())


@people.post("/invitations", status_code=201)
async def create_invitation(
    request: Request, caller: CurrentCaller, body: NewInvitation
) -> Response:
    await limit(request, "invite", caller.id)
    return await write(
        request,
        caller,
        invitations.create_invitation,
        201,
        _base_url=base_url(request),
        **body.model_dump(),
    )


def base_url(request: Request) -> str:
    """Where people reach us: as configured, else as this request did."""
    configured = get_kernel(request).settings.public_url
    return configured or f"{request.url.scheme}://{request.headers.get('host', '')}"


@people.get("/invitations")
async def list_invitations(request: Request, caller: CurrentCaller) -> Response:
    kernel = get_kernel(request)
    return json_response(
        await kernel.read(invitations.list_invitations, caller, kernel.clock(), base_url(request))
    )


@people.get("/invitations/{code}", dependencies=[Depends(limit_anonymous)])
async def get_invitation(request: Request, code: Code) -> Response:
    kernel = get_kernel(request)
    return json_response(
        await kernel.read(invitations.read_invitation, code, kernel.clock(), base_url(request))
    )


@people.delete("/invitations/{code}", status_code=204)
async def withdraw_invitation(request: Request, caller: CurrentCaller, code: Code) -> Response:
    return await write(request, caller, invitations.withdraw_invitation, code=code)


router = APIRouter()
router.routes.extend([*auth_routes.router.routes, *people.routes])
