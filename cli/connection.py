"""The options by which a sub-command finds the broker, and what to say when it cannot."""

import argparse
import os
import ssl
from dataclasses import replace
from typing import Final

from bedside.wire import is_name
from simulators.listener import BrokerAddress

DEFAULT_BROKER: Final = "mqtt://127.0.0.1:1883"
DEFAULT_SITE: Final = "clinic"
PASSWORD_VARIABLE: Final = "VIGIL_MQTT_PASSWORD"  # noqa: S105 - the name of a variable, not a password


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--broker",
        metavar="URL",
        type=_address,
        default=DEFAULT_BROKER,
        help=f"mqtt:// or mqtts://[user@]host[:port] (default {DEFAULT_BROKER}); "
        f"the password may come from the variable {PASSWORD_VARIABLE}",
    )
    parser.add_argument("--ca", metavar="FILE", help="mqtts: who signed the broker's certificate")
    parser.add_argument("--certificate", metavar="FILE", help="mqtts: our own certificate")
    parser.add_argument("--key", metavar="FILE", help="mqtts: the key of our certificate")
    parser.add_argument("--site", type=name, default=DEFAULT_SITE, help=f"default {DEFAULT_SITE}")


def address(arguments: argparse.Namespace) -> BrokerAddress:
    """The broker as asked for. OSError (also of TLS) when a file cannot be used."""
    broker: BrokerAddress = arguments.broker
    if broker.password is None:
        broker = replace(broker, password=os.environ.get(PASSWORD_VARIABLE))
    if broker.tls is not None and (arguments.ca or arguments.certificate):
        context = ssl.create_default_context(cafile=arguments.ca)
        if arguments.certificate:
            context.load_cert_chain(arguments.certificate, arguments.key)
        broker = replace(broker, tls=context)
    return broker


def name(text: str) -> str:
    """A site, bed or station as topics spell it."""
    if not is_name(text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 to 32 of a-z, 0-9 and -")
    return text


def _address(url: str) -> BrokerAddress:
    try:
        return BrokerAddress.from_url(url)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
