"""HTTP for the sample workspace."""

from fastapi import APIRouter, Request, Response

from hubbub.kernel.http import answer, get_kernel, idempotency_key
from hubbub.people.access import CurrentCaller
from hubbub.sample import service

router = APIRouter(prefix="/api/sample")


@router.post("", status_code=204)
async def add_sample(request: Request, caller: CurrentCaller) -> Response:
    kernel = get_kernel(request)
    return answer(await kernel.write(service.add_sample, caller, key=idempotency_key(request)))


@router.delete("", status_code=204)
async def remove_sample(request: Request, caller: CurrentCaller) -> Response:
    kernel = get_kernel(request)
    return answer(await kernel.write(service.remove_sample, caller, key=idempotency_key(request)))
