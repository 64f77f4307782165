"""Every route and every socket command, as every role, with objects of rooms the caller is not in.

The sweep goes by the application's own list of routes: one that is not in the tables below fails the test, so
nobody adds a route without saying who may call it.
"""

from typing import Any

import pytest

from hubbub.gateway import Namespace
from hubbub.kernel.ids import new_id
from tests.chat.conftest import Workspace
from tests.chat.conftest import workspace as workspace
from tests.support.app import Person, say

pytestmark = pytest.mark.anyio

# Callable without signing in, and what an empty call answers.
PUBLIC = {
    ("get", "/api/setup"): 200,
    ("post", "/api/auth/signup"): 422,
    ("post", "/api/guests"): 422,
    ("post", "/api/auth/login"): 422,
    ("post", "/api/auth/refresh"): 401,
    ("post", "/api/auth/logout"): 204,
    ("get", "/api/invitations/{code}"): 410,
    ("get", "/calendar/{secret}.ics"): 404,
    ("get", "/livez"): 200,
    ("get", "/readyz"): 200,
    ("get", "/health"): 200,
    ("get", "/metrics"): 200,
}

# About oneself, or lists that contain only what one may see: allowed for everybody who is signed in.
OWN = {
    ("get", "/api/auth/me"),
    ("get", "/api/auth/sessions"),
    ("post", "/api/auth/password"),
    ("post", "/api/auth/totp"),
    ("delete", "/api/auth/totp"),
    ("post", "/api/auth/totp/confirm"),
    ("patch", "/api/users/me"),
    ("get", "/api/me/calendar"),
    ("post", "/api/me/calendar"),
    ("delete", "/api/me/calendar"),
    ("get", "/api/users"),
    ("get", "/api/invitations"),
    ("get", "/api/boards"),
    ("get", "/api/rooms"),
    ("get", "/api/search"),
    ("get", "/api/sync"),
    ("get", "/api/tasks/mine"),
    ("post", "/api/client-errors"),
}

# Who may call what is not about one object.
BY_ROLE = {
    ("post", "/api/invitations"): {"owner"},
    ("post", "/api/boards"): {"owner", "member"},
    ("post", "/api/rooms"): {"owner", "member"},
    ("post", "/api/sample"): {"owner"},
    ("delete", "/api/sample"): {"owner"},
    ("get", "/api/operations"): {"owner"},
    ("get", "/api/operations/errors"): {"owner"},
    ("get", "/api/operations/history"): {"owner"},
    ("get", "/api/socket/stats"): {"owner"},
    ("patch", "/api/users/{user}"): {"owner"},
}

NOBODY = "00000000-0000-7000-8000-000000000000"
BODIES: dict[tuple[str, str], Any] = {
    ("post", "/api/invitations"): {"role": "member"},
    ("post", "/api/rooms"): {"kind": "private", "name": "Mine"},
    ("patch", "/api/users/{user}"): {"active": True},
    ("patch", "/api/rooms/{room}"): {"topic": "taken over"},
    ("post", "/api/rooms/{room}/messages"): {"body": "intruder"},
    ("patch", "/api/messages/{message}"): {"body": "intruder"},
    ("put", "/api/rooms/{room}/read"): {"seq": 1},
    ("post", "/api/boards"): {"name": "Mine"},
    ("patch", "/api/boards/{board}"): {"name": "taken over"},
    ("post", "/api/boards/{board}/members"): {"user": NOBODY, "right": "manage"},
    ("post", "/api/boards/{board}/lists"): {"name": "intruder"},
    ("post", "/api/boards/{board}/labels"): {"name": "intruder"},
    ("patch", "/api/boards/{board}/labels/{label}"): {"name": "intruder"},
    ("post", "/api/boards/{board}/tasks"): {"list": NOBODY, "title": "intruder"},
    ("post", "/api/boards/{board}/tasks/move"): {"tasks": [NOBODY], "list": NOBODY},
    ("post", "/api/boards/{board}/tasks/archive"): {"tasks": [NOBODY]},
    ("patch", "/api/lists/{list}"): {"name": "intruder"},
    ("patch", "/api/tasks/{task}"): {"title": "intruder"},
    ("post", "/api/tasks/{task}/move"): {"list": NOBODY},
    ("post", "/api/tasks/{task}/checklist"): {"text": "intruder"},
    ("patch", "/api/tasks/{task}/checklist/{item}"): {"text": "intruder"},
    ("post", "/api/tasks/{task}/comments"): {"body": "intruder"},
    ("patch", "/api/comments/{comment}"): {"body": "intruder"},
}

