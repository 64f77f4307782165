"""What is in the sample workspace: a small agency, its week, and a client."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody says something; `answers` names an earlier line of the same room by its place."""

    author: str
    body: str
    answers: int | None = None
    reactions: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampleRoom:
    name: str
    topic: str
    lines: tuple[Line, ...]


PEOPLE = {
    "ada": ("Ada Moreau", "Sample: design", "member"),
    "ben": ("Ben Okafor", "Sample: engineering", "member"),
    "chi": ("Chiara Lind", "Sample: project lead", "member"),
    "dee": ("Dee Park", "Sample: Nordlicht Coffee", "client"),
}

ROOMS = (
    SampleRoom(
        "Nordlicht website",
        "New site for Nordlicht Coffee. Launch on the 14th.",
        (
            Line(
                "chi",
                "Good morning. The new site for **Nordlicht Coffee** starts today; Dee joins us here.",
            ),
            Line(
                "dee", "Hello everybody, glad to be here.", reactions={"👋": ("ada", "ben", "chi")}
            ),
            Line(
                "ada",
                "I have three directions for the home page:\n\n1. *Quiet*: one photograph, one sentence\n"
                "2. *Counter*: the menu as it hangs in the shop\n3. *Map*: find your nearest shop first",
            ),
            Line(
                "dee",
                "I like the second. People ask for the menu all day.",
                reactions={"👍": ("ada", "chi")},
            ),
            Line(
                "ben",
                "Then the menu should come from one place. I suggest:\n\n```json\n"
                '{"item": "Filter", "price": 3.2, "seasonal": false}\n```',
            ),
            Line("chi", "Can the shops change prices themselves?", answers=4),
            Line(
                "ben",
                "Yes, one form for each shop. No deploy needed.",
                answers=4,
                reactions={"🎉": ("chi",)},
            ),
            Line("chi", "@Dee Park could you send us the photographs by Thursday?"),
            Line("dee", "Thursday works. I will bring the new cups, too."),
        ),
    ),
    SampleRoom(
        "Studio",
        "Everything that has no room of its own.",
        (
            Line("ada", "Who has the key to the meeting room?"),
            Line("ben", "On the shelf by the window.", reactions={"🙏": ("ada",)}),
            Line(
                "chi",
                "Reminder: plan for next week on Friday at ten. Write your points here before.",
            ),
            Line(
                "ben",
                "> Write your points here before\n\nMine: hosting costs, and the phone that keeps ringing.",
            ),
            Line(
                "ada",
                "Mine: icons. We have *four* kinds of arrows.",
                reactions={"😄": ("ben", "chi")},
            ),
        ),
    ),
)
