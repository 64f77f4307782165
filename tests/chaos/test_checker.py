"""The checker of the fault suite can fail: each kind of violation is shown to it and named."""

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import orjson
import pytest

from chaos.checker import KINDS, Violation, check_all
from chaos.faults import mix
from chaos.records import ClientLog, Event, From, Reset, Seen, Sent, encode_logs, read_logs
from chaos.truth import Logged, Message, Truth

ROOM, ALICE, BOB, EVE = "room", "alice", "bob", "eve"


def posted(seq: int, key: str, *, deleted: bool = False) -> Logged:
    data = {"id": f"m{seq}", "body": f"said {key}", "reply_to": None, "deleted": deleted}
    return Logged(seq, "message.posted", ALICE, key, data)


def member(seq: int, kind: str, user: str) -> Logged:
    return Logged(seq, kind, ALICE, None, {"room": ROOM, "user": user})


def seen(entry: Logged) -> Seen:
    return Seen(
        ROOM, entry.seq, entry.kind, entry.actor, entry.key, crc32(orjson.dumps(entry.data))
    )


def build() -> tuple[Truth, ClientLog, ClientLog, ClientLog]:
    """Alice posts three times; Bob is taken out after the second and comes back; Eve has no business there."""
    log = [
        posted(1, "k1"),
        posted(2, "k2"),
        member(3, "member.left", BOB),
        posted(4, "k4"),
        member(5, "member.joined", BOB),
        posted(6, "k6"),
    ]
    truth = Truth(
        {
            ROOM: log,
            ALICE: [],
            BOB: [member(1, "member.left", BOB), member(2, "member.joined", BOB)],
        },
        {ROOM: 6, ALICE: 0, BOB: 2},
        base={ROOM: {ALICE, BOB}},
        private={ROOM},
        members={ROOM: {ALICE, BOB}},
    )
    for entry in log:
        if entry.kind == "message.posted":
            row = Message(
                f"m{entry.seq}", ROOM, entry.seq, ALICE, entry.data["body"], None, 0, False
            )
            truth.messages[row.id] = row
    alice = ClientLog("Alice's laptop", ALICE)
    for seq in (1, 2, 4, 6):
        alice.sent[f"k{seq}"] = Sent("message.post", ROOM, ROOM, f"said k{seq}")
        alice.acknowledged[f"k{seq}"] = (seq, f"m{seq}")
    alice.seen[ROOM] = [From(0, 0), *map(seen, log[:2]), From(2, 4), *map(seen, log[2:])]
    bob = ClientLog("Bob's phone", BOB)
    back: list[Event] = [From(3, 5), *map(seen, log[3:])]
    bob.seen[ROOM] = [From(0, 2), *map(seen, log[:3]), Reset(0, "withdrawn"), *back]
    eve = ClientLog("Eve", EVE)
    eve.seen[ROOM] = [From(0), Reset(0, "withdrawn")]
    return truth, alice, bob, eve


World = tuple[Truth, ClientLog, ClientLog, ClientLog]
Fault = Callable[[Truth, ClientLog, ClientLog, ClientLog], object]


def forget_answer(truth: Truth, *_: ClientLog) -> None:
    first = truth.messages["m1"]
    truth.messages["m1"] = Message(first.id, ROOM, 1, ALICE, first.body, None, 3, False)


def lose_row(truth: Truth, *_: ClientLog) -> None:
    del truth.messages["m4"]


def lose_entry(truth: Truth, *_: ClientLog) -> None:
    del truth.log[ROOM][3]


def say_twice(truth: Truth, *_: ClientLog) -> None:
    again = posted(7, "k6b")
    again.data["body"] = "said k6"
    truth.log[ROOM].append(again)
    truth.heads[ROOM] = 7


def join_twice(truth: Truth, *_: ClientLog) -> None:
    truth.log[ROOM].append(member(7, "member.joined", BOB))
    truth.heads[ROOM] = 7


def mark(truth: Truth, *seqs: int) -> None:
    for place, seq in enumerate(seqs, 1):
        data = {"room": ROOM, "seq": seq}
        truth.log[ALICE].append(Logged(place, "read.moved", ALICE, None, data))
    truth.heads[ALICE] = len(seqs)
    truth.read_marks[ALICE, ROOM] = seqs[-1]


