"""What people's routes accept."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from hubbub.kernel.schemas import Identifier, plain_text
from hubbub.people.passwords import LONGEST, SHORTEST
from hubbub.people.service.invitations import LONGEST_S, SHORTEST_S

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=50), plain_text
]
Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80), plain_text]
Email = Annotated[EmailStr, AfterValidator(str.lower)]
Password = Annotated[str, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]
GivenPassword = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewAccount(Input):
    name: Name
    email: Email


class SignUp(NewAccount):
    password: Password
    invite: Code | None = None
    workspace: Name | None = None
    token_in_body: bool = False


class SignIn(Input):
    email: Email
    password: GivenPassword
    totp: Digits | None = None
    token_in_body: bool = False


class Refresh(Input):
    refresh_token: Annotated[str, StringConstraints(max_length=200)] | None = None
    token_in_body: bool = False


class NewPassword(Input):
    current: GivenPassword
    new: Password


class TotpCode(Input):
    code: Digits


class PasswordOnly(Input):
    password: GivenPassword


class MyChange(Input):
    name: Name | None = None
    title: Title | None = None


class UserChange(Input):
    role: Literal["owner", "admin", "member", "client", "guest"] | None = None
    active: bool | None = None


class NewInvitation(Input):
    role: Literal["admin", "member", "client", "guest"]
    room: Identifier | None = None
    email: Email | None = None
    expires_in: Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S)] | None = None
    uses: Annotated[int, Field(ge=1, le=10_000)] | None = None


class NewGuest(Input):
    invite: Code
    name: Name
    token_in_body: bool = False
