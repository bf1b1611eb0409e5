"""What the shell tells the core. Edges put these in the inbox, stamped; the core takes them one by one."""

from dataclasses import dataclass
from typing import TypeAlias

from bedside.commands import Request, Unreadable
from bedside.instants import Instant
from bedside.level import Press


@dataclass(frozen=True, slots=True)
class PortOpened:
    """A device's port is open."""

    device: str


@dataclass(frozen=True, slots=True)
class PortClosed:
    """A device's port is gone, or could not be opened; said once for each loss."""

    device: str
    detail: str


@dataclass(frozen=True, slots=True)
class PortData:
    """Whatever one read of a port returned."""

    device: str
    data: bytes


@dataclass(frozen=True, slots=True)
class BrokerUp:
    """A broker session was made: everything retained must be said again."""


@dataclass(frozen=True, slots=True)
class BrokerDown:
    """No broker session."""

    detail: str


@dataclass(frozen=True, slots=True)
class StationSeen:
    """A station's birth, or its will."""

    station: str
    online: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Something arrived on a command topic."""

    message: Request | Unreadable


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A message as the broker delivered it. The loop reads it with `agent.broker.translate`, not the core.

    A payload over the contract's bound is cut one byte past it, so that it is still refused as too large.
    """

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class PanelUp:
    """The panel is connected, or has found or lost a fault.

    `sounder` is what its self-test could establish. `faults` are wires it cannot drive, `remarks` whatever
    else is wrong with it; both are empty when all is well.
    """

    pins: str
    sounder: str
    faults: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PanelDown:
    """The panel is gone, or did not come in the time that is given to a start."""


@dataclass(frozen=True, slots=True)
class PanelDrives:
    """Whether the panel drives what it was asked to. Said when that has been wrong for some seconds, and
    when it is right again.
    """

    as_asked: bool


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """The bedside button."""

    press: Press


Event: TypeAlias = (
    PortOpened
    | PortClosed
    | PortData
    | BrokerUp
    | BrokerDown
    | StationSeen
    | Asked
    | PanelUp
    | PanelDown
    | PanelDrives
    | ButtonPressed
)

News: TypeAlias = Event | MessageArrived
"""What an edge may put in the inbox."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """News with the instant at which the shell first held it."""

    event: News
    at: Instant