def alter(_truth: Truth, alice: ClientLog, *_: ClientLog) -> None:
    first = alice.seen[ROOM][1]
    assert isinstance(first, Seen)
    alice.seen[ROOM][1] = Seen(ROOM, 1, first.kind, first.actor, first.key, first.crc + 1)


def acknowledge_read(_truth: Truth, alice: ClientLog, *_: ClientLog) -> None:
    alice.sent["r"] = Sent("room.read", ROOM, ROOM)
    alice.acknowledged["r"] = (6, "")


def see_nothing(_truth: Truth, *clients: ClientLog) -> None:
    for client in clients:
        client.seen.clear()


FAULTS: list[tuple[str, Fault]] = [
    ("lost", lambda truth, alice, bob, eve: alice.acknowledged.update(k1=(5, "m1"))),
    ("lost", lambda truth, alice, bob, eve: alice.acknowledged.update(k1=(1, "m9"))),
    ("lost", lose_row),
    ("doubled", say_twice),
    ("doubled", join_twice),
    ("refused", lambda truth, alice, bob, eve: alice.refused.update(k1=(409, "No."))),
    ("hole", lambda truth, alice, bob, eve: alice.seen[ROOM].pop(1)),
    ("hole", lambda truth, alice, bob, eve: alice.seen[ROOM].pop(5)),
    ("repeated", lambda truth, alice, bob, eve: alice.seen[ROOM].insert(2, alice.seen[ROOM][1])),
    ("out_of_order", lambda truth, alice, bob, eve: alice.seen[ROOM].append(alice.seen[ROOM][1])),
    ("altered", alter),
    ("unasked", lambda truth, alice, bob, eve: alice.seen[ROOM].pop(0)),
    ("unasked", lambda truth, alice, bob, eve: bob.seen[ROOM].remove(From(3, 5))),
    ("leak", lambda truth, alice, bob, eve: bob.seen[ROOM].insert(4, alice.seen[ROOM][5])),
    ("leak", lambda truth, alice, bob, eve: eve.seen.update({ROOM: [From(0, 6)]})),
    ("leak", lambda truth, alice, bob, eve: eve.seen[ROOM].insert(1, alice.seen[ROOM][1])),
    ("session_ended", lambda truth, alice, bob, eve: alice.ended.append("revoked")),
    ("log", lose_entry),
    ("state", forget_answer),
    ("state", lambda truth, alice, bob, eve: truth.members[ROOM].discard(BOB)),
    ("state", lambda truth, alice, bob, eve: truth.reactions.add(("m1", "x", BOB))),
    ("read_mark", lambda truth, alice, bob, eve: mark(truth, 4, 2)),
    ("read_mark", acknowledge_read),
    ("idle", lambda truth, alice, bob, eve: alice.acknowledged.clear()),
    ("idle", see_nothing),
]


def test_a_faultless_run_has_no_violation() -> None:
    truth, *clients = build()
    assert check_all(clients, truth) == []


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_a_violation_is_named(kind: str, fault: Fault) -> None:
    world = build()
    fault(*world)
    truth, *clients = world
    found = {violation.kind for violation in check_all(clients, truth)}
    assert kind in found
    assert found <= KINDS.keys()


def test_every_kind_of_the_checker_is_shown_here() -> None:
    elsewhere = {"behind", "memory", "fault"}
    assert {kind for kind, _ in FAULTS} == KINDS.keys() - elsewhere


def test_words_erased_meanwhile_may_differ() -> None:
    truth, *clients = build()
    truth.log[ROOM][0].data.update(body="", deleted=True)
    erased = truth.messages["m1"]
    truth.messages["m1"] = Message(erased.id, ROOM, 1, ALICE, "", None, 0, True)
    truth.log[ROOM].append(
        Logged(7, "message.deleted", ALICE, "k7", {"id": "m1", "room": ROOM, "reply_to": None})
    )
    truth.heads[ROOM] = 7
    assert check_all(clients, truth) == []


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    _, *clients = build()
    path = tmp_path / "log"
    path.write_bytes(encode_logs(clients))
    assert read_logs(path) == clients


def test_a_seed_gives_the_same_faults_again() -> None:
    first = mix(7, 30, 3, redis=True, replica=False)
    assert first == mix(7, 30, 3, redis=True, replica=False)
    assert first != mix(8, 30, 3, redis=True, replica=False)


def test_a_violation_tells_what_it_is() -> None:
    assert str(Violation("hole", "c1", "3 after 1")) == "hole: c1: 3 after 1"
