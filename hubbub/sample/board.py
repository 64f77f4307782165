"""What is on the sample's board: the client's website, a week before its launch."""

from dataclasses import dataclass
from typing import Any

YOU = "you"
"""Whoever adds the sample, among the people of a task."""


@dataclass(frozen=True, slots=True)
class SampleTask:
    """A task made by one of the sample's people; `due` in days from today, `hour` in UTC.

    `items` are steps and whether they are done, `comments` who said what, `line` the place of a line in the first
    sample room that it was made from.
    """

    author: str
    title: str
    description: str = ""
    people: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    priority: str | None = None
    due: int | None = None
    hour: int | None = None
    repeat: dict[str, Any] | None = None
    items: tuple[tuple[str, bool], ...] = ()
    comments: tuple[tuple[str, str], ...] = ()
    line: int | None = None


NAME = "Nordlicht website"
MEMBERS = {"ada": "edit", "ben": "edit", "dee": "comment"}
LABELS = {"Design": "purple", "Content": "teal", "Engineering": "blue", "Launch": "orange"}

LISTS: tuple[tuple[str, str | None, tuple[SampleTask, ...]], ...] = (
    (
        "Ideas",
        None,
        (
            SampleTask(
                "ada",
                "A map that finds the nearest shop",
                "The third direction. Not for the launch, but Dee would like to see it one day.",
                labels=("Design",),
            ),
            SampleTask(
                "chi",
                "Show what is roasted this week",
                comments=(
                    ("dee", "Every shop has something else on Fridays."),
                    ("chi", "Good one. Let us look at it after the launch."),
                ),
            ),
        ),
    ),
    (
        "To do",
        "open",
        (
            SampleTask(
                "chi",
                "Shops change their prices themselves",
                "One form for each shop, no deploy needed.\n\n- only that shop's people may use it\n"
                "- the menu shows the new price at once",
                people=("ben",),
                labels=("Engineering", "Launch"),
                priority="high",
                due=3,
                items=(("Form", False), ("Who may use it", False), ("Try it with Dee", False)),
                comments=(("ben", "The form is easy. I start with who may use it."),),
                line=5,
            ),
            SampleTask(
                "ada",
                "Look at the home page on your own phone",
                "Write down whatever makes you stop, however small.",
                people=(YOU,),
                labels=("Design",),
                priority="medium",
                due=0,
            ),
            SampleTask(
                "chi",
                "Write the page about the roastery",
                people=("chi", YOU),
                labels=("Content",),
                priority="medium",
                due=4,
                items=(("How it began", True), ("Where the beans come from", False)),
            ),
            SampleTask(
                "ben",
                "Redirect the addresses of the old site",
                people=("ben",),
                labels=("Engineering",),
                priority="low",
                due=6,
            ),
            SampleTask(
                "chi",
                "Send Dee what happened this week",
                people=("chi",),
                due=2,
                hour=15,
                repeat={"every": 1, "unit": "week"},
            ),
        ),
    ),
    (
        "In progress",
        "doing",
        (
            SampleTask(
                "ada",
                "Home page: the counter",
                "Dee chose the second direction: **the menu as it hangs in the shop**.\n\n"
                "Large type, no pictures above the fold.",
                people=("ada",),
                labels=("Design", "Launch"),
                priority="high",
                due=1,
                items=(
                    ("Sketch", True),
                    ("Type and colours", True),
                    ("On a phone", True),
                    ("What is out of season", False),
                ),
                comments=(
                    ("dee", "The board in the shop is darker. Otherwise: yes!"),
                    ("ada", "Darker it is. @Dee Park look again tomorrow?"),
                ),
            ),
            SampleTask(
                "ben",
                "One place for the menu",
                "Shops, prices and seasons in one file; the pages are made from it.",
                people=("ben",),
                labels=("Engineering",),
                priority="medium",
                due=0,
                items=(("Items", True), ("Prices", True), ("Seasons", False)),
            ),
            SampleTask(
                "chi",
                "Photographs of the shops and the new cups",
                people=("dee",),
                labels=("Content", "Launch"),
                due=-1,
                comments=(("dee", "The cups come this afternoon, then I send all of them."),),
                line=7,
            ),
        ),
    ),
    (
        "Done",
        "done",
        (
            SampleTask(
                "chi",
                "Choose one of three directions",
                people=("ada", "dee"),
                labels=("Design",),
                due=-4,
                items=(("Quiet", True), ("Counter", True), ("Map", True)),
                comments=(("dee", "The second. People ask for the menu all day."),),
                line=2,
            ),
            SampleTask(
                "ben",
                "A place to try the new site",
                people=("ben",),
                labels=("Engineering",),
                due=-3,
            ),
        ),
    ),
)
