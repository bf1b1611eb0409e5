"""python -m cli.demo.broker PORT: the demo's MQTT broker, amqtt, on this machine's own address only.

Anybody on the machine may connect, so that `mosquitto_sub` and `vigil watch` just work. It speaks MQTT 3.1.1.
Prints one line when it listens.
"""

import asyncio
import logging
import signal
import sys
from typing import Final

from amqtt.broker import Broker

from cli.demo.cast import HOST

PLUGINS: Final = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
"""Named in full: amqtt's own choice would add the $SYS topics and a log line a packet."""


async def serve(port: int) -> None:
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}}, "plugins": PLUGINS})
    await broker.start()
    print(f"ready: mqtt://{HOST}:{port}", flush=True)
    await over.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(int(sys.argv[1])))