OF_A_BOARD = ("{board}", "{list}", "{label}", "{task}", "{item}", "{comment}")
"""Owners and admins manage every board: for them these are there."""
ABOUT_AN_OBJECT = (
    *("{room}", "{message}", "{stream}", "{session}", "{code}", "{user}"),
    *OF_A_BOARD,
)


def list_routes(workspace: Workspace) -> set[tuple[str, str]]:
    paths = workspace.owner.application.api.openapi()["paths"]
    return {(method, path) for path, methods in paths.items() for method in methods}


async def foreign_objects(workspace: Workspace) -> dict[str, str]:
    """Things of Max alone: nobody else may know that they exist."""
    message = await say(workspace.max, workspace.closed, "only for me")
    sessions = await workspace.max.call("GET", "/api/auth/sessions")
    invitation = await workspace.max.call(
        "POST", "/api/invitations", {"role": "guest", "room": workspace.closed, "uses": 1}
    )
    return {
        **await foreign_board(workspace.max),
        "{room}": workspace.closed,
        "{stream}": workspace.closed,
        "{message}": message["id"],
        "{session}": sessions["items"][0]["id"],
        "{code}": invitation["code"],
        "{user}": workspace.max.id,
        "{emoji}": "👍",
    }


async def foreign_board(person: Person) -> dict[str, str]:
    """A board of that person alone, with one of everything."""
    board = await person.call(
        "POST", "/api/boards", {"name": "Own", "shown_to": "members", "lists": ["To do"]}
    )
    place = f"/api/boards/{board['id']}"
    label = await person.call("POST", f"{place}/labels", {"name": "Private"})
    first = (await person.call("GET", place))["lists"][0]["id"]
    task = await person.call("POST", f"{place}/tasks", {"list": first, "title": "Only mine"})
    path = f"/api/tasks/{task['id']}"
    listed = await person.call("POST", f"{path}/checklist", {"text": "One step"})
    comment = await person.call("POST", f"{path}/comments", {"body": "for me"})
    return {
        "{board}": board["id"],
        "{list}": first,
        "{label}": label["id"],
        "{task}": task["id"],
        "{item}": listed["checklist"][0]["id"],
        "{comment}": comment["id"],
    }


def fill(path: str, objects: dict[str, str]) -> str:
    for name, value in objects.items():
        path = path.replace(name, value)
    return path


async def count_rows(workspace: Workspace) -> dict[str, int]:
    """Rows of every table but the audit: what was refused must change nothing."""
    from sqlalchemy import func, select

    from hubbub.schema import metadata

    with workspace.owner.application.kernel.database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            # Figures are kept every ten seconds, whatever people do.
            if table.name not in ("audit", "operations_samples")
        }


async def test_nobody_gets_in_without_a_token(workspace: Workspace) -> None:
    objects = await foreign_objects(workspace)
    await workspace.max.call("DELETE", f"/api/invitations/{objects['{code}']}")
    anonymous = Person(workspace.owner.application)
    before = await count_rows(workspace)
    for method, path in sorted(list_routes(workspace)):
        body = BODIES.get((method, path), {}) if method in ("post", "put", "patch") else None
        answer = await anonymous.send(method.upper(), fill(path, objects), body)
        expected = PUBLIC.get((method, path), 401)
        assert answer.status_code == expected, f"{method} {path}: {answer.text}"
        if expected == 401:
            assert answer.headers["content-type"] == "application/problem+json"
    assert await count_rows(workspace) == before


async def test_objects_of_others_are_not_there(workspace: Workspace) -> None:
    objects = await foreign_objects(workspace)
    people = {
        "owner": workspace.owner,
        "member": workspace.mia,
        "client": workspace.client,
        "guest": workspace.guest,
    }
    before = await count_rows(workspace)
    swept = 0
    for method, path in sorted(list_routes(workspace)):
        if (method, path) in PUBLIC or not any(name in path for name in ABOUT_AN_OBJECT):
            continue
        body = BODIES.get((method, path), {}) if method in ("post", "put", "patch") else None
        for role, person in people.items():
            if role == "owner" and path.startswith(("/api/invitations/", "/api/users/")):
                continue
            if role == "owner" and any(name in path for name in OF_A_BOARD):
                continue
            if path == "/api/users/{user}" and (method, role) == ("get", "member"):
                continue
            answer = await person.send(method.upper(), fill(path, objects), body)
            expected = {403, 404} if path == "/api/users/{user}" else {404}
            assert answer.status_code in expected, f"{role} {method} {path}: {answer.text}"
            swept += 1
    assert swept > 60
    assert await count_rows(workspace) == before


