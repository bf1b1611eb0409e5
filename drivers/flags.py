"""What a codec has told about its device's flags, so that a flag is news only when it changes."""

from collections.abc import Collection, Mapping

from bedside.facts import Flag, FlagName


class FlagMemory:
    """A listener starts from "all off", hears of every change, and again after a loss of the line."""

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


class CauseMemory:
    """As `FlagMemory`, for a device that names the cause of a flag: another cause is news too."""

    def __init__(self) -> None:
        self._told: dict[FlagName, str | None] = {}

    def news(self, causes: Mapping[FlagName, str], unsure: Collection[FlagName] = ()) -> list[Flag]:
        """What changed now that `causes` are on: first what ended, then what began.

        Every other flag is off, but for those of `unsure`: the device has not said, and they stay as told.
        """
        kept = {name: told for name, told in self._told.items() if name in unsure and name not in causes}
        ended = [
            Flag(name, on=False, detail=told or "")
            for name, told in self._told.items()
            if name not in kept and (name not in causes or told not in (None, causes[name]))
        ]
        began = [
            Flag(name, on=True, detail=cause)
            for name, cause in causes.items()
            if self._told.get(name) != cause
        ]
        self._told = {**kept, **causes}
        return ended + began

    def forget(self) -> None:
        """The line was lost: what was on is no longer known, and its next state is news, on or off."""
        self._told = dict.fromkeys(self._told)
