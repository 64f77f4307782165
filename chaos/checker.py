"""The invariants, checked from what clients wrote down against what the database holds.

Every function answers the violations it found, each with the name of its kind: the mutation checks expect those names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaos.records import ClientLog, From, Reset, Seen, Sent
from chaos.truth import Truth

KINDS = {
    "lost": "an acknowledged command is not in the database as it was acknowledged",
    "doubled": "a command was applied more than once",
    "refused": "a command that must succeed was refused",
    "hole": "a follower did not get an entry and got a later one",
    "repeated": "a follower got an entry twice",
    "out_of_order": "a follower got an older entry after a newer one",
    "altered": "a follower got an entry that is not the database's",
    "unasked": "a client got entries of a stream it does not follow",
    "leak": "somebody saw what they may not",
    "session_ended": "a session ended that nobody ended",
    "behind": "a client did not have everything in time after the faults stopped",
    "log": "the log itself has a hole or disagrees with its head",
    "state": "a table disagrees with the log",
    "read_mark": "a read mark is behind what was acknowledged, or moved back",
    "memory": "a node's memory did not return to near where it was",
    "fault": "a fault that was planned did not happen",
    "idle": "there was nothing to check",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: which, of whom, and what was seen."""

    kind: str
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.who}: {self.what}"


def check_all(logs: Sequence[ClientLog], truth: Truth) -> list[Violation]:
    """Every violation; first whether there was anything to check, then the log's own."""
    return [
        *check_load(logs),
        *check_log(truth),
        *check_state(truth),
        *check_commands(logs, truth),
        *check_reads(logs, truth),
        *(violation for log in logs for violation in check_client(log, truth)),
    ]


def deliveries(logs: Iterable[ClientLog]) -> int:
    """How many entries the clients received in all."""
    return sum(isinstance(e, Seen) for log in logs for events in log.seen.values() for e in events)


def check_load(logs: Sequence[ClientLog]) -> Iterator[Violation]:
    """Something was acknowledged and something delivered: else every other check holds of nothing."""
    if not any(log.acknowledged for log in logs):
        yield Violation("idle", "clients", "nothing was acknowledged")
    if not deliveries(logs):
        yield Violation("idle", "clients", "nothing was delivered")


# The log and the tables.


def check_log(truth: Truth) -> Iterator[Violation]:
    """Each stream is 1 … head without holes, and each key there once for each actor."""
    for stream, entries in truth.log.items():
        seqs = [entry.seq for entry in entries]
        head = truth.heads[stream]
        if seqs != list(range(1, head + 1)):
            yield Violation("log", stream, f"head {head}, entries {describe(seqs)}")
        keys = Counter((entry.actor, entry.key) for entry in entries if entry.key)
        for (actor, key), times in keys.items():
            if times > 1:
                yield Violation("doubled", actor, f"key {key} stands {times} times in {stream}")


def describe(seqs: Sequence[int]) -> str:
    if len(seqs) < 12:
        return str(list(seqs))
    return f"{len(seqs)} from {seqs[0]} to {seqs[-1]}"


