"""Paho behind three verbs: `start`, `publish`, `stop`. The one place that knows how a broker is reached.

A thread of its own connects, pumps the client and, when the connection ends, waits a little longer each time
before the next. Nobody waits for it: `publish` only queues. Callbacks only put in the inbox, inside a guard.

Each connection has a client of its own, so password and certificates are read anew and no queue carries old
news over: what is published without a session is dropped and counted, and on `BrokerUp` the core says all
that is retained again, as it is then.

MQTT 5 where the broker speaks it. One that does not says so (mosquitto 1) or just never answers (RabbitMQ
3.10; amqtt, when there is a will): then the other version is tried, until one has worked in this run.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.events import Asked, BrokerDown, BrokerUp, Event, MessageArrived, News, StationSeen
from agent.plan import BrokerPlan
from bedside.wire import (
    MAXIMUM_COMMAND_BYTES,
    Message,
    Subject,
    Topics,
    parse_command,
    parse_station,
    parse_topic,
)

FIRST_BACK_OFF_S: Final = 0.2
LONGEST_BACK_OFF_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 5.0
FAREWELL_S: Final = 2.0
"""How long a clean stop waits for its last message to be confirmed, and then for the thread."""

PUMP_S: Final = 0.5
"""How long the thread sleeps when nothing happens; a publish wakes it."""

PUMPS_WITHOUT_ANSWER: Final = 4
"""The first sends the request, the others wait for an answer to it: a second and a half."""

USER_TIMEOUT_MS: Final = 3000
"""Bytes unconfirmed for this long end the connection: a network that swallows packets is found in seconds."""

QUEUED_MESSAGES: Final = 200
MAXIMUM_PACKET_BYTES: Final = 65_536
UNSUPPORTED_VERSION: Final = 0x84
"""MQTT 5 reason code; paho gives it for return code 1 of the older versions too."""

VERSIONS: Final = {
    "auto": (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311),
    "5": (MQTTProtocolVersion.MQTTv5,),
    "3.1.1": (MQTTProtocolVersion.MQTTv311,),
}


@dataclass(slots=True)
class Attempt:
    """What became of one connection. `answered`: the broker said yes or no."""

    reached: bool = False
    pumps: int = 0
    answered: bool = False
    session: bool = False
    version_refused: bool = False
    detail: str = ""


def translate(message: MessageArrived, topics: Topics) -> Event | None:
    """What a message says to this bed, or None when it is nothing that a bed listens to."""
    place = parse_topic(message.topic)
    if place is None or place.site != topics.site:
        return None
    if place.subject is Subject.COMMAND and place.bed == topics.bed:
        return Asked(parse_command(message.topic, message.payload, retained=message.retained))
    if place.subject is Subject.STATION_STATUS:
        seen = parse_station(message.topic, message.payload)
        return None if seen is None else StationSeen(*seen)
    return None


class Broker:
    """The link to one broker.

    `will` is what the broker says when this link dies. `put` takes news and never waits. Counts since the
    start: `dropped` (not queued), `unconfirmed` (sent, the connection ended before the receipt), `refused`
    (the broker would not have it: its access list), `lost_news` (`put` raised).
    """

    def __init__(self, plan: BrokerPlan, topics: Topics, will: Message, put: Callable[[News], None]) -> None:
        self.dropped = 0
        self.unconfirmed = 0
        self.refused = 0
        self.lost_news = 0
        self._plan = plan
        self._topics = topics
        self._will = will
        self._put = put
        self._versions = VERSIONS[plan.protocol]
        self._version_proven = False
        self._attempt = Attempt()
        self._client: Client | None = None
        self._up = threading.Event()
        self._said_down = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_connected, name="broker", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the network thread runs. It outlives every failure of broker and network."""
        return self._thread.is_alive()

    @property
    def up(self) -> bool:
        """Whether there is a session."""
        return self._up.is_set()

    @property
    def protocol(self) -> str:
        """The version in use, or tried next: "5" or "3.1.1"."""
        return "5" if self._versions[0] is MQTTProtocolVersion.MQTTv5 else "3.1.1"

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._thread.start()

    def publish(self, message: Message) -> bool:
        """Queue a message and return at once. False when it was dropped."""
        client = self._client
        if client is not None and self.up:
            info = client.publish(message.topic, message.payload, message.qos, message.retained)
            if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                return True
        self.dropped += 1
        return False

    def stop(self, farewell: Message | None = None) -> bool:
        """Say the last word, wait a bounded time for its receipt, disconnect. Whether the broker has it."""
        client, heard = self._client, False
        if client is not None and self.up and farewell is not None:
            info = client.publish(farewell.topic, farewell.payload, farewell.qos, farewell.retained)
            try:
                info.wait_for_publish(FAREWELL_S)
                heard = info.is_published()
            except (ValueError, RuntimeError):
                heard = False
        self._stopping.set()
        if client is not None and self.up:
            # After a proper goodbye the broker forgets the will.
            client.disconnect()
        if self.alive:
            self._thread.join(FAREWELL_S)
        return heard

    # --- the network thread ---------------------------------------------------------------------

    def _keep_connected(self) -> None:
        back_off = FIRST_BACK_OFF_S
        while not self._stopping.is_set():
            attempt = self._attempt = Attempt()
            self._connect_and_pump(attempt)
            self._up.clear()
            if self._stopping.is_set():
                return
            if self._turn_to_other_version(attempt) and self.protocol == "3.1.1":
                continue
            self._tell_down(attempt)
            if attempt.session:
                back_off = FIRST_BACK_OFF_S
            self._stopping.wait(back_off)
            back_off = min(2 * back_off, LONGEST_BACK_OFF_S)

    def _connect_and_pump(self, attempt: Attempt) -> None:
        client: Client | None = None
        try:
            client = self._client = self._new_client()
            client.reconnect()
            attempt.reached = True
            while client.loop(PUMP_S) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                attempt.pumps += 1
                if self._overdue(attempt) or (self._stopping.is_set() and not self.up):
                    break
        except Exception as error:  # noqa: BLE001 - this thread must outlive whatever network and library can do
            attempt.detail = str(error) or type(error).__name__
        if client is not None:
            self.unconfirmed += len(client.drop_out_messages())
        self._client = None

    def _overdue(self, attempt: Attempt) -> bool:
        """Whether a broker that may not know this version has been quiet for long enough to try the other."""
        may_turn = len(self._versions) > 1 and not self._version_proven
        return may_turn and not attempt.answered and attempt.pumps >= PUMPS_WITHOUT_ANSWER

    def _turn_to_other_version(self, attempt: Attempt) -> bool:
        """Whether this broker may not speak the version just tried, and there is another."""
        silent = attempt.reached and not attempt.answered and not self._version_proven
        if len(self._versions) == 1 or not (attempt.version_refused or silent):
            return False
        self._versions = self._versions[::-1]
        self._version_proven = False
        return True

    def _tell_down(self, attempt: Attempt) -> None:
        # Once for each loss, and once at the start if nobody is there.
        if not self._said_down:
            self._said_down = True
            self._tell(BrokerDown(attempt.detail or "no answer"))

    def _tell(self, news: News) -> None:
        try:
            self._put(news)
        except Exception:  # noqa: BLE001 - a full inbox is the inbox's trouble; here it must not end the connection
            self.lost_news += 1

    def _new_client(self) -> Client:
        """A client for one connection. OSError or ValueError when password or certificates cannot be read."""
        plan, version = self._plan, self._versions[0]
        five = version is MQTTProtocolVersion.MQTTv5
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"vigil-{self._topics.site}-{self._topics.bed}",
            clean_session=None if five else True,
            protocol=version,
            # Else paho would try MQTT 3.1 by itself.
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_queued_messages_set(QUEUED_MESSAGES)
        client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retained)
        if plan.username is not None:
            password = (
                Path(plan.password_file).read_text(encoding="utf-8").strip() if plan.password_file else None
            )
            client.username_pw_set(plan.username, password)
        if plan.tls_ca_file is not None or plan.tls_certificate_file is not None:
            context = ssl.create_default_context(cafile=plan.tls_ca_file)
            if plan.tls_certificate_file is not None:
                context.load_cert_chain(plan.tls_certificate_file, plan.tls_key_file)
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_open = self._on_socket_open
        # With it set, publish never writes to the socket in the caller's thread.
        client.on_socket_register_write = self._on_socket_register_write
        properties = None
        if five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's omission
            properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
            client.connect_async(
                plan.host, plan.port, plan.keepalive_s, clean_start=True, properties=properties
            )
        else:
            client.connect_async(plan.host, plan.port, plan.keepalive_s)
        return client

    # --- callbacks, in the network thread --------------------------------------------------------

    def _on_connect(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._attempt.answered = True
        if reason.is_failure:
            self._attempt.version_refused = reason.value == UNSUPPORTED_VERSION
            self._attempt.detail = str(reason)
            return
        self._attempt.session = True
        self._version_proven = True
        self._said_down = False
        client.subscribe(self._subscriptions())
        self._up.set()
        self._tell(BrokerUp())

    def _subscriptions(self) -> list[tuple[str, int]] | list[tuple[str, SubscribeOptions]]:
        filters = self._topics.subscriptions
        if self._versions[0] is MQTTProtocolVersion.MQTTv311:
            return list(filters)
        # So that a command sent as retained is known for it at once, not only after the next connect.
        return [(topic, SubscribeOptions(qos=qos, retainAsPublished=True)) for topic, qos in filters]

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._up.clear()
        if not self._attempt.detail:
            self._attempt.detail = str(reason)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        payload = bytes(message.payload[: MAXIMUM_COMMAND_BYTES + 1])
        self._tell(MessageArrived(topic, payload, message.retain))

    def _on_publish(
        self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        if reason.is_failure:
            self.refused += 1

    def _on_socket_open(self, _client: Client, _data: object, sock: object) -> None:
        if not isinstance(sock, socket.socket):
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    def _on_socket_register_write(self, _client: Client, _data: object, _sock: object) -> None:
        # The thread's own pump writes.
        pass
