"""The nurse station, as small as it can be: hears beds, asks them for things, can lose its connection.

The station of tests, of `vigil watch` and of `vigil send`. It speaks MQTT 3.1.1, which every broker does. A
station that `announces` itself says that somebody is there, and its will says when it is gone; a passer-by
should do neither.
"""

import ssl
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bedside.instants import Instant
from bedside.wire import (
    Alarms,
    Answer,
    BedPayload,
    Birth,
    Command,
    Message,
    Subject,
    Topics,
    Will,
    command_message,
    read_report,
    station_message,
    subscription,
)

KEEPALIVE_S: Final = 5
CONNECT_TIMEOUT_S: Final = 5.0
KEPT_MESSAGES: Final = 10_000
KEPT_STARTS: Final = 1_000
VALIDITY_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is. `tls` None is plain TCP."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """`mqtt://` or `mqtts://[user[:password]@]host[:port]`; ValueError says what is wrong."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"broker {url!r}: expected mqtt://host:port or mqtts://host:port")
        secure = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=parts.port or (8883 if secure else 1883),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=ssl.create_default_context() if secure else None,
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it arrived. `at` is on this process's monotonic clock; a retained one may be old."""

    topic: str
    payload: bytes
    retained: bool
    at: Instant


@dataclass(frozen=True, slots=True)
class BedTime:
    """The youngest instant heard of a bed, in its own time."""

    boot: str
    mono_ms: int
    heard: Instant


