"""Whether this node still hears the bus, judged by its canary: a word it tells all nodes and hears back."""

from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "ok", "degraded", "deaf"]
Others = Literal["silent", "back", "hear"]
"""Whether any other node hears itself: none; only since its own silence ended; all along."""

MISSED_MOST = 3
"""Canaries in a row that may be missed: at BEAT_SECONDS, deafness is known within four seconds."""
PATIENCE = 5
"""Beats a node waits that hears nothing while others are back: one finds Redis again sooner than the other."""
STEADY = 3
"""Canaries in a row after which a deaf node trusts its ears again; doubled each time it was wrong lately."""
STEADY_MOST = 48
FORGOTTEN_BEATS = 120


@dataclass(slots=True)
class Hearing:
    """The judgement, beat for beat; it counts beats, not seconds, so a process that was stopped is not deaf.

    - `deaf`: this node misses its canaries while others hear theirs.
    - `degraded`: nobody hears, Redis is gone. Whoever is alone is never deaf.

    `missed`: canaries missed in a row.
    """

    state: State = "starting"
    missed: int = 0
    _heard: int = 0
    _others: int = 0
    _alone: int = 0
    _needed: int = STEADY
    _calm: int = FORGOTTEN_BEATS

    def beat(self, heard: bool, others: Others) -> State:
        """Takes in whether the last canary came back, and how others hear; answers the state."""
        self.missed, self._heard = (0, self._heard + 1) if heard else (self.missed + 1, 0)
        silent = others == "silent"
        self._others, self._alone = (0, self._alone + 1) if silent else (self._others + 1, 0)
        if self.state == "deaf":
            self._judge_deaf()
        else:
            self._judge(1 if others == "hear" else PATIENCE)
        return self.state

    def _judge_deaf(self) -> None:
        if self._heard >= self._needed:
            self.state = "ok"
            self._calm = 0
        elif self._alone >= MISSED_MOST:
            self.state = "degraded"

    def _judge(self, patience: int) -> None:
        if self._heard:
            self._calm += 1
            if self._calm >= FORGOTTEN_BEATS:
                self._needed = STEADY
            if self.state == "starting" or self._heard > 1:
                self.state = "ok"
        elif self.missed >= MISSED_MOST:
            if self._others >= patience:
                self.state = "deaf"
                if self._calm < FORGOTTEN_BEATS:
                    self._needed = min(2 * self._needed, STEADY_MOST)
            else:
                self.state = "degraded"
