"""HTTP for signing in and out.

Login, refresh and logout exchange credentials: a repeated key there is not replayed, because the answer to a stolen
request would be a session. Sign-up and guests are; their kept answers are encrypted.
"""

from typing import Any
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Depends, Request, Response

from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Outcome
from hubbub.kernel.errors import Forbidden, Invalid, Unauthenticated
from hubbub.kernel.http import answer, get_kernel, idempotency_key, json_response, write
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.schemas import Identifier
from hubbub.people.access import (
    CurrentCaller,
    address_of,
    anonymous_caller,
    get_authenticator,
    limit,
    limit_anonymous,
)
from hubbub.people.passwords import check_password, passwords
from hubbub.people.schemas import (
    NewGuest,
    NewPassword,
    PasswordOnly,
    Refresh,
    SignIn,
    SignUp,
    TotpCode,
)
from hubbub.people.service import accounts, sessions, totp
from hubbub.people.shapes import user_shape
from hubbub.people.tokens import ACCESS_SECONDS, hash_token, next_refresh_token

router = APIRouter(prefix="/api")

COOKIE = "hubbub_refresh"
COOKIE_PATH = "/api/auth"
WRONG = "The address or the password is wrong."
HOUR_MS = 3_600_000


def user_agent(request: Request) -> str:
    return "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())[:200]


def session_ms(kernel: Kernel) -> int:
    return int(kernel.settings.session_hours * HOUR_MS)


def guest_ms(kernel: Kernel) -> int:
    return int(kernel.settings.guest_idle_hours * HOUR_MS)


def signed_in(
    request: Request,
    user: dict[str, Any],
    session: str,
    refresh_token: str,
    *,
    in_body: bool,
    status: int = 200,
    at: int | None = None,
    replayed: bool = False,
) -> Response:
    """{user, access_token, expires_in}; the refresh token goes into its cookie, or into the body if asked for.

    `at` (milliseconds, default now) is when the access token was issued: a replay gives the first one again.
    """
    kernel = get_kernel(request)
    token = get_authenticator(kernel).tokens.issue(
        user["id"], session, user["role"], kernel.clock() if at is None else at
    )
    document = {"user": user, "access_token": token, "expires_in": ACCESS_SECONDS}
    if in_body:
        document["refresh_token"] = refresh_token
    response = json_response(document, status)
    if replayed:
        response.headers["Idempotent-Replay"] = "true"
    if not in_body:
        lives = guest_ms(kernel) if user["role"] == "guest" else session_ms(kernel)
        response.set_cookie(
            COOKIE,
            refresh_token,
            max_age=lives // 1000,
            path=COOKIE_PATH,
            secure=kernel.settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )
    return response


def begun(request: Request, outcome: Outcome, *, in_body: bool) -> Response:
    made = orjson.loads(outcome.body)
    return signed_in(
        request,
        made["user"],
        made["session"],
        made["refresh_token"],
        in_body=in_body,
        status=201,
        at=made["at"],
        replayed=outcome.replayed,
    )


