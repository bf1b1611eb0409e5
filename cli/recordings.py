"""Two ways in which people write down what went over a line, turned back into what the device sent.

    listing    # a header                            hex    H 7D 81 A1 80 80 80 80 80 80
               > A !INST_SERIALNO|457D                      D 01 E0 85 B3 96 C1 E1 FF FF
               < A !COMMS_PROTOCOL^Asena|661A  # note

In a listing `<` marks what the device sent, a letter grades the evidence, and the carriage return behind a
message is left out. In hex `D` marks the device. Comments, empty lines and what the host sent are dropped.
Whatever does not keep to one of these forms throughout is taken as the bytes of the device.
"""

import re
from typing import Final

LISTING_LINE: Final = re.compile(rb"(?P<direction>[<>]) [A-Z] (?P<message>[ -~]+?)(?:\s+#.*)?")
HEX_LINE: Final = re.compile(rb"(?P<direction>[HD])(?P<message>(?: [0-9A-Fa-f]{2})+)\s*")
COMMENT: Final = b"#"
CARRIAGE_RETURN: Final = b"\r"


def is_written_down(head: bytes) -> bool:
    """Whether bytes that begin like this may be one of the two forms: worth reading to the end to see."""
    first = head.split(b"\n", 1)[0].rstrip()
    return first.startswith(COMMENT) or HEX_LINE.fullmatch(first) is not None


def device_bytes(recorded: bytes) -> bytes:
    """What the device sent, out of a listing or hex; any other bytes as they are."""
    lines = [line.rstrip() for line in recorded.splitlines()]
    kept = [line for line in lines if line and not line.startswith(COMMENT)]
    if not kept or not is_written_down(recorded):
        return recorded
    if all(HEX_LINE.fullmatch(line) for line in kept):
        return b"".join(bytes.fromhex(line[1:].decode("ascii")) for line in kept if line.startswith(b"D"))
    listed = [LISTING_LINE.fullmatch(line) for line in kept]
    if not all(listed):
        return recorded
    return b"".join(
        line["message"] + CARRIAGE_RETURN for line in listed if line is not None and line["direction"] == b"<"
    )
