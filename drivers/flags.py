"""What a codec has told about its device's flags, so that a flag is news only when it changes."""

from collections.abc import Mapping

from bedside.facts import Flag, FlagName


class FlagMemory:
    """A listener starts from "all off" and is told of every change; after a loss of the line it is told again."""

    def __init__(self) -> None:
        self._told: dict[FlagName, bool | None] = {}

    def news(self, states: Mapping[FlagName, bool]) -> list[Flag]:
        """The flags among `states` that a listener does not know yet."""
        changed = [Flag(name, on) for name, on in states.items() if self._told.get(name, False) is not on]
        self._told.update(states)
        return changed

    def forget(self) -> None:
        """The line was lost: what was on is no longer known, and its next state is news, on or off."""
        self._told = {name: None for name, on in self._told.items() if on is not False}