async def check_origin(request: Request, action: str) -> None:
    """The refresh cookie is for our own pages. Raises Forbidden for a call from another site's page."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    settings = get_kernel(request).settings
    if origin == settings.base_url or origin in settings.allowed_origins:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        detail = "This call came from a page of another site."
        await get_kernel(request).record_denied(anonymous_caller(request), action, origin, detail)
        raise Forbidden(detail)


@router.get("/setup", dependencies=[Depends(limit_anonymous)])
async def setup(request: Request) -> Response:
    kernel = get_kernel(request)
    found = await kernel.read(accounts.read_setup)
    return json_response(
        found
        | {
            "signup_open": kernel.settings.signup_open,
            "version": request.app.version,
        }
    )


@router.post("/auth/signup", status_code=201)
async def sign_up(request: Request, body: SignUp) -> Response:
    kernel = get_kernel(request)
    who = f"{address_of(request)} {body.email}"
    await limit(request, "authenticate", who)
    await limit(request, "authenticate-address", address_of(request))
    check_password(body.password, body.name, body.email)
    outcome = await kernel.write(
        accounts.sign_up,
        anonymous_caller(request),
        key=idempotency_key(request),
        name=body.name,
        email=body.email,
        proof=accounts.prove(kernel, body.password),
        token_in_body=body.token_in_body,
        invite=body.invite,
        workspace=body.workspace,
        _open_to_all=kernel.settings.signup_open,
        _lives_ms=session_ms(kernel),
        _password_hash=await passwords.hash(body.password),
        _user_agent=user_agent(request),
    )
    await kernel.limits.forgive("authenticate", who)
    return begun(request, outcome, in_body=body.token_in_body)


@router.post("/guests", status_code=201)
async def join_as_guest(request: Request, body: NewGuest) -> Response:
    kernel = get_kernel(request)
    await limit(request, "guest", address_of(request))
    outcome = await kernel.write(
        accounts.join_as_guest,
        anonymous_caller(request),
        key=idempotency_key(request),
        invite=body.invite,
        name=body.name,
        token_in_body=body.token_in_body,
        _idle_ms=guest_ms(kernel),
        _user_agent=user_agent(request),
    )
    return begun(request, outcome, in_body=body.token_in_body)


@router.post("/auth/login")
async def login(request: Request, body: SignIn) -> Response:
    kernel = get_kernel(request)
    who = f"{address_of(request)} {body.email}"
    await limit(request, "authenticate", who)
    await limit(request, "authenticate-address", address_of(request))
    await limit(request, "authenticate-account", body.email)
    caller = anonymous_caller(request)
    row = await kernel.read(accounts.find_credentials, body.email)
    if not await passwords.verify(row.password_hash if row else None, body.password):
        await kernel.record_denied(caller, "session.begin", body.email, WRONG)
        raise Unauthenticated(WRONG)
    if row.totp_confirmed:
        await check_second_factor(kernel, caller, row, body.totp)
    await kernel.limits.forgive("authenticate", who)
    if passwords.outdated(row.password_hash):
        await kernel.write(
            accounts.rehash_password,
            caller,
            user=row.id,
            _old_hash=row.password_hash,
            _password_hash=await passwords.hash(body.password),
        )
    outcome = await kernel.write(
        sessions.sign_in,
        Caller(row.id, row.role, "", caller.address),
        user=row.id,
        user_agent=user_agent(request),
        lives_ms=session_ms(kernel),
    )
    made = orjson.loads(outcome.body)
    return signed_in(
        request,
        user_shape(row, email=True),
        made["session"],
        made["refresh_token"],
        in_body=body.token_in_body,
    )


async def check_second_factor(kernel: Kernel, caller: Caller, row: Any, code: str | None) -> None:
    """Raises Unauthenticated without the right, unused code."""
    if code is None:
        problem = Unauthenticated("Enter the code from your authenticator app.")
        problem.type = "urn:hubbub:problem:totp-needed"
        problem.title = "Second factor needed"
        raise problem
    outcome = await kernel.write(totp.spend_code, caller, user=row.id, code=code)
    if not orjson.loads(outcome.body)["right"]:
        await kernel.record_denied(caller, "session.begin", row.email, "wrong code")
        raise Unauthenticated("The code is wrong or was used already.")


@router.post("/auth/refresh")
async def refresh(request: Request, body: Refresh | None = None) -> Response:
    kernel = get_kernel(request)
    await limit(request, "refresh", address_of(request))
    await check_origin(request, "session.refresh")
    given = body.refresh_token if body else None
    token = given or request.cookies.get(COOKIE)
    if not token:
        raise Unauthenticated("Sign in first.")
    outcome = await kernel.write(
        sessions.rotate_token,
        anonymous_caller(request),
        token_hash=hash_token(token),
        lives_ms=session_ms(kernel),
        guest_idle_ms=guest_ms(kernel),
        _next_token=next_refresh_token(kernel.secrets[0], token),
    )
    made = orjson.loads(outcome.body)
    if "refused" in made:
        get_authenticator(kernel).forget(made.get("session", ""))
        raise Unauthenticated("The session has ended. Sign in again.")
    user = await kernel.read(accounts.read_user, Caller(made["user"], made["role"]), made["user"])
    in_body = bool(given) or bool(body and body.token_in_body)
    return signed_in(request, user, made["session"], made["refresh_token"], in_body=in_body)


@router.post("/auth/logout", status_code=204)
async def logout(request: Request, body: Refresh | None = None) -> Response:
    kernel = get_kernel(request)
    await limit(request, "refresh", address_of(request))
    await check_origin(request, "session.sign_out")
    token = (body.refresh_token if body else None) or request.cookies.get(COOKIE)
    if token:
        outcome = await kernel.write(
            sessions.sign_out, anonymous_caller(request), token_hash=hash_token(token)
        )
        get_authenticator(kernel).forget(orjson.loads(outcome.body)["session"] or "")
    response = Response(status_code=204)
    response.delete_cookie(
        COOKIE, path=COOKIE_PATH, secure=kernel.settings.secure_cookies, httponly=True
    )
    return response


@router.get("/auth/me")
async def me(request: Request, caller: CurrentCaller) -> Response:
    return json_response(await get_kernel(request).read(accounts.read_user, caller, caller.id))


@router.get("/auth/sessions")
async def list_sessions(request: Request, caller: CurrentCaller) -> Response:
    kernel = get_kernel(request)
    return json_response(await kernel.read(sessions.list_sessions, caller, kernel.clock()))


@router.delete("/auth/sessions/{session}", status_code=204)
async def end_session(request: Request, caller: CurrentCaller, session: Identifier) -> Response:
    ended = await write(request, caller, sessions.end_session, session=session)
    get_authenticator(get_kernel(request)).forget(session)
    return ended


async def require_password(request: Request, caller: Caller, password: str, action: str) -> Any:
    """The caller's row. Raises Forbidden unless it is their password."""
    kernel = get_kernel(request)
    await limit(request, "authenticate", f"{caller.address} {caller.id}")
    row = await kernel.read(accounts.read_credentials, caller.id)
    if not await passwords.verify(row.password_hash, password):
        await kernel.record_denied(caller, action, caller.id, "wrong password")
        raise Forbidden("The present password is wrong.")
    await kernel.limits.forgive("authenticate", f"{caller.address} {caller.id}")
    return row


