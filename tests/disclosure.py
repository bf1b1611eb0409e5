"""docs/alarms.md, whole: what the alarms tell of themselves, the panel's signals, the devices' patience.

`python -m tests.disclosure` writes it; `./check` fails while it is not what the code says.
"""

from typing import Final

from agent.panel.self_test import LAMP_MS, TONE_HZ, TONE_MS
from agent.panel.signals import CUT_REST_MS, DUTY, LAMP_SIGNALS, Burst, Flashing, LampSignal, Steady, burst
from alarms.catalogue import CATALOGUE
from alarms.disclosure import disclosure, table
from alarms.limits import LIMITS
from bedside.instants import in_seconds
from bedside.level import CLEAN_STOP, FIRST_LEASE, LEASE
from bedside.priorities import Category, Priority
from drivers import DRIVERS
from tests.recordings import ROOT

PAGE: Final = ROOT / "docs" / "alarms.md"

HEAD: Final = """\
# Alarms

<!-- Written by `python -m tests.disclosure` from what the code goes by: edit that. -->
"""


def page() -> str:
    return "\n".join((HEAD, disclosure(CATALOGUE.values(), LIMITS), _signals(), _devices()))


def _signals() -> str:
    """What is heard and seen, from the panel's own constants."""
    urgent_first = sorted(Priority, reverse=True)
    heard = [(priority.name, *_heard(burst(priority, Category.GENERAL))) for priority in urgent_first]
    seen = [(priority.name, *_seen(LAMP_SIGNALS[priority])) for priority in urgent_first]
    pitched = [
        (category.value, _melody(burst(Priority.MEDIUM, category)), _melody(burst(Priority.HIGH, category)))
        for category in Category
    ]
    low = _melody(burst(Priority.LOW, Category.GENERAL))
    return f"""\
## Signals

Rhythm tells the priority and never varies; pitch tells what it is about. Times in ms.

{table(("priority", "pulses", "pulse", "gaps within the burst", "to the next burst"), heard)}

A burst that was begun is completed: half of a HIGH one, all of a MEDIUM or LOW one. A higher priority
interrupts it. When the sound falls to a lower priority, that one is heard after {CUT_REST_MS} ms. The
sounder's pin is high for {_percent(DUTY)} of each period. Loudness, rise and fall of a pulse are whatever
the fitted sounder makes of it: they must be judged by ear where it stands.

{table(("about", "MEDIUM, Hz", "HIGH, Hz"), pitched)}

LOW is {low} Hz for all of them.

{table(("priority", "lamp", "flashes"), seen)}

The blue lamp says that the sound is paused. At power-on each lamp is lit for {LAMP_MS} ms, then one tone of
{TONE_HZ} Hz sounds for {TONE_MS} ms: a person must notice one that is dead.

The panel is a process of its own. It sounds a HIGH alarm by itself when the connection to the agent breaks,
when no word comes for {in_seconds(LEASE):g} s, or none within {in_seconds(FIRST_LEASE):g} s of its start.
After a clean stop outside a session it shows the lamp only, for {in_seconds(CLEAN_STOP):g} s, then it sounds.
"""


def _heard(one: Burst) -> tuple[str, ...]:
    *within, last = one.pulses
    gaps = ", ".join(str(pulse.off_ms) for pulse in within)
    return str(len(one.pulses)), str(last.on_ms), gaps, str(last.off_ms)


def _melody(one: Burst) -> str:
    return " ".join(str(pulse.frequency_hz) for pulse in one.pulses[:5])


def _seen(signal: LampSignal) -> tuple[str, str]:
    match signal.pattern:
        case Steady():
            return signal.lamp.value, "steady"
        case Flashing(on_ms, off_ms):
            period_ms = on_ms + off_ms
            return (
                signal.lamp.value,
                f"{1000 / period_ms:g} a second, lit for {_percent(on_ms / period_ms)}",
            )


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _devices() -> str:
    """What bounds the age of a value, from the drivers' records."""
    rows = [
        (
            driver.title,
            ", ".join(vital.value for vital in driver.vitals),
            f"{driver.silence_limit_ms / 1000:g} s",
            f"{driver.stale_after_ms / 1000:g} s",
            ", ".join(source.value for source in driver.sources.values()) or "-",
        )
        for driver in DRIVERS.values()
    ]
    return f"""\
## Devices

A line without a valid frame for its silence limit counts as lost: its values are missing at once, cuff
readings keep their own age. Any other value that is not renewed for the stale limit is not shown as current.

{table(("device", "vitals", "silence", "stale", "breathing from"), rows)}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
