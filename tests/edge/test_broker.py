"""The bed's link to real brokers: births, wills, fallbacks, losses."""

import contextlib
import json
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.broker import Broker, translate
from agent.events import Asked, BrokerDown, BrokerUp, MessageArrived, News, StationSeen
from agent.plan import BrokerPlan
from bedside.commands import PauseAudio, Refusal, Reply, Request, Unreadable
from bedside.effects import DeviceEntry, PlethReport, Report, StatusReport
from bedside.wire import Answer, Birth, Message, Scribe, Subject, Topics, Will, read_report
from simulators.listener import BrokerAddress, Heard, Listener
from tests.edge.mosquitto import BASE, Mosquitto, amqtt_broker, free_port

TOPICS = Topics("clinic", "bed-1")
STATUS = TOPICS.of(Subject.STATUS)
BIRTH = StatusReport((DeviceEntry("oximeter", "nonin-8000q", "oximeter"),))


class Bed:
    """A link with its inbox, and a scribe with a clock that stands."""

    def __init__(self, plan: BrokerPlan, boot: str = "boot-1") -> None:
        self.inbox: queue.Queue[News] = queue.Queue()
        self.scribe = Scribe(TOPICS, boot, "0.1.0")
        self.link = Broker(plan, TOPICS, self.scribe.will(), self.inbox.put_nowait)

    def message(self, report: Report) -> Message:
        return self.scribe.write(
            report, mono=1_000_000_000, wall=datetime(2026, 3, 1, tzinfo=UTC), clock="synchronised"
        )

    def farewell(self) -> Message:
        return self.scribe.stopped(
            mono=2_000_000_000, wall=datetime(2026, 3, 1, tzinfo=UTC), clock="synchronised"
        )

    def say(self, report: Report) -> bool:
        return self.link.publish(self.message(report))

    def news(self, timeout_s: float = 5.0) -> News:
        return self.inbox.get(timeout=timeout_s)

    def start(self) -> None:
        self.link.start()
        assert self.news() == BrokerUp()


@contextlib.contextmanager
def bed_at(port: int, *, protocol: str = "auto", keepalive_s: int = 5) -> Iterator[Bed]:
    bed = Bed(BrokerPlan(port=port, protocol=protocol, keepalive_s=keepalive_s))
    try:
        yield bed
    finally:
        bed.link.stop()
        assert not bed.link.alive


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def station_at(port: int, *, announces: bool = False) -> Listener:
    return Listener(BrokerAddress(port=port), "clinic", "desk", announces=announces)


def status_is(state: str) -> Callable[[Heard], bool]:
    return lambda heard: heard.topic == STATUS and json.loads(heard.payload)["state"] == state


