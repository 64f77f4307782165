"""What a broken or hostile client might send: well-formed things, and such things slightly damaged."""

import base64
import os
import random
from collections.abc import Callable

import orjson

SEPARATOR = "\x1e"
TOKENS = [
    "0", "1", "2", "3", "4", "5", "6", "40", "41", "42", "43", "44", "45", "46", "47", "-", ",",
    "/", "/custom,", "[", "]", "{", "}", '"', "\\", "\\ud800", "null", "1e999", "-0", "NaN", "b",
    "99999999999999999999", "9007199254740993", "2probe", "3probe", SEPARATOR, "\x00", "\x7f",
    "é", "😀", "\u2028", "٣", '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":-1}',
    '{"_placeholder":true,"num":9}', '{"_placeholder":1,"num":"0"}', '"__proto__"', "[[[[",
]  # fmt: skip
EVENTS = ["echo", "later", "join", "leave", "say", "nobody", "connect", "disconnect", ""]
NAMESPACES = ["", "", "", "/custom,", "/nowhere,", "/,", "/custom?a=b,", "custom,", "/custom"]
LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 1_000_001, 2**31, 2**63 - 1, 2**63, 2**64 - 1]


class Rubbish:
    """Everything it makes follows from ``chance``."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def value(self, depth: int = 0) -> object:
        """Something that is JSON, with the odd placeholder of an attachment."""
        pick = self.chance.randrange(12 if depth < 4 else 8)
        if pick < 2:
            return self.chance.choice([0, -1, 2**53, 2**63 - 1, 1.5, 1e308, -0.0])
        if pick < 5:
            return self.chance.choice(["r", "s", "", "é😀", "x" * self.chance.randrange(300)])
        if pick < 6:
            return self.chance.choice([None, True, False])
        if pick < 8:
            return {"_placeholder": True, "num": self.chance.choice([0, 0, 1, 2, -1, 1.0, "0"])}
        if pick < 10:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
        keys = ["a", "b", "_placeholder", "num", "__proto__", ""]
        return {self.chance.choice(keys): self.value(depth + 1) for _ in range(3)}

    def packet(self) -> str:
        """A Socket.IO packet in its Engine.IO message, or an Engine.IO packet alone."""
        pick = self.chance.randrange(20)
        if pick == 0:
            return self.chance.choice(["1", "2", "3", "5", "6", "2probe", "4", "", "0{}"])
        if pick == 1:
            return "4" + "[" * self.chance.choice([10, 300, 2000])
        if pick == 2:
            return '42["echo",' + "[" * 300 + "]" * 300 + "]"
        kind = self.chance.choice("0112222222223345566789")
        count = f"{self.chance.choice([0, 1, 1, 2, 11, 99])}-" if kind in "56" else ""
        namespace = self.chance.choice(NAMESPACES)
        number = self.chance.choice(["", "", "0", "7", "12345678901234567890123"])
        if kind in "03":
            data = self.value() if self.chance.random() < 0.7 else None
        else:
            data = [self.chance.choice(EVENTS), *(self.value() for _ in range(2))]
        text = "" if kind == "1" or data is None else orjson.dumps(data).decode()
        return f"4{kind}{count}{namespace}{number}{text}"

    def text(self) -> str:
        """A packet, damaged more often than not."""
        text = self.packet()
        for _ in range(self.chance.choice([0, 0, 1, 1, 2, 5])):
            at = self.chance.randrange(len(text) + 1)
            to = min(len(text), at + self.chance.randrange(6))
            change = self.chance.randrange(5)
            if change == 0:
                text = text[:at] + text[to:]
            elif change == 1:
                text = text[:at] + self.chance.choice(TOKENS) + text[at:]
            elif change == 2:
                text = text[:at] + self.chance.choice(TOKENS) + text[to:]
            elif change == 3:
                text = text[:at] + text[at:to] * self.chance.randrange(1, 20) + text[to:]
            else:
                text = text[:at] + self.packet()[self.chance.randrange(4) :]
        return text

    def damage(self, data: bytes) -> bytes:
        """A few bits flipped, bytes lost, doubled or replaced."""
        changed = bytearray(data)
        for _ in range(self.chance.randrange(1, 4)):
            at = self.chance.randrange(len(changed) + 1)
            change = self.chance.randrange(4)
            if change == 0 and at < len(changed):
                changed[at] ^= 1 << self.chance.randrange(8)
            elif change == 1:
                del changed[at : at + self.chance.randrange(8)]
            elif change == 2:
                changed[at:at] = self.chance.randbytes(self.chance.randrange(8))
            else:
                changed[at:at] = changed[at : at + self.chance.randrange(64)]
        return bytes(changed)

    def sometimes(self, chance: float, change: Callable[[bytes], bytes], data: bytes) -> bytes:
        return change(data) if self.chance.random() < chance else data

    # WebSocket

    def frame(self, opcode: int, payload: bytes, fin: bool = True) -> bytes:
        """One frame as a client sends it; now and then against RFC 6455."""
        odd = self.chance.randrange(60)
        first = (
            (0x80 if fin else 0) | opcode | (0x10 << self.chance.randrange(3) if odd == 0 else 0)
        )
        masked = 0 if odd == 1 else 0x80
        size = self.chance.choice(LENGTHS) if odd == 2 else len(payload)
        if odd == 3 or size > 65535:  # the longest form, needed or not
            head = bytes((first, masked | 127)) + size.to_bytes(8, "big")
        elif odd == 4 or size > 125:
            head = bytes((first, masked | 126)) + (size & 0xFFFF).to_bytes(2, "big")
        else:
            head = bytes((first, masked | size))
        if not masked:
            return head + payload
        key = self.chance.randbytes(4)
        mask = (key * (len(payload) // 4 + 1))[: len(payload)]
        number = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
        return head + key + number.to_bytes(len(payload), "big")

    def frames(self) -> bytes:
        """A message, whole or in pieces with control frames between, or something else."""
        pick = self.chance.randrange(16)
        if pick == 0:
            code = self.chance.choice([0, 999, 1000, 1001, 1005, 1006, 1015, 3000, 4999, 65535])
            reason = self.chance.choice([b"", b"bye", b"\xff", b"x" * 124])
            return self.frame(
                8, self.chance.choice([b"", b"\x03", code.to_bytes(2, "big") + reason])
            )
        if pick == 1:
            return self.frame(
                self.chance.choice([9, 9, 10, 3, 11]),
                self.chance.randbytes(self.chance.choice([0, 5, 125, 126])),
            )
        binary = pick < 4
        if binary:
            payload = self.chance.randbytes(self.chance.choice([0, 1, 50, 70_000]))
        else:
            payload = self.sometimes(0.05, self.damage, self.text().encode())
        opcode = 2 if binary else 1
        if pick > 6:
            return self.frame(opcode, payload)
        pieces: list[bytes] = []
        while True:
            cut = self.chance.randrange(len(payload) + 1)
            last = len(pieces) > 3 or self.chance.random() < 0.4
            piece, payload = (payload, b"") if last else (payload[:cut], payload[cut:])
            pieces.append(self.frame(0 if pieces else opcode, piece, fin=last))
            if last:
                return b"".join(pieces)
            if self.chance.random() < 0.3:
                pieces.append(self.frame(9, b"between"))

    def stream(self) -> bytes:
        """What one client sends after the handshake."""
        data = b"".join(self.frames() for _ in range(self.chance.randrange(1, 12)))
        return self.sometimes(0.2, self.damage, data)

    def pieces(self, data: bytes) -> list[bytes]:
        """``data``, cut as a network might cut it."""
        cuts = sorted(self.chance.randrange(len(data) + 1) for _ in range(self.chance.randrange(4)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def request(self) -> bytes:
        """The head of an HTTP request that wants a WebSocket, or nearly so."""
        query = self.chance.choice(
            ["EIO=4&transport=websocket", "EIO=3&transport=websocket", "EIO=4&transport=polling",
             "EIO=4&transport=websocket&sid=nobody", "a=" * 90, "%ff&=&;EIO=4"]
        )  # fmt: skip
        key = base64.b64encode(self.chance.randbytes(self.chance.choice([16, 16, 16, 15, 0])))
        head = (
            f"GET /socket.io/?{query} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode()}\r\n"
            f"{self.chance.choice(['', 'Origin: http://[', 'X: ' + 'y' * 5000])}\r\n\r\n"
        )
        return self.sometimes(0.5, self.damage, head.encode())

    # Long-polling

    def payload(self) -> bytes:
        """The body of a POST."""
        parts = []
        for _ in range(self.chance.randrange(1, 8)):
            if self.chance.random() < 0.2:
                data = base64.b64encode(self.chance.randbytes(self.chance.randrange(60)))
                parts.append("b" + self.sometimes(0.3, self.damage, data).decode("latin-1"))
            else:
                parts.append(self.text())
        return self.sometimes(0.1, self.damage, SEPARATOR.join(parts).encode())


def read_number(name: str, default: float) -> float:
    """A number from the environment."""
    return float(os.environ.get(name) or default)