async def test_every_route_has_its_place(workspace: Workspace) -> None:
    known = set(PUBLIC) | OWN | set(BY_ROLE)
    missing = {
        route
        for route in list_routes(workspace)
        if route not in known and not any(name in route[1] for name in ABOUT_AN_OBJECT)
    }
    assert missing == set()


async def test_roles(workspace: Workspace) -> None:
    people = {
        "owner": workspace.owner,
        "member": workspace.mia,
        "client": workspace.client,
        "guest": workspace.guest,
    }
    # "post" before "delete": the sample is added, then removed.
    for (method, path), allowed in sorted(BY_ROLE.items(), reverse=True):
        for role, person in people.items():
            target = fill(path, {"{user}": workspace.mia.id})
            answer = await person.send(method.upper(), target, BODIES.get((method, path)))
            if role in allowed:
                assert answer.is_success, f"{role} {method} {path}: {answer.text}"
            else:
                assert answer.status_code in (403, 404), f"{role} {method} {path}: {answer.text}"


COMMANDS: dict[str, dict[str, Any]] = {
    "message.post": {"room": "{room}", "body": "intruder"},
    "message.edit": {"message": "{message}", "body": "intruder"},
    "message.delete": {"message": "{message}"},
    "message.react": {"message": "{message}", "emoji": "👍"},
    "message.unreact": {"message": "{message}", "emoji": "👍"},
    "room.read": {"room": "{room}", "seq": 1},
    "task.create": {"board": "{board}", "list": "{list}", "title": "intruder"},
    "task.change": {"task": "{task}", "title": "intruder"},
    "task.move": {"task": "{task}", "list": "{list}", "after": None},
    "task.archive": {"task": "{task}"},
    "task.restore": {"task": "{task}"},
    "tasks.move": {"board": "{board}", "tasks": [NOBODY], "list": "{list}"},
    "tasks.archive": {"board": "{board}", "tasks": [NOBODY]},
    "checklist.add": {"task": "{task}", "text": "intruder"},
    "checklist.change": {"task": "{task}", "item": "{item}", "done": True},
    "checklist.remove": {"task": "{task}", "item": "{item}"},
    "comment.add": {"task": "{task}", "body": "intruder"},
    "comment.edit": {"comment": "{comment}", "body": "intruder"},
    "comment.delete": {"comment": "{comment}"},
}
NOT_ABOUT_OBJECTS = {"follow", "unfollow", "token", "typing", "look"}


async def test_socket_commands_refuse_what_is_not_ones_own(workspace: Workspace) -> None:
    """Every registered event, through the very functions the socket calls."""
    from hubbub.kernel.caller import Caller
    from hubbub.kernel.connection import Connection
    from hubbub.kernel.errors import NotFound

    objects = await foreign_objects(workspace)
    application = workspace.owner.application
    namespace: Namespace = application.gateway.namespace("/")
    assert set(namespace.handlers) == set(COMMANDS) | NOT_ABOUT_OBJECTS

    class FakeSocket:
        """Only what a handler reads before it submits its command."""

        data: Connection

    before = await count_rows(workspace)
    for event, arguments in COMMANDS.items():
        filled = {k: fill(v, objects) if isinstance(v, str) else v for k, v in arguments.items()}
        people = [workspace.owner, workspace.mia, workspace.client, workspace.guest]
        if any(value in OF_A_BOARD for value in arguments.values() if isinstance(value, str)):
            people.remove(workspace.owner)
        for person in people:
            socket = FakeSocket()
            caller = Caller(person.id, person.user["role"], "", "")
            socket.data = Connection(socket, caller, 0)  # type: ignore[arg-type]
            with pytest.raises(NotFound):
                await namespace.handlers[event](socket, filled | {"key": new_id()})
    assert await count_rows(workspace) == before