def eventually(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_speaks_mqtt_5_where_it_is_spoken(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port) as bed:
        bed.start()
        assert bed.link.protocol == "5"


def test_version_can_be_set(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port, protocol="3.1.1") as bed:
        bed.start()
        assert bed.link.protocol == "3.1.1"


def test_birth_is_retained(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port) as bed:
        bed.start()
        assert bed.say(BIRTH)
        with station_at(mosquitto.port) as first:
            assert first.wait_for(status_is("online"))
        with station_at(mosquitto.port) as second:
            heard = second.wait_for(status_is("online"))
            assert heard is not None
            assert heard.retained
            assert isinstance(second.latest("bed-1", Subject.STATUS), Birth)


def test_clean_stop_says_so_and_the_will_is_forgotten(mosquitto: Mosquitto) -> None:
    with station_at(mosquitto.port) as station, bed_at(mosquitto.port) as bed:
        bed.start()
        bed.say(BIRTH)
        assert station.wait_for(status_is("online"))
        began = time.monotonic()
        assert bed.link.stop(bed.farewell())
        assert time.monotonic() - began < 2
        assert station.wait_for(status_is("stopped"))
        assert station.wait_for(status_is("offline"), timeout_s=0.5) is None


def test_a_bed_that_dies_leaves_its_will(mosquitto: Mosquitto) -> None:
    with station_at(mosquitto.port) as station, bed_at(mosquitto.port) as bed:
        bed.start()
        bed.say(BIRTH)
        assert station.wait_for(status_is("online"))
        client = bed.link._client
        assert client is not None
        sock = client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        heard = station.wait_for(status_is("offline"))
        assert heard is not None
        assert json.loads(heard.payload) == {"contract": 1, "boot": "boot-1", "state": "offline"}


def test_comes_back_after_the_broker_was_killed(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port) as bed:
        bed.start()
        mosquitto.kill()
        assert isinstance(bed.news(), BrokerDown)
        assert eventually(lambda: not bed.link.up)
        assert not bed.say(BIRTH)
        assert bed.link.dropped == 1
        time.sleep(0.5)  # several attempts fail: said once
        assert bed.inbox.empty()
        assert bed.link.alive
        mosquitto.start()
        assert bed.news(timeout_s=10) == BrokerUp()
        assert bed.link.protocol == "5"
        # The will is there again, and so is what the core says again.
        bed.say(BIRTH)
        with station_at(mosquitto.port) as station:
            assert station.wait_for(status_is("online"))


def test_starts_without_a_broker_and_says_so_once(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    with bed_at(broker.port) as bed:
        bed.link.start()
        down = bed.news()
        assert isinstance(down, BrokerDown)
        assert "refused" in down.detail
        broker.start()
        try:
            assert bed.news(timeout_s=10) == BrokerUp()
        finally:
            broker.kill()


def test_falls_back_where_mqtt_5_is_refused() -> None:
    with amqtt_broker() as port, bed_at(port) as bed:
        bed.start()  # nothing about a loss comes before
        assert bed.link.protocol == "3.1.1"
        bed.say(BIRTH)
        with station_at(port, announces=True) as station:
            assert station.wait_for(status_is("online"))
            seen = translate_next(bed)
            assert seen == StationSeen("desk", online=True)
            bed.link.stop(bed.farewell())
            assert station.wait_for(status_is("stopped"))


def translate_next(bed: Bed) -> object:
    news = bed.news()
    assert isinstance(news, MessageArrived)
    return translate(news, TOPICS)


ACCEPTED = b"\x20\x02\x00\x00"
VERSION_REFUSED = b"\x20\x02\x00\x01"


@contextlib.contextmanager
def old_broker(answer_to_5: bytes | None) -> Iterator[tuple[int, list[int]]]:
    """A far end that knows 3.1.1 only; None hangs up on version 5. Yields its port, and versions asked."""
    server = socket.create_server(("127.0.0.1", 0))
    versions: list[int] = []
    peers: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = server.accept()
                peers.append(peer)
                connect = peer.recv(4096)
                level = connect[connect.index(b"MQTT") + 4]
                versions.append(level)
                answer = ACCEPTED if level == 4 else answer_to_5
                if answer is None:
                    peer.close()
                else:
                    peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], versions
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("answer", [b"", None, VERSION_REFUSED], ids=["silent", "hangs-up", "refuses"])
def test_falls_back_without_a_word_about_it(answer: bytes | None) -> None:
    """RabbitMQ 3.10 gives a version 5 CONNECT no answer; mosquitto 1 refuses it with return code 1."""
    with old_broker(answer) as (port, versions), bed_at(port) as bed:
        bed.start()
        assert bed.link.protocol == "3.1.1"
        assert versions == [5, 4]


def test_a_set_version_5_is_not_given_up() -> None:
    with old_broker(VERSION_REFUSED) as (port, versions), bed_at(port, protocol="5") as bed:
        bed.link.start()
        assert bed.news() == BrokerDown("Unsupported protocol version")
        assert eventually(lambda: versions[:2] == [5, 5])


def test_commands_arrive_raw_and_are_read_by_the_loop(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port) as bed, station_at(mosquitto.port) as station:
        bed.start()
        bed.say(BIRTH)
        assert station.wait_for(status_is("online"))

        def answer() -> None:
            asked = translate_next(bed)
            assert isinstance(asked, Asked)
            assert isinstance(asked.message, Request)
            assert asked.message.action == PauseAudio()
            assert asked.message.station == "desk"
            assert asked.message.boot == "boot-1"
            # The bed was heard at 1 s of its time; the request holds for 30 s from when it was made.
            assert 31_000_000_000 <= asked.message.until <= 33_000_000_000
            bed.say(Reply(asked.message.id, "desk", Refusal.NOT_ALLOWED, "not from afar"))

        thread = threading.Thread(target=answer)
        thread.start()
        got = station.ask("bed-1", "pause-audio", {}, by="Ann")
        thread.join(5)
        assert isinstance(got, Answer)
        assert not got.done
        assert got.refusal is Refusal.NOT_ALLOWED


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        (b"", Refusal.MALFORMED),
        (b"\xff\xfe", Refusal.MALFORMED),
        (b"[" * 3000, Refusal.MALFORMED),
        (b'{"id": "' + b"x" * 100_000 + b'"}', Refusal.TOO_LARGE),
    ],
    ids=["empty", "not-utf8", "deep", "large"],
)
def test_wrong_payloads_are_refused_and_the_link_lives(
    mosquitto: Mosquitto, payload: bytes, refusal: Refusal
) -> None:
    # Over MQTT 5 the broker itself keeps oversized packets away, so this is asked of 3.1.1.
    with bed_at(mosquitto.port, protocol="3.1.1") as bed, station_at(mosquitto.port) as station:
        bed.start()
        # The birth leaves after the subscription: who has heard it can be heard.
        bed.say(BIRTH)
        assert station.wait_for(status_is("online"))
        station.send(TOPICS.of(Subject.COMMAND, "desk"), payload)
        asked = translate_next(bed)
        assert isinstance(asked, Asked)
        assert isinstance(asked.message, Unreadable)
        assert asked.message.refusal is refusal
        assert bed.link.up


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_command_is_known_for_it(mosquitto: Mosquitto, protocol: str) -> None:
    with station_at(mosquitto.port) as station:
        station.send(TOPICS.of(Subject.COMMAND, "desk"), b"{}", retained=True)
        with bed_at(mosquitto.port, protocol=protocol) as bed:
            bed.start()
            asked = translate_next(bed)
            assert isinstance(asked, Asked)
            assert isinstance(asked.message, Unreadable)
            assert asked.message.refusal is Refusal.RETAINED


