"""What one bed is set up to be: the plain records that settings become and that the core is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device: its name at this bed, its driver (a key of DRIVERS) and the port it is found on."""

    name: str
    driver: str
    port: str


@dataclass(frozen=True, slots=True)
class NibpPlan:
    """How cuff measurements are made here.

    `start_by_agent`: the agent keeps the schedule by starting measurements itself.
    `cuff_on_probe_limb`: inflation is expected to blank the pulse (P5 then waits longer).
    """

    start_by_agent: bool = False
    cuff_on_probe_limb: bool = False
    dosing_interval_min: int = 10


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """Where this bed publishes. `protocol` is "auto" (MQTT 5, else 3.1.1), "5" or "3.1.1"."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: str = "auto"
    keepalive_s: int = 5
    username: str | None = None
    password_file: str | None = None
    tls_ca_file: str | None = None
    tls_certificate_file: str | None = None
    tls_key_file: str | None = None


@dataclass(frozen=True, slots=True)
class BedPlan:
    """Everything the agent goes by. `limits` holds the site's own values by limit key (`alarms.limits`)."""

    site: str
    bed: str
    devices: tuple[DevicePlan, ...]
    limits: Mapping[str, float] = field(default_factory=dict)
    nibp: NibpPlan = NibpPlan()
    broker: BrokerPlan = BrokerPlan()
    stations: tuple[str, ...] = ()
    remote_pause_audio: bool = False
    panel_socket: str = "/run/vigil/panel.sock"