class Listener:
    """A station named `station` at a site; hears one bed, or all. A context manager: in it, it is connected.

    `on_heard` is called in the network thread with each message. OSError on entering when nobody is there,
    PermissionError when the broker declines.
    """

    def __init__(  # noqa: PLR0913 - who, where, and what for; all but two have a default
        self,
        broker: BrokerAddress,
        site: str,
        station: str = "listener",
        *,
        bed: str | None = None,
        announces: bool = False,
        on_heard: Callable[[Heard], None] | None = None,
    ) -> None:
        self.site = site
        self.station = station
        self._broker = broker
        self._filter = subscription(site, bed)
        self._announces = announces
        self._on_heard = on_heard
        self._changed = threading.Condition()
        self._messages: deque[Heard] = deque(maxlen=KEPT_MESSAGES)
        self._retained: dict[str, Heard] = {}
        self._times: OrderedDict[tuple[str, str], BedTime] = OrderedDict()
        self._listening = False
        self._gone = False
        self._declined = ""
        self._client = self._new_client()

    def __enter__(self) -> Self:
        self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._listening or self._declined, CONNECT_TIMEOUT_S)
        if not self._listening:
            self.close()
            raise PermissionError(self._declined or "the broker does not answer")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye and leave."""
        if self._gone:
            return
        if self._announces and self._client.is_connected():
            self._publish(station_message(self.site, self.station, online=False)).wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Lose the connection without a goodbye: the broker says the will."""
        self._gone = True
        self._client.loop_stop()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    @property
    def messages(self) -> list[Heard]:
        """What was heard, oldest first; only so many are kept."""
        with self._changed:
            return list(self._messages)

    def wait_for(self, wanted: Callable[[Heard], bool], timeout_s: float = 5.0) -> Heard | None:
        """The first message heard, already or within the time, that is wanted."""
        found: list[Heard] = []

        def look() -> bool:
            found.extend(heard for heard in self._messages if wanted(heard))
            return bool(found)

        with self._changed:
            self._changed.wait_for(look, timeout_s)
        return found[0] if found else None

    def forget(self) -> None:
        """Drop what was heard so far, so that `wait_for` looks at what comes from here on."""
        with self._changed:
            self._messages.clear()

    def latest(self, bed: str, subject: Subject, part: str = "") -> BedPayload | None:
        """The last message of a bed on a retained topic, if it could be read."""
        with self._changed:
            heard = self._retained.get(Topics(self.site, bed).of(subject, part))
        read = heard and read_report(heard.topic, heard.payload)
        return read[1] if read else None

    def find(self, bed: str, subject: Subject, timeout_s: float = 5.0) -> BedPayload | None:
        """The last message of a bed on a retained topic, waiting for it if need be."""
        topic = Topics(self.site, bed).of(subject)
        with self._changed:
            self._changed.wait_for(lambda: topic in self._retained, timeout_s)
        return self.latest(bed, subject)

    def bed_time(self, bed: str) -> BedTime | None:
        """The bed's own time when last heard; None for a bed that is not there."""
        birth = self.latest(bed, Subject.STATUS)
        if not isinstance(birth, Birth):
            return None
        with self._changed:
            return self._times.get((bed, birth.boot))

    def ask(
        self, bed: str, action: str, args: Mapping[str, Any], by: str, timeout_s: float = 5.0
    ) -> Answer | None:
        """One command, and its answer. None when there is no such bed, or no answer in time."""
        at = self.bed_time(bed)
        if at is None:
            return None
        now_ms = at.mono_ms + (time.monotonic_ns() - at.heard) // 1_000_000
        # Nor further ahead than a bed accepts, however long it has been quiet.
        until_ms = min(now_ms, at.mono_ms + VALIDITY_MS) + VALIDITY_MS
        command = Command(
            id=str(uuid.uuid4()), action=action, args=dict(args), by=by, boot=at.boot, until_mono_ms=until_ms
        )
        self._publish(command_message(Topics(self.site, bed), self.station, command))
        return self.answer_to(command.id, bed, timeout_s)

    def answer_to(self, identity: str, bed: str, timeout_s: float = 5.0) -> Answer | None:
        """A bed's answer to the command with this id."""
        topic = Topics(self.site, bed).of(Subject.REPLY, self.station)

        def answer(heard: Heard) -> Answer | None:
            read = read_report(heard.topic, heard.payload) if heard.topic == topic else None
            payload = read[1] if read else None
            return payload if isinstance(payload, Answer) and payload.id == identity else None

        heard = self.wait_for(lambda heard: answer(heard) is not None, timeout_s)
        return answer(heard) if heard else None

    def acknowledge(self, bed: str, condition: str, by: str, timeout_s: float = 5.0) -> Answer | None:
        """Acknowledge a condition's episode as last shown. LookupError when it is not there."""
        return self.ask(bed, "acknowledge", self.acknowledgement(bed, condition), by, timeout_s)

    def acknowledgement(self, bed: str, condition: str) -> dict[str, str]:
        """The arguments that acknowledge a condition as last shown. LookupError when it is not there."""
        alarms = self.latest(bed, Subject.ALARMS)
        if isinstance(alarms, Alarms):
            for shown in alarms.conditions:
                if shown.id == condition and shown.presence.value != "ended":
                    return {"alarm": shown.id, "episode": shown.episode, "priority": shown.priority.word}
        raise LookupError(f"{condition} is not present at {bed}")

    def send(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Any bytes to any topic: a station that misbehaves."""
        self._publish(Message(topic, payload, 1, retained)).wait_for_publish(5)

    # --- paho ------------------------------------------------------------------------------------

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            # A second station of the same name must not end the first one's session.
            client_id=f"vigil-{self.station[:20]}-{uuid.uuid4().hex[:8]}",
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.reconnect_delay_set(1, 5)
        client.max_queued_messages_set(100)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        if self._announces:
            will = station_message(self.site, self.station, online=False)
            client.will_set(will.topic, will.payload, will.qos, will.retained)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _publish(self, message: Message) -> MQTTMessageInfo:
        info = self._client.publish(message.topic, message.payload, message.qos, message.retained)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionError(f"not sent: {info.rc.name}")
        return info

    def _on_connect(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            with self._changed:
                self._declined = str(reason)
                self._changed.notify_all()
            return
        client.subscribe(self._filter, qos=1)
        if self._announces:
            birth = station_message(self.site, self.station, online=True)
            client.publish(birth.topic, birth.payload, birth.qos, birth.retained)

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        _mid: int,
        _reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        with self._changed:
            self._listening = True
            self._changed.notify_all()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        heard = Heard(topic, bytes(message.payload), message.retain, time.monotonic_ns())
        with self._changed:
            self._messages.append(heard)
            self._remember(heard)
            self._changed.notify_all()
        if self._on_heard is not None:
            self._on_heard(heard)

    def _remember(self, heard: Heard) -> None:
        read = read_report(heard.topic, heard.payload)
        if read is None:
            return
        place, payload = read
        if place.subject not in (Subject.VITALS, Subject.PLETH, Subject.REPLY):
            self._retained[heard.topic] = heard
        if isinstance(payload, Will):
            return
        # Retained messages come in any order, and some may be left over from an earlier boot.
        start = (place.bed, payload.boot)
        known = self._times.get(start)
        if known is None or known.mono_ms <= payload.mono_ms:
            self._times[start] = BedTime(payload.boot, payload.mono_ms, heard.at)
            self._times.move_to_end(start)
            if len(self._times) > KEPT_STARTS:
                self._times.popitem(last=False)
