"""The queue between edge threads and loop: order, stamps, and what goes first when it is full."""

import threading

import pytest

from agent.clock import Clock
from agent.events import (
    Asked,
    BrokerUp,
    MessageArrived,
    News,
    PanelDown,
    PortClosed,
    PortData,
    PortOpened,
    Stamped,
)
from agent.inbox import Inbox
from bedside.commands import Refusal, Unreadable

OPENED = PortOpened("probe")
ASKED = Asked(Unreadable("", "ward", Refusal.MALFORMED, ""))
COMMAND = MessageArrived("vigil/v1/site/bed/command/ward", b"{}", retained=False)
BIRTH = MessageArrived("vigil/v1/site/station/desk/status", b'{"state":"online"}', retained=False)
WILL = MessageArrived("vigil/v1/site/station/desk/status", b'{"state":"offline"}', retained=False)


class Ticks:
    """A machine's clock that counts how often it was read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


def inbox_of(capacity: int) -> Inbox:
    return Inbox(Clock(monotonic_ns=Ticks()), capacity)


def filled(capacity: int, *events: News) -> Inbox:
    inbox = inbox_of(capacity)
    for event in events:
        inbox.put(event)
    return inbox


def emptied(inbox: Inbox) -> list[News]:
    events: list[News] = []
    while (stamped := inbox.get(0)) is not None:
        events.append(stamped.event)
    return events


def data(device: str, number: int) -> PortData:
    return PortData(device, bytes([number]))


def test_events_leave_in_the_order_of_their_stamps() -> None:
    inbox = filled(10, OPENED, data("probe", 1), BrokerUp())
    assert [inbox.get(0) for _ in range(4)] == [
        Stamped(OPENED, 1),
        Stamped(data("probe", 1), 2),
        Stamped(BrokerUp(), 3),
        None,
    ]


def test_the_device_that_has_most_waiting_loses_its_oldest_bytes() -> None:
    flood = [data("pump", n) for n in range(3)]
    inbox = filled(5, data("probe", 9), *flood, OPENED, data("probe", 10))
    assert emptied(inbox) == [data("probe", 9), *flood[1:], OPENED, data("probe", 10)]
    assert inbox.dropped_data == {"pump": 1}


def test_a_device_that_floods_pays_for_itself_only() -> None:
    inbox = filled(4, data("probe", 0), *(data("pump", n) for n in range(100)))
    assert emptied(inbox) == [data("probe", 0), *(data("pump", n) for n in (97, 98, 99))]
    assert inbox.dropped_data == {"pump": 97}
    assert inbox.dropped_events == 0


@pytest.mark.parametrize("event", [OPENED, PortClosed("probe", "unplugged"), PanelDown()])
def test_bytes_go_before_any_other_event(event: News) -> None:
    inbox = filled(3, event, data("probe", 1), event, event)
    assert emptied(inbox) == [event, event, event]
    assert inbox.dropped_data == {"probe": 1}


def test_new_bytes_find_no_room_among_events() -> None:
    inbox = filled(2, OPENED, PanelDown(), data("probe", 1))
    assert emptied(inbox) == [OPENED, PanelDown()]


@pytest.mark.parametrize(
    "newer",
    [
        Asked(Unreadable("7", "ward", Refusal.MALFORMED, "")),
        COMMAND,
    ],
)
def test_then_the_oldest_message_of_a_station_goes(newer: News) -> None:
    inbox = filled(17, ASKED, newer, *[OPENED] * 16)
    assert emptied(inbox) == [newer, *[OPENED] * 16]
    assert inbox.dropped_events == 1


def test_a_station_that_floods_gets_its_share_and_no_more() -> None:
    inbox = filled(16, *(data("probe", n) for n in range(14)), OPENED, *[ASKED] * 100)
    assert emptied(inbox) == [*(data("probe", n) for n in range(1, 14)), OPENED, ASKED, ASKED]
    assert inbox.dropped_events == 98
    assert inbox.dropped_data == {"probe": 1}


@pytest.mark.parametrize("asked", [ASKED, COMMAND, MessageArrived("what/ever", b"", retained=False)])
def test_no_flood_of_requests_costs_another_station_its_last_word(asked: News) -> None:
    inbox = filled(24, BIRTH, WILL, *[asked] * 256)
    assert emptied(inbox) == [BIRTH, WILL, asked]
    assert inbox.dropped_events == 255


def test_a_full_queue_gives_up_requests_then_words_of_stations_then_events() -> None:
    inbox = filled(16, *[OPENED] * 14, BIRTH, COMMAND, OPENED)
    assert emptied(inbox) == [*[OPENED] * 14, BIRTH, OPENED]
    inbox = filled(16, *[OPENED] * 15, BIRTH, OPENED)
    assert emptied(inbox) == [OPENED] * 16


def test_stations_that_come_and_go_all_the_time_have_the_same_share() -> None:
    inbox = filled(16, data("probe", 1), *[BIRTH] * 100, WILL)
    assert emptied(inbox) == [data("probe", 1), BIRTH, WILL]


def test_then_the_oldest_event_goes() -> None:
    inbox = filled(2, OPENED, PanelDown(), BrokerUp())
    assert emptied(inbox) == [PanelDown(), BrokerUp()]
    assert inbox.dropped_events == 1


def test_nothing_is_left_behind_by_what_has_gone_through() -> None:
    inbox = inbox_of(4)
    for number in range(50):
        inbox.put(data(f"device-{number}", 0))
        inbox.put(ASKED)
        inbox.put(OPENED)
        emptied(inbox)
    assert not inbox._ordinals


def test_a_waiting_loop_is_woken_by_an_event_and_by_wake() -> None:
    inbox = inbox_of(4)
    got: list[Stamped | None] = []
    loop = threading.Thread(target=lambda: got.extend((inbox.get(10), inbox.get(10))))
    loop.start()
    inbox.put(OPENED)
    inbox.wake()
    loop.join(10)
    assert got == [Stamped(OPENED, 1), None]


def test_many_threads_put_and_nothing_is_lost_or_doubled() -> None:
    inbox = Inbox(Clock(), capacity=4000)
    names = ["probe", "cuff", "pump", "monitor"]

    def put_all(name: str) -> None:
        for number in range(1000):
            inbox.put(data(name, number % 256))

    threads = [threading.Thread(target=put_all, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    received: list[Stamped] = []
    while len(received) < 4000 and (stamped := inbox.get(10)) is not None:
        received.append(stamped)
    for thread in threads:
        thread.join()
    assert [stamped.at for stamped in received] == sorted(stamped.at for stamped in received)
    for name in names:
        own = [s.event for s in received if isinstance(s.event, PortData) and s.event.device == name]
        assert own == [data(name, number % 256) for number in range(1000)]
