"""The operator's words, typed on the terminal that runs the session."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from evface.protocol import COMMANDS
from rig.transport import apply_environment
from rig_interfaces.srv import SessionCommand

PATIENCE = 5.0
"""s that the conductor has to answer."""


def obey_terminal(say: Callable[[str], None]) -> None:
    """Hand every line typed from now on to the conductor, in a thread that ends with the process.

    Args:
        say: told what the conductor answered.
    """
    threading.Thread(target=_obey, args=(say,), name="operator", daemon=True).start()


def _obey(say: Callable[[str], None]) -> None:
    apply_environment()
    # Ctrl-C stays the starter's.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node("operator")
    client: Client = node.create_client(SessionCommand, "/conductor/command")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    say(f"type {', '.join(COMMANDS)} and Enter; more may follow: consent research, redo AU 12")
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        word = word.lower()
        if not word:
            continue
        if not client.wait_for_service(timeout_sec=PATIENCE):
            say(f"{word}: the conductor does not answer")
            continue
        request = SessionCommand.Request(command=word, argument=argument.strip(), by="operator")
        future = client.call_async(request)
        executor.spin_until_future_complete(future, timeout_sec=PATIENCE)
        answer = future.result() if future.done() else None
        if answer is None:
            say(f"{word}: the conductor did not answer within {PATIENCE:.0f} s")
        elif not answer.accepted:
            say(f"{word}: {answer.reason}")
