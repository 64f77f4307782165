"""What an import does not take over, or otherwise than it was."""

from dataclasses import dataclass, field

SHOWN = 5


@dataclass(slots=True)
class Notes:
    """Sentences, each with what it is true of."""

    about: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sentence: str, what: str) -> None:
        self.about.setdefault(sentence, []).append(what)

    def lines(self) -> list[str]:
        """One line a sentence, with how many it is true of and the first of them."""
        lines = []
        for sentence, things in self.about.items():
            named = [thing for thing in things if thing]
            shown = "; ".join(named[:SHOWN])
            if len(named) > SHOWN:
                shown += f"; and {len(named) - SHOWN} more"
            lines.append(f"{sentence} ({len(things)})" + (f": {shown}" if shown else ""))
        return lines
