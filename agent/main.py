"""The wiring of one bed, in the order a reader wants it. No decision is made here."""

import os
import signal
import threading
import uuid
from datetime import timedelta
from types import FrameType
from typing import Final

import structlog

from agent import logs
from agent.broker import Broker, translate
from agent.clock import Clock
from agent.core import Core
from agent.inbox import Inbox
from agent.loop import Loop
from agent.panel_link import PanelLink
from agent.plan import BedPlan
from agent.ports import Port
from bedside import VERSION
from bedside.effects import Annunciate, Effect, Note, Transition, Write
from bedside.instants import Instant, in_milliseconds
from bedside.level import Level
from bedside.wire import Scribe, Topics
from drivers import DRIVERS

BOOT_DIGITS: Final = 12


def run(plan: BedPlan, rate: float = 1.0) -> int:
    """Watch this bed until SIGTERM or SIGINT. `rate` scales the one clock, for demonstrations."""
    clock = Clock(rate)
    lines = logs.configure(clock)
    log = structlog.get_logger()
    boot = uuid.uuid4().hex[:BOOT_DIGITS]
    inbox = Inbox(clock)
    core = Core(plan, DRIVERS, boot, clock.now())
    topics = Topics(plan.site, plan.bed)
    scribe = Scribe(topics, boot, VERSION)

    panel = PanelLink(plan.panel_socket, inbox, clock)
    ports = {
        device.name: Port(device.name, device.port, DRIVERS[device.driver].line, inbox)
        for device in plan.devices
    }
    broker = Broker(plan.broker, topics, scribe.will(), inbox.put)
    hands = BedHands(panel, ports, broker, scribe, clock)
    loop = Loop(core, inbox, clock, hands, lambda message: translate(message, topics))

    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.stop()

    def stop_for(failure: threading.ExceptHookArgs) -> None:
        # A thread that dies takes the process with it: ending is loud, going on by half is not.
        log.critical("thread died", exc_info=failure.exc_value)
        lines.flush(logs.LAST_WORDS_S)
        os._exit(1)

    threading.excepthook = stop_for
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    log.info("watching", site=plan.site, bed=plan.bed, boot=boot, version=VERSION, rate=rate)
    panel.start()
    for port in ports.values():
        port.start()
    broker.start()

    loop.run()

    panel.goodbye(session=core.in_session)
    broker.stop(scribe.stopped(mono=clock.now(), wall=clock.wall(), clock=clock.quality()))
    for port in ports.values():
        port.stop()
    log.info("stopped", session=core.in_session)
    return 0


class BedHands:
    """Carries out what the core asks for. Every verb only queues."""

    def __init__(
        self, panel: PanelLink, ports: dict[str, Port], broker: Broker, scribe: Scribe, clock: Clock
    ) -> None:
        self._panel = panel
        self._ports = ports
        self._broker = broker
        self._scribe = scribe
        self._clock = clock
        self._log = structlog.get_logger()

    def show(self, level: Level) -> None:
        """Renew the panel's lease with this level."""
        self._panel.renew(level)

    def carry_out(self, effect: Effect, at: Instant) -> None:
        """Write, publish or log what was decided at this instant."""
        match effect:
            case Annunciate(level):
                self.show(level)
            case Write(device, data, _):
                self._ports[device].write(data)
            case Transition(change, decided_at, state):
                self._log.info(
                    f"alarm {change.value}",
                    condition=state.id,
                    priority=state.priority.word if state.priority else "none",
                    episode=state.episode,
                    mono_ms=in_milliseconds(decided_at),
                    text=state.text,
                )
            case Note(event, fields):
                self._log.info(event, **dict(fields))
            case report if self._broker.up:
                lag = timedelta(seconds=self._clock.real_wait(self._clock.now() - at))
                wall, quality = self._clock.wall() - lag, self._clock.quality()
                self._broker.publish(self._scribe.write(report, mono=at, wall=wall, clock=quality))
            case _:
                pass
