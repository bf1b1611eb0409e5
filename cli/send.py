"""vigil send: one command to a bed; waits for its reply and prints it as JSON.

    vigil send bed-1 acknowledge alarm=S2
    vigil send bed-1 set-patient reference=p-17 weight_kg=70

For `acknowledge` the alarm is enough: episode and priority are taken from what the bed shows. Exit code:
0 done, 1 refused, 2 wrong use, 3 no bed or no answer.
"""

import argparse
import getpass
import json
import sys
from typing import Final

from bedside.wire import ACTIONS, UNSUPPORTED_ACTIONS, Answer, Birth, Stopped, Subject, Will
from cli import connection
from simulators.listener import Listener

REFUSED: Final = 1
WRONG_USE: Final = 2
NO_ANSWER: Final = 3
FIND_S: Final = 3.0
ANSWER_S: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    connection.add_arguments(parser)
    parser.add_argument("--station", type=connection.name, default="vigil-send", help="default vigil-send")
    parser.add_argument("--by", default=None, metavar="PERSON", help="who asks (default: the login name)")
    parser.add_argument("--timeout", type=float, default=ANSWER_S, metavar="S", help=f"default {ANSWER_S:g}")
    parser.add_argument("bed", type=connection.name)
    parser.add_argument("action", choices=sorted(ACTIONS.keys() | UNSUPPORTED_ACTIONS), metavar="ACTION",
                        help=", ".join(ACTIONS))  # fmt: skip
    parser.add_argument("args", nargs="*", metavar="k=v", type=_pair)


def run(arguments: argparse.Namespace) -> int:
    given: dict[str, object] = dict(arguments.args)
    if len(given) < len(arguments.args):
        return _complain("an argument is given twice", WRONG_USE)
    try:
        broker = connection.address(arguments)
    except OSError as error:
        return _complain(f"certificates: {error}", WRONG_USE)
    try:
        with Listener(broker, arguments.site, arguments.station, bed=arguments.bed) as station:
            return _send(station, arguments, given)
    except OSError as error:
        return _complain(f"broker {broker.host}:{broker.port}: {error}", NO_ANSWER)


def _send(station: Listener, arguments: argparse.Namespace, given: dict[str, object]) -> int:
    bed, action = arguments.bed, arguments.action
    status = station.find(bed, Subject.STATUS, FIND_S)
    if status is None:
        return _complain(f"no bed {bed} at {station.site}", NO_ANSWER)
    if not isinstance(status, Birth):
        state = status.state if isinstance(status, Stopped | Will) else "in an unknown state"
        return _complain(f"{bed} is {state}", NO_ANSWER)
    # The heartbeat is a few seconds old at most, the birth may be hours: the bed's time is taken from both.
    station.find(bed, Subject.ALARMS, FIND_S)
    if action == "acknowledge" and given.keys() == {"alarm"}:
        try:
            given.update(station.acknowledgement(bed, str(given["alarm"])))
        except LookupError as error:
            return _complain(str(error), REFUSED)
    try:
        answer = station.ask(bed, action, given, arguments.by or _login(), arguments.timeout)
    except ValueError:
        return _complain("--by: expected 1 to 64 printable characters", WRONG_USE)
    if answer is None:
        return _complain(f"{bed} did not answer within {arguments.timeout:g} s", NO_ANSWER)
    print(_printed(answer))
    return 0 if answer.done else REFUSED


def _printed(answer: Answer) -> str:
    return json.dumps(answer.model_dump(mode="json", include={"id", "done", "refusal", "detail"}))


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _pair(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r}: expected key=value")
    return key, _value(key, value)


NUMBERS: Final = {"weight_kg": float, "age_years": int}
"""Arguments that are numbers; the others are words, also `reference=17`."""


def _value(key: str, text: str) -> object:
    try:
        return NUMBERS[key](text) if key in NUMBERS else text
    except ValueError:
        raise argparse.ArgumentTypeError(f"{key}={text}: expected a number") from None


def _complain(what: str, code: int) -> int:
    print(f"vigil send: {what}", file=sys.stderr)
    return code
