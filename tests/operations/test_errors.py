"""Errors of browsers and of the server: cleaned, counted by kind, bounded, told page by page."""

import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hubbub.operations import errors
from hubbub.operations.errors import KEPT, Report, write_reports
from hubbub.operations.models import error_reports
from hubbub.operations.redaction import (
    clean_message,
    clean_stack,
    fingerprint,
    name_browser,
    redact_path,
)
from tests.support.app import Person, found_workspace, join, running_app

pytestmark = pytest.mark.anyio

STACK = """TypeError: Cannot read properties of undefined (reading 'seq')
    at Row (https://chat.example.com/assets/index-24VpZABp.js:12:3456)
    at draw (https://chat.example.com/assets/react-BzRTILzN.js:1:99?token=abc)"""


def test_messages_lose_what_is_personal() -> None:
    cleaned = clean_message(
        "Request of olga@example.com failed with Bearer abc.def.ghi at https://x.example/a?code=secret "
        'for 01890000-0000-7000-8000-000000000001: "Dear Dee, the price" password=hunter2\nmore'
    )
    for secret in ("olga", "abc.def", "secret", "0189", "Dear", "hunter2", "more"):
        assert secret not in cleaned
    assert cleaned.startswith("Request of …@… failed")
    assert clean_message('can\'t access property "seq", row is undefined').count('"seq"') == 1
    assert clean_message("  ") == "Unknown error"
    assert len(clean_message("x" * 900)) == 300


def test_stacks_are_frames_only() -> None:
    stack = clean_stack(STACK)
    assert stack == "at Row (/assets/index.js:12:3456)\nat draw (/assets/react.js:1:99"
    assert clean_stack("Dear Dee\nthe price is 5\n") == ""
    assert clean_stack("draw@https://chat.example.com/assets/a-24VpZABp.js:1:2\n") == (
        "draw@/assets/a.js:1:2"
    )


def test_kinds_of_errors() -> None:
    first = fingerprint("browser", "row 17 of 20 is missing", "at a\nat b")
    assert first == fingerprint("browser", "row 3 of 9 is missing", "at a\nat c")
    assert first != fingerprint("browser", "row 3 of 9 is missing", "at c\nat b")
    assert first != fingerprint("server", "row 17 of 20 is missing", "at a\nat b")
    assert redact_path("/r/01890000-0000-7000-8000-000000000001?x=1#y") == "/r/…"
    linux = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
    assert name_browser(linux) == "Firefox 143, Linux"
    safari = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.0 Mobile/15E148 Safari/604.1"
    )
    assert name_browser(safari) == "Safari 18, iOS"
    assert name_browser("curl/8") == "Other browser"


async def list_errors(person: Person, **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = await person.call("GET", "/api/operations/errors", **query)
    return page


async def test_browsers_report(migrated_database_url: str, tmp_path: Path) -> None:
    async with running_app(migrated_database_url, tmp_path) as application:
        owner = await found_workspace(application)
        mia = await join(owner, "Mia Member")
        body = {
            "message": "Cannot read properties of undefined (reading 'seq')",
            "stack": STACK,
            "url": "/r/01890000-0000-7000-8000-000000000001",
            "release": "0.1.0+abc",
        }
        for person in (owner, mia, mia):
            assert await person.call("POST", "/api/client-errors", body, status=204) is None
        await mia.call("POST", "/api/client-errors", {"message": "Another"}, status=204)
        page = await list_errors(owner)
        assert page["next"] is None
        other, found = page["items"]
        assert (other["message"], other["count"]) == ("Another", 1)
        assert (found["count"], found["source"], found["place"]) == (3, "browser", "/r/…")
        assert (found["release"], found["browser"]) == ("0.1.0+abc", "Other browser")
        assert found["first_at"] <= found["last_at"]
        # Nothing tells who it was.
        assert mia.id not in str(page)
        # Once more, after it was written: still one kind.
        await mia.call("POST", "/api/client-errors", body, status=204)
        first = await list_errors(owner, limit=1)
        assert [(item["id"], item["count"]) for item in first["items"]] == [(found["id"], 4)]
        second = await list_errors(owner, limit=1, cursor=first["next"])
        assert [item["id"] for item in second["items"]] == [other["id"]]
        assert second["next"] is None
        await owner.call("GET", "/api/operations/errors", status=422, cursor="x" * 40)
        for path in ("/api/operations", "/api/operations/errors", "/api/operations/history"):
            await mia.call("GET", path, status=403)


async def test_reports_are_limited(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hubbub.db'}"
    async with running_app(url, tmp_path, rate_limits=True) as application:
        owner = await found_workspace(application)
        answers = [
            await owner.send("POST", "/api/client-errors", {"message": "again and again"})
            for _ in range(40)
        ]
        assert [answer.status_code for answer in answers] == [204] * 30 + [429] * 10
        assert (await list_errors(owner))["items"][0]["count"] == 30


async def test_errors_of_the_server_join_them(
    migrated_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(migrated_database_url, tmp_path) as application:
        owner = await found_workspace(application)

        def fail(*_: object) -> None:
            raise ZeroDivisionError("of olga@example.com")

        with monkeypatch.context() as patched:
            patched.setattr("hubbub.operations.routes.read_history", fail)
            answer = await owner.send("GET", "/api/operations/history")
        assert answer.status_code == 500
        found = (await list_errors(owner))["items"][0]
        assert found["message"] == "ZeroDivisionError: of …@…"
        assert (found["source"], found["request_id"]) == ("server", answer.headers["x-request-id"])
        assert found["stack"].splitlines()[0].startswith("fail (")
        # Without a traceback it is a line in the log, not a defect.
        logging.getLogger("hubbub.test").error("only said")
        assert len((await list_errors(owner))["items"]) == 1


async def test_the_table_is_bounded(migrated_database_url: str, tmp_path: Path) -> None:
    async with running_app(migrated_database_url, tmp_path) as application:
        kernel = application.kernel
        log = application.operations.errors
        now = kernel.clock()
        for number in range(errors.WAITING + 50):
            log.note(Report("server", f"kind {chr(97 + number % 26)}{'x' * number}", ""))
        await log.flush()
        with kernel.database.reading() as connection:
            count = connection.scalar(select(func.count()).select_from(error_reports))
        assert count == errors.WAITING
        rows = [
            {
                "id": f"{number:036d}",
                "fingerprint": f"{number:016d}",
                "source": "server",
                "message": str(number),
                "stack": "",
                "place": "",
                "release": "",
                "browser": "",
                "request_id": "",
                "node": "",
                "count": 1,
                "first_at": now,
                "last_at": now + 1_000 + number,
            }
            for number in range(KEPT + 10)
        ]
        with kernel.database.writing() as connection:
            write_reports(connection, rows, now)
        with kernel.database.reading() as connection:
            kept = list(connection.scalars(select(error_reports.c.message)))
        assert len(kept) == KEPT
        assert {"10", str(KEPT + 9)} <= set(kept)
        assert "9" not in kept
