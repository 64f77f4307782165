"""Secrets of many shapes, none of which may be in what is written."""

import logging
import sys

import pytest

from hubbub.fleet.redaction import HIDDEN, Redactor

SECRET = "s3cr3t-Va1ue.x9"
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJlLXZhbHVl"))
PRIVATE = "PRIVATE"
"""Apart, as the key and token are: the repository holds nothing that looks like a secret."""

TEXTS = [
    f"password={SECRET}",
    f"password: {SECRET}",
    f"Password = '{SECRET}'",
    f'{{"password": "{SECRET}", "name": "Ada"}}',
    f'{{"password":"{SECRET}"}}',
    f"{{'new_password': '{SECRET}'}}",
    '{\\"password\\": \\"' + SECRET + '\\"}',
    f"PGPASSWORD={SECRET} psql",
    f"refresh_token={SECRET}&other=1",
    f"GET /api/x?token={SECRET}&room=1",
    f"GET /cb?code={SECRET}",
    f"https://host/path#access={SECRET}",
    f"api_key: {SECRET}",
    f"apiKey={SECRET}",
    f"X-Api-Key: {SECRET}",
    f"client_secret={SECRET}",
    f"JWT_SECRET={SECRET}",
    f"METRICS_TOKEN='{SECRET}'",
    f"Authorization: Bearer {SECRET}",
    f"authorization: Basic {SECRET}=",
    f"bearer {SECRET}",
    f"(b'authorization', b'Bearer {SECRET}')",
    f"(b'cookie', b'hubbub_refresh={SECRET}')",
    f"(b'x-api-key', b'{SECRET}')",
    f"Cookie: theme=dark; hubbub_refresh={SECRET}; x=1",
    f"Set-Cookie: hubbub_refresh={SECRET}; Path=/api/auth; HttpOnly",
    f"postgresql://hubbub:{SECRET}@db:5432/hubbub",
    f"postgresql+psycopg://hubbub:{SECRET}@db1,db2/hubbub?sslmode=verify-full",
    f"postgresql://hubbub:p@ss{SECRET}@db/hubbub",
    f"redis://:{SECRET}@127.0.0.1:6379/0",
    f"rediss://default:{SECRET}@cache.example:6380",
    f"amqps://user:{SECRET}@broker/vhost",
    f"connection to 'postgresql://u:{SECRET}@h/d' failed",
    f"https://{SECRET}@sentry.example.com/42",
    f"host=db user=hubbub password={SECRET} dbname=hubbub",
    f"host=db password='{SECRET} with space' dbname=hubbub",
    f"GET /api/invitations/{SECRET}",
    f"opened https://chat.example.com/join/{SECRET}?x=1",
    f"/guest/{SECRET} was used",
    f"invitation_code={SECRET}",
    f"Person(name='Ada', password='{SECRET}', role='member')",
    f"token => {SECRET}",
    f'{{"name": "Ada", "password": "{SECRET} and the rest was c',
    f"password='{SECRET}",
    f"-----BEGIN {PRIVATE} KEY-----\n{SECRET}\n-----END {PRIVATE} KEY-----",
    f"the value {JWT} was refused",
]

HARMLESS = [
    "GET /api/rooms/{room}/messages 200",
    "token_count=5 and tokens are counted",
    "http://127.0.0.1:8000/readyz did not answer",
    "connect to 10.0.0.1:5432 failed: timeout",
    "postgresql://db:5432/hubbub",
    "a basic thing",
    "mail to ada@example.com at 10:30",
    'File "/opt/hubbub/kernel/http.py", line 10, in join',
    "12:30:45 took 5 ms",
]

FIELDS = [
    {"password": SECRET},
    {"user": {"name": "Ada", "passwordHash": SECRET}},
    {"headers": {"Authorization": SECRET, "accept": "*/*"}},
    {"headers": {b"cookie": SECRET.encode()}},
    {"headers": [(b"host", b"h"), (b"cookie", SECRET.encode())]},
    {"headers": [["Set-Cookie", SECRET]]},
    {"settings": [{"jwt_secret": SECRET}]},
    {"refresh_token": SECRET, "otp_code": SECRET, "sentry_dsn": SECRET},
    {"url": f"redis://:{SECRET}@h/0"},
    {"deep": {"a": {"b": {"c": {"d": {"e": {"f": {"token": SECRET}}}}}}}},
    {"error": ValueError(f"password={SECRET}")},
    {"set": {f"token={SECRET}"}},
    {"raw": f"cookie: {SECRET}".encode()},
]


@pytest.mark.parametrize("text", TEXTS)
def test_hides_secrets_in_text(text: str) -> None:
    shown = Redactor().text(text)
    assert SECRET not in shown
    assert JWT not in shown
    assert "Va1ue" not in shown
    assert "with space" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("text", HARMLESS)
def test_leaves_other_text_alone(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize("fields", FIELDS)
def test_hides_secrets_in_fields(fields: dict[str, object]) -> None:
    shown = repr(Redactor().fields(fields))
    assert "Va1ue" not in shown
    assert HIDDEN in shown


def test_keeps_what_surrounds_a_secret() -> None:
    redactor = Redactor()
    assert (
        redactor.text(f"connect postgresql://hubbub:{SECRET}@db:5432/hubbub now")
        == f"connect postgresql://hubbub:{HIDDEN}@db:5432/hubbub now"
    )
    assert redactor.text(f"GET /x?token={SECRET}&room=1") == f"GET /x?token={HIDDEN}&room=1"
    assert redactor.fields({"password": "", "token_count": 5, "ok": True}) == {
        "password": "",
        "token_count": 5,
        "ok": True,
    }


def test_hides_known_secrets_wherever_they_are() -> None:
    redactor = Redactor(["a-known-value", "a-known-value-and-more", "short"])
    assert redactor.text("x a-known-value-and-more y") == f"x {HIDDEN} y"
    assert redactor.text("short words stay") == "short words stay"
    redactor.learn(["learnt-later-1"])
    assert redactor.text("a-known-value learnt-later-1") == f"{HIDDEN} {HIDDEN}"


def test_is_quick_on_a_long_text() -> None:
    # What would take a pattern hours when it went back over itself.
    for text in (
        "a" * 200_000,
        "password" * 20_000,
        "://" * 50_000,
        "'" * 100_000,
        "token='" * 20_000,
    ):
        assert isinstance(Redactor().text(text), str)


def test_hides_secrets_in_a_stack() -> None:
    def fail() -> None:
        raise RuntimeError(f"cannot connect to postgresql://u:{SECRET}@h/d")

    try:
        fail()
    except RuntimeError:
        text = logging.Formatter().formatException(sys.exc_info())
    assert SECRET in text
    assert SECRET not in Redactor().text(text)
