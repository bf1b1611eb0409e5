"""vigil <sub-command>: finds the sub-command's module, lets it add its arguments, and runs it.

Each module offers two functions, and is imported only when its sub-command is called:

    add_arguments(parser: argparse.ArgumentParser) -> None
    run(arguments: argparse.Namespace) -> int               the exit code

Wrong use and wrong settings exit 2. A reader that went away (`vigil decode … | head`) and Ctrl-C end quietly.
"""

import argparse
import difflib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, cast

from cli import VERSION


class SubCommand(NamedTuple):
    module: str
    summary: str


SUB_COMMANDS: Mapping[str, SubCommand] = {
    "demo": SubCommand("cli.demo", "a scripted session with simulated devices, agent, panel and broker"),
    "run": SubCommand("cli.run", "the agent, in the foreground"),
    "panel": SubCommand("cli.panel", "the panel process: sounder, lamps, button, text"),
    "check": SubCommand("cli.check", "validate a settings file"),
    "drivers": SubCommand("cli.drivers", "list the devices that Vigil can read"),
    "decode": SubCommand("cli.decode", "device bytes to one JSON object a line"),
    "simulate": SubCommand("cli.simulate", "simulated devices on pseudo-terminals, attached to one body"),
    "play": SubCommand("cli.play", "a recording on a pseudo-terminal"),
    "watch": SubCommand("cli.watch", "a bed, or all beds, live in the terminal"),
    "send": SubCommand("cli.send", "send one command to a bed and wait for its reply"),
}

WRONG_USE = 2
INTERRUPTED = 128 + signal.SIGINT  # what a shell reports for a program that Ctrl-C ended
READER_GONE = 128 + signal.SIGPIPE


class Module(Protocol):
    """What a sub-command's module offers."""

    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def usage() -> str:
    width = max(map(len, SUB_COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in SUB_COMMANDS.items())
    return (
        "usage: vigil [--help] [--version] COMMAND ...\n\n"
        "Watches and alarms at the bedside while ketamine is given; never drives a pump.\n\n"
        f"{listed}\n\nvigil COMMAND --help tells more about each."
    )


def call(name: str, words: Sequence[str]) -> int:
    command = SUB_COMMANDS[name]
    module = cast("Module", importlib.import_module(command.module))
    parser = argparse.ArgumentParser(prog=f"vigil {name}", description=command.summary)
    module.add_arguments(parser)
    return module.run(parser.parse_args(words))


def main(words: Sequence[str]) -> int:
    if not words:
        print(usage(), file=sys.stderr)
        return WRONG_USE
    name, *rest = words
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name == "--version":
        print(f"vigil {VERSION}")
        return 0
    if name in SUB_COMMANDS:
        return call(name, rest)
    nearest = difflib.get_close_matches(name, SUB_COMMANDS, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    print(f"vigil: unknown command {name}{hint}\ntry: vigil --help", file=sys.stderr)
    return WRONG_USE


def quietly(words: Sequence[str]) -> int:
    """`main`, with the two endings that are nobody's error."""
    try:
        code = main(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer has no reader either; without this the interpreter complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


if __name__ == "__main__":
    sys.exit(quietly(sys.argv[1:]))
