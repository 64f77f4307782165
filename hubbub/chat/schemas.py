"""What chat accepts, over HTTP and over the socket."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from hubbub.chat.models import LONGEST_BODY
from hubbub.kernel.schemas import Identifier, KeyText, plain_text

MOST_ATTACHMENTS = 0
"""Files come with their own feature; until then a message carries none."""

EMOJI_LENGTH = 32


def check_body(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    if not text.strip():
        raise ValueError("must say something")
    return text


def check_emoji(text: str) -> str:
    """An emoji, possibly of several code points: no letters, spaces or control characters."""
    plain = any(unicodedata.category(letter)[0] in "LZ" or letter == "\0" for letter in text)
    symbol = any(
        unicodedata.category(letter)[0] == "S" or letter in "#*0123456789" for letter in text
    )
    ascii_only = re.fullmatch(r"[\x00-\x7f]*", text) is not None
    if plain or ascii_only or not symbol:
        raise ValueError("must be an emoji")
    return text


Body = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_BODY), AfterValidator(check_body)
]
Emoji = Annotated[
    str, StringConstraints(min_length=1, max_length=EMOJI_LENGTH), AfterValidator(check_emoji)
]
RoomName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=50), plain_text
]
Topic = Annotated[str, StringConstraints(strip_whitespace=True, max_length=250), plain_text]
Seq = Annotated[int, Field(ge=0, le=2**53)]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRoom(Input):
    name: RoomName | None = None
    kind: Literal["open", "private", "direct"]
    topic: Topic = ""
    members: list[Identifier] = Field(default_factory=list, max_length=1_000)


class RoomChange(Input):
    name: RoomName | None = None
    topic: Topic | None = None
    archived: bool | None = None


class NewMember(Input):
    user: Identifier | None = None


class NewMessage(Input):
    body: Body
    reply_to: Identifier | None = None
    attachments: list[Identifier] = Field(default_factory=list, max_length=MOST_ATTACHMENTS)


class MessageChange(Input):
    body: Body


class ReadTo(Input):
    seq: Seq


class SocketInput(BaseModel):
    """Socket commands tolerate fields of later clients."""

    model_config = ConfigDict(extra="ignore")

    key: KeyText


class PostCommand(SocketInput):
    room: Identifier
    body: Body
    reply_to: Identifier | None = None
    attachments: list[Identifier] | None = Field(default=None, max_length=MOST_ATTACHMENTS)


class EditCommand(SocketInput):
    message: Identifier
    body: Body


class DeleteCommand(SocketInput):
    message: Identifier


class ReactCommand(SocketInput):
    message: Identifier
    emoji: Emoji


class ReadCommand(BaseModel):
    model_config = ConfigDict(extra="ignore")

    room: Identifier
    seq: Seq
    key: KeyText | None = None


class TypingSignal(BaseModel):
    model_config = ConfigDict(extra="ignore")

    room: Identifier