def test_a_station_is_seen_coming_and_going(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port) as bed:
        bed.start()
        with station_at(mosquitto.port, announces=True):
            assert translate_next(bed) == StationSeen("desk", online=True)
        assert translate_next(bed) == StationSeen("desk", online=False)
        with station_at(mosquitto.port, announces=True) as lost:
            assert translate_next(bed) == StationSeen("desk", online=True)
            lost.vanish()
            assert translate_next(bed) == StationSeen("desk", online=False)


def test_an_inbox_that_raises_does_not_end_the_link(mosquitto: Mosquitto) -> None:
    bed = Bed(BrokerPlan(port=mosquitto.port))

    def full(_news: News) -> None:
        raise queue.Full

    bed.link = Broker(BrokerPlan(port=mosquitto.port), TOPICS, bed.scribe.will(), full)
    bed.link.start()
    try:
        assert eventually(lambda: bed.link.up)
        assert bed.link.lost_news == 1
        assert bed.say(BIRTH)
        assert bed.link.alive
    finally:
        bed.link.stop()


def test_publishing_never_waits(mosquitto: Mosquitto) -> None:
    with bed_at(mosquitto.port) as bed, station_at(mosquitto.port) as station:
        bed.start()
        longest = 0.0
        for first in range(200):
            message = bed.message(PlethReport("oximeter", 75, first, tuple(range(19))))
            began = time.monotonic()
            assert bed.link.publish(message)
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.5  # a busy machine may take its time; a socket that blocks takes seconds
        last = station.wait_for(lambda heard: json.loads(heard.payload).get("first") == 199)
        assert last is not None
        ordinals = [json.loads(heard.payload)["n"] for heard in station.messages]
        assert ordinals == list(range(1, 201))


def test_a_publish_that_the_access_list_refuses_is_counted(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text(f"topic read #\ntopic write {STATUS}\n", encoding="utf-8")
    with Mosquitto(tmp_path, BASE + f"acl_file {rules}\n") as broker, bed_at(broker.port) as bed:
        bed.start()
        assert bed.say(BIRTH)
        assert bed.say(Reply("x", "desk", None, ""))
        assert eventually(lambda: bed.link.refused == 1)


def test_no_certificates_no_session_but_no_end_either(tmp_path: Path) -> None:
    bed = Bed(BrokerPlan(port=free_port(), tls_ca_file=str(tmp_path / "absent.pem")))
    bed.link.start()
    down = bed.news()
    assert isinstance(down, BrokerDown)
    assert "No such file" in down.detail
    assert bed.link.alive
    bed.link.stop()


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def test_tls_with_a_certificate_and_a_password(tmp_path: Path) -> None:
    ca, ca_key = str(tmp_path / "ca.pem"), str(tmp_path / "ca.key")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=clinic",
            "-keyout", ca_key, "-out", ca)  # fmt: skip
    names = tmp_path / "names"
    names.write_text("subjectAltName=IP:127.0.0.1", encoding="utf-8")
    for who in ("broker", "bed-1"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={who}",
                "-keyout", str(tmp_path / f"{who}.key"), "-out", str(tmp_path / f"{who}.csr"))  # fmt: skip
        openssl("x509", "-req", "-in", str(tmp_path / f"{who}.csr"), "-CA", ca, "-CAkey", ca_key,
                "-CAcreateserial", "-days", "1", "-extfile", str(names),
                "-out", str(tmp_path / f"{who}.pem"))  # fmt: skip
    settings = (
        BASE.replace("allow_anonymous true\n", "")
        + f"cafile {ca}\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
        + "require_certificate true\nuse_identity_as_username true\n"
    )
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")
    with Mosquitto(tmp_path, settings) as broker:
        bed = Bed(
            BrokerPlan(
                port=broker.port,
                username="bed-1",
                password_file=str(password),
                tls_ca_file=ca,
                tls_certificate_file=str(tmp_path / "bed-1.pem"),
                tls_key_file=str(tmp_path / "bed-1.key"),
            )
        )
        bed.start()
        assert bed.say(BIRTH)
        assert bed.link.stop(bed.farewell())


def test_what_the_will_says_can_be_read() -> None:
    message = Scribe(TOPICS, "boot-1", "0.1.0").will()
    assert read_report(message.topic, message.payload) is not None
    read = read_report(message.topic, message.payload)
    assert read is not None
    assert read[1] == Will(boot="boot-1")
