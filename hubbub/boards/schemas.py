"""What boards accept, over HTTP and over the socket."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from hubbub.boards.access import Right
from hubbub.boards.models import LONGEST_COMMENT, LONGEST_DESCRIPTION, LONGEST_ITEM
from hubbub.boards.repeats import RepeatInput
from hubbub.kernel.schemas import Identifier, KeyText, plain_text

MOST_ASSIGNEES = 20
MOST_TASK_LABELS = 20
MOST_ITEMS = 100
MOST_AT_ONCE = 100
MOST_FIRST_LISTS = 20

END = "end"
"""Stands for the last place where a task, a list or an item to stand behind is named."""


def check_text(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


def check_said(text: str) -> str:
    if not text.strip():
        raise ValueError("must say something")
    return check_text(text)


def check_moment(moment: datetime) -> datetime:
    """Raises ValueError unless the moment has an offset and lies in a year a calendar knows."""
    if moment.tzinfo is None:
        raise ValueError("must have an offset, as in 2026-11-21T17:00:00Z")
    if not 2000 <= moment.year <= 9000:
        raise ValueError("must lie between the years 2000 and 9000")
    return moment


def check_distinct(given: list[str]) -> list[str]:
    if len(set(given)) != len(given):
        raise ValueError("must not name the same twice")
    return given


BoardName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), plain_text
]
ListName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), plain_text
]
LabelName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), plain_text
]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=100), plain_text
]
Description = Annotated[
    str, StringConstraints(max_length=LONGEST_DESCRIPTION), AfterValidator(check_text)
]
ItemText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_ITEM), plain_text
]
CommentBody = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_COMMENT), AfterValidator(check_said)
]
Colour = Literal["grey", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"]
ShownTo = Literal["colleagues", "members"]
Status = Literal["open", "doing", "done"]
Priority = Literal["low", "medium", "high"]
Moment = Annotated[datetime, AfterValidator(check_moment)]
After = Identifier | None
Assignees = Annotated[
    list[Identifier], Field(max_length=MOST_ASSIGNEES), AfterValidator(check_distinct)
]
TaskLabels = Annotated[
    list[Identifier], Field(max_length=MOST_TASK_LABELS), AfterValidator(check_distinct)
]
TaskIds = Annotated[
    list[Identifier],
    Field(min_length=1, max_length=MOST_AT_ONCE),
    AfterValidator(check_distinct),
]


def to_milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * 1000 + moment.microsecond // 1000


class Given(BaseModel):
    """Input of which what was not given differs from null."""

    def given(self, *leave: str) -> dict[str, Any]:
        """The fields that were given, times in milliseconds, without those to `leave`."""
        return {
            name: to_milliseconds(value) if isinstance(value, datetime) else value
            for name, value in self.model_dump(exclude_unset=True, exclude={"key", *leave}).items()
        }


class Input(Given):
    model_config = ConfigDict(extra="forbid")


class FirstList(Input):
    name: ListName
    status: Status | None = None


class NewBoard(Input):
    name: BoardName
    room: Identifier | None = None
    shown_to: ShownTo = "colleagues"
    lists: list[ListName | FirstList] = Field(default_factory=list, max_length=MOST_FIRST_LISTS)


class BoardChange(Input):
    """`room` null takes the link away."""

    name: BoardName = ""
    room: Identifier | None = None
    shown_to: ShownTo = "colleagues"
    archived: bool = False


class MemberRight(Input):
    user: Identifier
    right: Right


class NewList(Input):
    """Not given, `after` is the end; null is the front."""

    name: ListName
    status: Status | None = None
    after: After = None


class ListChange(Input):
    name: ListName = ""
    status: Status | None = None
    shown_outside: bool = True


class ListMove(Input):
    after: After = None


class NewLabel(Input):
    name: LabelName
    colour: Colour = "grey"


class LabelChange(Input):
    name: LabelName = ""
    colour: Colour = "grey"


class TaskFields(Given):
    title: Title = ""
    description: Description = ""
    status: Status | None = None
    priority: Priority | None = None
    due_at: Moment | None = None
    due_has_time: bool = False
    repeat: RepeatInput | None = None
    assignees: Assignees = Field(default_factory=list)
    labels: TaskLabels = Field(default_factory=list)


class NewTask(TaskFields):
    """Not given, `after` is the end; null is the front."""

    model_config = ConfigDict(extra="forbid")

    list: Identifier
    title: Title
    after: After = None
    message: Identifier | None = None


class TaskChange(TaskFields):
    """Any of a task's fields; what is not given stays, what is null is taken away."""

    model_config = ConfigDict(extra="forbid")


class TaskMove(Input):
    """Not given, `after` is the end; null is the front."""

    list: Identifier
    after: After = None


class TasksMove(TaskMove):
    tasks: TaskIds


class TasksArchive(Input):
    tasks: TaskIds


class NewItem(Input):
    text: ItemText
    after: After = None


class ItemChange(Input):
    """`after` moves the item; null is the front."""

    text: ItemText = ""
    done: bool = False
    after: After = None


class CommentText(Input):
    body: CommentBody


class SocketInput(Given):
    """Socket commands tolerate fields of later clients."""

    model_config = ConfigDict(extra="ignore")

    key: KeyText


class CreateTaskCommand(TaskFields, SocketInput):
    board: Identifier
    list: Identifier
    title: Title
    after: After = None
    message: Identifier | None = None


class ChangeTaskCommand(TaskFields, SocketInput):
    task: Identifier


class MoveTaskCommand(SocketInput):
    task: Identifier
    list: Identifier
    after: After = None


class TaskCommand(SocketInput):
    task: Identifier


class TasksMoveCommand(SocketInput):
    board: Identifier
    tasks: TaskIds
    list: Identifier
    after: After = None


class TasksArchiveCommand(SocketInput):
    board: Identifier
    tasks: TaskIds


class AddCommentCommand(SocketInput):
    task: Identifier
    body: CommentBody


class EditCommentCommand(SocketInput):
    comment: Identifier
    body: CommentBody


class CommentCommand(SocketInput):
    comment: Identifier


class AddItemCommand(SocketInput):
    task: Identifier
    text: ItemText
    after: After = None


class ChangeItemCommand(SocketInput):
    task: Identifier
    item: Identifier
    text: ItemText = ""
    done: bool = False
    after: After = None


class ItemCommand(SocketInput):
    task: Identifier
    item: Identifier


class LookSignal(BaseModel):
    """Whether one looks at a board, and at which of its tasks."""

    model_config = ConfigDict(extra="ignore")

    board: Identifier
    task: Identifier | None = None
    on: bool = True
