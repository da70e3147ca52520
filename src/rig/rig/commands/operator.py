"""The operator's words, typed on the terminal that runs the session."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from rclpy.client import Client

from evface.protocol import COMMANDS
from rig.visiting import Visitor
from rig_interfaces.srv import SessionCommand

PATIENCE = 5.0
"""s that the conductor has to answer."""

EXAMPLES = "consent research, redo AU 12, start anyway"


def obey_terminal(say: Callable[[str], None]) -> None:
    """Hand every line typed from now on to the conductor, in a thread that ends with the process.

    Args:
        say: told what the conductor answered.
    """
    threading.Thread(target=_obey, args=(say,), name="operator", daemon=True).start()


def _obey(say: Callable[[str], None]) -> None:
    with Visitor("operator") as visitor:
        client: Client = visitor.node.create_client(SessionCommand, "/conductor/command")
        say(f"type {', '.join(COMMANDS)} and Enter; more may follow: {EXAMPLES}")
        for line in sys.stdin:
            word, _, argument = line.strip().partition(" ")
            if word:
                answer = _ask(visitor, client, word.lower(), argument.strip())
                if answer:
                    say(f"{word.lower()}: {answer}")


def _ask(visitor: Visitor, client: Client, word: str, argument: str) -> str:
    """What the conductor has against a command; "" where it is obeyed."""
    if not client.wait_for_service(timeout_sec=PATIENCE):
        return "the conductor does not answer"
    future = client.call_async(SessionCommand.Request(command=word, argument=argument, by="operator"))
    visitor.spin(PATIENCE, until=future.done)
    if not future.done():
        return f"the conductor did not answer within {PATIENCE:.0f} s"
    answer: Any = future.result()
    return "" if answer.accepted else answer.reason
