"""The words of the bedside: what every room of the house must agree on, and nothing else.

A map of the house, floor by floor. A floor may use the ones below it, never the ones above or beside it.

    cli/                                the `vigil` command, one file a sub-command
    agent/      simulators/             the shell with its pure core    |    the far end of the wires
    drivers/    alarms/                 bytes <-> facts, pure           |    facts -> transitions, pure
    bedside/                            the words, pure (its one exception is `wire`)

Everything that decides has one face: `on(event, now)` takes one event and returns a list of values,
`tick(now)` says that time has passed, `deadline` is the instant by which `tick` must be called.
Nothing on these floors can ask for the time, open a file or print.

    instants    an instant is a whole number of nanoseconds
    vitals      the closed list of vitals: unit, codes, resolution, what is physically possible
    facts       what a device can tell us
    priorities  how urgent an alarm condition is
    level       everything the panel must show and sound, whole each time
    commands    what a person can ask for
    effects     what the core may ask of the world
    wire        every MQTT topic and payload (pydantic; used by the shell, the station and the listener)
"""

from typing import Final

VERSION: Final = "0.1.0"
"""Version of the whole house; the same as in pyproject.toml."""
