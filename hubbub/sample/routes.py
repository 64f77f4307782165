"""HTTP for the sample workspace."""

from fastapi import APIRouter, Request, Response

from hubbub.kernel.http import write
from hubbub.people.access import CurrentCaller
from hubbub.sample import service

router = APIRouter(prefix="/api/sample")


@router.post("", status_code=204)
async def add_sample(request: Request, caller: CurrentCaller) -> Response:
    return await write(request, caller, service.add_sample)


@router.delete("", status_code=204)
async def remove_sample(request: Request, caller: CurrentCaller) -> Response:
    return await write(request, caller, service.remove_sample)