def check_state(truth: Truth) -> Iterator[Violation]:
    """Applying the log to nothing gives the tables: messages, answers, reactions, members."""
    posted: dict[str, str] = {}
    bodies: dict[str, str] = {}
    answers: Counter[str] = Counter()
    deleted: set[str] = set()
    reactions: set[tuple[str, str, str]] = set()
    members = {room: set(people) for room, people in truth.base.items()}
    for stream, entries in truth.log.items():
        for entry in entries:
            data = entry.data
            if entry.kind == "message.posted":
                posted[data["id"]] = stream
                bodies[data["id"]] = data["body"]
                if data["reply_to"]:
                    answers[data["reply_to"]] += 1
            elif entry.kind == "message.edited":
                bodies[data["id"]] = data["body"]
            elif entry.kind == "message.deleted":
                if data["id"] in deleted:
                    yield Violation("doubled", data["id"], "deleted twice")
                deleted.add(data["id"])
                if data["reply_to"]:
                    answers[data["reply_to"]] -= 1
                reactions = {r for r in reactions if r[0] != data["id"]}
            elif entry.kind in ("reaction.added", "reaction.removed"):
                reaction = (data["message"], data["emoji"], data["user"])
                added = entry.kind == "reaction.added"
                if (reaction in reactions) is added:
                    yield Violation("doubled", data["user"], f"{entry.kind} twice: {reaction}")
                (reactions.add if added else reactions.discard)(reaction)
            elif entry.kind in ("member.joined", "member.left") and data["user"] != stream:
                people = members.setdefault(stream, set())
                joined = entry.kind == "member.joined"
                if (data["user"] in people) is joined:
                    yield Violation("doubled", data["user"], f"{entry.kind} twice in {stream}")
                (people.add if joined else people.discard)(data["user"])
    if posted.keys() != truth.messages.keys():
        strange = posted.keys() ^ truth.messages.keys()
        yield Violation("state", "messages", f"log and table differ in {sorted(strange)[:3]}")
    for message in truth.messages.values():
        body = "" if message.id in deleted else bodies.get(message.id, "")
        if (message.body, message.deleted) != (body, message.id in deleted):
            yield Violation(
                "state", message.id, f"the table says {message.body!r}, the log {body!r}"
            )
        if message.replies != answers[message.id]:
            told = f"{message.replies} answers in the table, {answers[message.id]} in the log"
            yield Violation("state", message.id, told)
    if reactions != truth.reactions:
        strange_ones = sorted(reactions ^ truth.reactions)[:3]
        yield Violation("state", "reactions", f"log and table differ in {strange_ones}")
    for room, people in members.items():
        if people != truth.members.get(room, set()):
            different = sorted(people ^ truth.members.get(room, set()))[:3]
            yield Violation("state", room, f"log and table differ in members {different}")


# Commands.


def check_commands(logs: Sequence[ClientLog], truth: Truth) -> Iterator[Violation]:
    """What was acknowledged is there once, as it was acknowledged; what was only sent is there at most once."""
    by_key = {
        (entry.actor, entry.key): (stream, entry)
        for stream, entries in truth.log.items()
        for entry in entries
        if entry.key
    }
    said: Counter[str] = Counter()
    erased: set[str] = set()
    for entries in truth.log.values():
        for entry in entries:
            if entry.kind == "message.posted":
                said[entry.data["body"]] += 1
            elif entry.kind == "message.deleted":
                erased.add(entry.data["id"])
    for log in logs:
        for sent in log.sent.values():
            if sent.kind == "message.post" and said[sent.body] > 1:
                yield Violation(
                    "doubled", log.name, f"{sent.body!r} stands {said[sent.body]} times"
                )
        for key, (status, detail) in log.refused.items():
            yield Violation("refused", log.name, f"{log.sent[key].kind}: {status} {detail}")
        for key, (seq, identifier) in log.acknowledged.items():
            sent = log.sent[key]
            found = by_key.get((log.user, key))
            if sent.kind == "room.read":
                continue
            if found is None:
                # A reaction that was there already appends nothing: then its kept answer proves it was applied.
                kept = (log.user, key) in truth.replies
                if sent.kind == "message.post" or not (kept or sent.target in erased):
                    told = f"{sent.kind} {key} in {sent.stream}, acknowledged as {seq}"
                    yield Violation("lost", log.name, told)
                continue
            stream, entry = found
            if seq and (stream, entry.seq) != (sent.stream, seq):
                told = f"{sent.kind} {key} acknowledged as {seq}, kept as {entry.seq} of {stream}"
                yield Violation("lost", log.name, told)
            if sent.kind == "message.post":
                yield from check_post(log, key, sent, seq, identifier, truth)


def check_post(
    log: ClientLog, key: str, sent: Sent, seq: int, identifier: str, truth: Truth
) -> Iterator[Violation]:
    row = truth.messages.get(identifier)
    if row is None:
        yield Violation("lost", log.name, f"message {identifier} ({key}) has no row")
    elif (row.room, row.seq, row.author) != (sent.stream, seq, log.user):
        yield Violation("lost", log.name, f"message {identifier} was acknowledged as another")


