"""Trello's export of a board (menu, Share, Export as JSON), as far as it is taken over."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from hubbub.kernel.errors import Invalid, TooLarge

LARGEST = 256_000_000
"""Bytes of a file that is read; the largest boards of Trello are well below."""
COMMENTS = frozenset({"commentCard", "copyCommentCard"})
MAKINGS = frozenset({"createCard", "copyCard", "convertToCardFromCheckItem", "emailCard"})

Id = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
# Many fields are null where they could be "" or [].
Text = Annotated[str, BeforeValidator(lambda given: "" if given is None else given)]


def or_empty(given: Any) -> Any:
    return [] if given is None else given


Listed = BeforeValidator(or_empty)
Ids = Annotated[list[Id], Listed]


class Part(BaseModel):
    """Of Trello's fields, which are many, those that are read."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Member(Part):
    id: Id
    full_name: Text = ""
    username: Text = ""


class Membership(Part):
    id_member: Id
    member_type: Text = "normal"


class Preferences(Part):
    permission_level: Text = "private"


class Label(Part):
    id: Id
    name: Text = ""
    color: Text = ""


class BoardList(Part):
    id: Id
    name: Text
    closed: bool = False
    pos: float = 0


class Attachment(Part):
    name: Text = ""
    url: Text = ""


class CustomValue(Part):
    id_custom_field: Id
    id_value: Id | None = None
    value: dict[str, Any] | None = None


class Badges(Part):
    comments: int = 0


class Card(Part):
    id: Id
    name: Text
    id_list: Id
    desc: Text = ""
    closed: bool = False
    pos: float = 0
    due: datetime | None = None
    due_complete: bool | None = False
    start: datetime | None = None
    date_last_activity: datetime | None = None
    id_members: Ids = []
    id_labels: Ids = []
    # The board's own list of labels is cut after some.
    labels: Annotated[list[Label], Listed] = []
    attachments: Annotated[list[Attachment], Listed] = []
    custom_field_items: Annotated[list[CustomValue], Listed] = []
    badges: Badges = Field(default_factory=Badges)


class CheckItem(Part):
    id: Id
    name: Text
    state: Text = "incomplete"
    pos: float = 0


class Checklist(Part):
    id: Id
    id_card: Id
    name: Text = ""
    pos: float = 0
    check_items: Annotated[list[CheckItem], Listed] = []


class CustomOption(Part):
    id: Id
    value: dict[str, Any] | None = None


class CustomField(Part):
    id: Id
    name: Text = ""
    options: Annotated[list[CustomOption], Listed] = []


class Mentioned(Part):
    id: Id


class ActionData(Part):
    card: Mentioned | None = None
    text: Text = ""
    date_last_edited: datetime | None = None


class Action(Part):
    id: Id
    type: str
    date: datetime
    id_member_creator: Id | None = None
    member_creator: Member | None = None
    data: ActionData


class Export(Part):
    id: Id
    name: str
    desc: Text = ""
    closed: bool = False
    prefs: Preferences = Field(default_factory=Preferences)
    lists: list[BoardList]
    cards: list[Card]
    labels: list[Label] = []
    members: list[Member] = []
    memberships: list[Membership] = []
    checklists: list[Checklist] = []
    custom_fields: list[CustomField] = []
    actions: list[Action] = []

    def people(self) -> dict[str, Member]:
        """Everybody who is named, by id: those who left the board only in what they did."""
        left = [action.member_creator for action in self.actions if action.member_creator]
        return {member.id: member for member in [*left, *self.members]}


def read_export(path: Path) -> Export:
    """The board in a file. Raises TooLarge and Invalid, each with one sentence that says why."""
    if path.stat().st_size > LARGEST:
        raise TooLarge(
            f"{path.name} is larger than {LARGEST // 1_000_000} MB: that is no board exported from Trello."
        )
    try:
        document = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{path.name} is not JSON: {error}.") from None
    if not isinstance(document, dict) or "cards" not in document or "lists" not in document:
        raise Invalid(
            f"{path.name} is not a board exported from Trello: it has no lists and cards."
        )
    actions = document.get("actions")
    if isinstance(actions, list):
        document["actions"] = [action for action in actions if is_taken(action)]
    try:
        return Export.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"{path.name} is not a board exported from Trello: {place}: {first['msg']}."
        ) from None


def is_taken(action: Any) -> bool:
    return isinstance(action, dict) and action.get("type") in COMMENTS | MAKINGS


def to_milliseconds(moment: datetime) -> int:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def made_at(identifier: str) -> int | None:
    """When something of this id was made, which Trello's ids begin with; None for another kind of id."""
    try:
        seconds = int(identifier[:8], 16) if len(identifier) == 24 else 0
    except ValueError:
        return None
    return seconds * 1000 or None