@router.post("/auth/password", status_code=204)
async def change_password(request: Request, caller: CurrentCaller, body: NewPassword) -> Response:
    kernel = get_kernel(request)
    if caller.role == "guest":
        raise Invalid("A guest has no password.")
    key = idempotency_key(request)
    arguments = {
        "user": caller.id,
        "keep": caller.session,
        "proof": accounts.prove(kernel, body.current + "\0" + body.new),
    }
    # Once the change was made the present password is another one: a repeated key is answered before it is asked for.
    kept = await kernel.find_reply(accounts.change_password, caller, key, arguments)
    if kept is not None:
        return answer(kept)
    row = await require_password(request, caller, body.current, accounts.change_password.name)
    check_password(body.new, row.name, row.email, field="new")
    outcome = await kernel.write(
        accounts.change_password,
        caller,
        key=key,
        **arguments,
        _password_hash=await passwords.hash(body.new),
    )
    return answer(outcome)


@router.post("/auth/totp", status_code=201)
async def start_totp(request: Request, caller: CurrentCaller) -> Response:
    return await write(request, caller, totp.start_totp, 201)


@router.post("/auth/totp/confirm", status_code=204)
async def confirm_totp(request: Request, caller: CurrentCaller, body: TotpCode) -> Response:
    await limit(request, "authenticate", f"totp {caller.id}")
    return await write(request, caller, totp.confirm_totp, code=body.code)


@router.delete("/auth/totp", status_code=204)
async def stop_totp(request: Request, caller: CurrentCaller, body: PasswordOnly) -> Response:
    await require_password(request, caller, body.password, totp.stop_totp.name)
    return await write(request, caller, totp.stop_totp)