def check_reads(logs: Sequence[ClientLog], truth: Truth) -> Iterator[Violation]:
    """Read marks never move back, and reach at least what was acknowledged."""
    marks: dict[tuple[str, str], int] = {}
    for user, entries in truth.log.items():
        for entry in entries:
            if entry.kind == "read.moved":
                room, seq = entry.data["room"], entry.data["seq"]
                if seq <= marks.get((user, room), -1):
                    yield Violation("read_mark", user, f"moved back to {seq} in {room}")
                marks[user, room] = seq
            elif entry.kind in ("member.joined", "member.left") and entry.data["user"] == user:
                marks.pop((user, entry.data["room"]), None)
    for (user, room), seq in marks.items():
        if truth.read_marks.get((user, room)) != seq:
            told = f"{truth.read_marks.get((user, room))} in the table, {seq} in the log of {room}"
            yield Violation("read_mark", user, told)
    moving = {
        (user, entry.data["room"])
        for user, entries in truth.log.items()
        for entry in entries
        if entry.kind in ("member.left", "member.joined") and entry.data["user"] == user
    }
    for log in logs:
        for key, (seq, _) in log.acknowledged.items():
            sent = log.sent[key]
            if sent.kind == "room.read" and (log.user, sent.stream) not in moving:
                kept = truth.read_marks.get((log.user, sent.stream), -1)
                if kept < seq:
                    yield Violation("read_mark", log.name, f"{kept}, acknowledged {seq}")


# What one client saw.


def check_client(log: ClientLog, truth: Truth) -> Iterator[Violation]:
    """Order, completeness, contents, rights, and the session of one client."""
    for reason in log.ended:
        if log.user not in truth.ended_sessions:
            yield Violation("session_ended", log.name, reason)
    for stream, events in log.seen.items():
        yield from check_order(log, stream, events)
        yield from check_contents(log, stream, events, truth)
        if stream in truth.private:
            yield from check_rights(log, stream, events, truth)


def check_order(
    log: ClientLog, stream: str, events: Sequence[Seen | From | Reset]
) -> Iterator[Violation]:
    """After each follow: cursor + 1, + 2 … and nothing after a reset."""
    last: int | None = None
    for event in events:
        if isinstance(event, From):
            last = event.cursor
        elif isinstance(event, Reset):
            last = None
        elif last is None:
            yield Violation("unasked", log.name, f"{event.seq} of {stream}")
        else:
            if event.seq > last + 1:
                yield Violation("hole", log.name, f"{event.seq} after {last} of {stream}")
            elif event.seq == last:
                yield Violation("repeated", log.name, f"{event.seq} of {stream}")
            elif event.seq < last:
                yield Violation("out_of_order", log.name, f"{event.seq} after {last} of {stream}")
            last = max(last, event.seq)


def check_contents(
    log: ClientLog, stream: str, events: Sequence[Seen | From | Reset], truth: Truth
) -> Iterator[Violation]:
    """Each entry is the database's; words that were erased meanwhile may differ."""
    kept = truth.log.get(stream, [])
    for event in events:
        if not isinstance(event, Seen):
            continue
        if not 1 <= event.seq <= len(kept):
            yield Violation("altered", log.name, f"{event.seq} of {stream} is not in the log")
            continue
        entry = kept[event.seq - 1]
        same = (entry.kind, entry.actor, entry.key) == (event.kind, event.actor, event.key)
        if not same or (entry.crc != event.crc and not is_erased(entry.data, truth)):
            yield Violation("altered", log.name, f"{event.seq} of {stream}: {event.kind}")


def is_erased(data: object, truth: Truth) -> bool:
    message = truth.messages.get(str(data.get("id"))) if isinstance(data, dict) else None
    return message is not None and message.deleted


def check_rights(
    log: ClientLog, stream: str, events: Sequence[Seen | From | Reset], truth: Truth
) -> Iterator[Violation]:
    """Nobody who is not in a private room sees anything that happened while they were not.

    Somebody who is in it again may read what was said meanwhile: then the follow was answered with a head at which
    they are a member.
    """
    changes = [(0, log.user in truth.base.get(stream, set()))]
    for entry in truth.log.get(stream, []):
        if entry.kind in ("member.joined", "member.left") and entry.data["user"] == log.user:
            # The entry that ends the right is the last one seen.
            joined = entry.kind == "member.joined"
            changes.append((entry.seq if joined else entry.seq + 1, joined))
    if len(changes) == 1 and changes[0][1]:
        return

    def member_at(seq: int) -> bool:
        return next(joined for since, joined in reversed(changes) if since <= seq)

    ever = any(joined for _, joined in changes)
    head: int | None = None
    for event in events:
        if isinstance(event, From):
            head = event.head
            if not ever and head is not None:
                yield Violation("leak", log.name, f"may follow {stream} without being in it")
        elif isinstance(event, Seen):
            allowed = member_at(event.seq) or (
                ever and (head is None or (event.seq <= head and member_at(head)))
            )
            if not allowed:
                yield Violation("leak", log.name, f"{event.seq} of {stream} after the right ended")
