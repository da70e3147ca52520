"""The life of a node's process: start, spin, one clear line when something is wrong, a clean end."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.task import Future

from evface.errors import EvfaceError
from rig.transport import make_executor


class Process:
    """Mixin for a node that owns its process: it can end it, and is told when it begins and ends."""

    ending: Future

    def start(self) -> None:
        """Called once, when callbacks are about to be served."""

    def release(self) -> None:
        """Called once, when no callback will be served any more."""

    def finish(self, code: int = 0) -> None:
        """End the process with this exit code; may be called from any thread."""
        if not self.ending.done():
            self.ending.set_result(code)


def run(make: Callable[[], Process]) -> int:
    """Make a node and spin it until it finishes or the process is told to stop.

    Returns:
        The exit code: 0, the code given to `Process.finish`, or 2 after an error that names its cause.
    """
    rclpy.init()
    process: Process | None = None
    try:
        process = make()
        assert isinstance(process, Node)
        process.ending = Future()
        executor = make_executor()
        executor.add_node(process)
        process.start()
        # What was made until now stays: the garbage collector need not walk through it every second. In a
        # busy recorder that took a third of the receiving thread.
        gc.freeze()
        while rclpy.ok() and not process.ending.done():
            # EventsExecutor.spin() without a timeout never calls back in the wheels' rclpy.
            executor.spin_until_future_complete(process.ending, timeout_sec=3600.0)
        return int(process.ending.result() or 0) if process.ending.done() else 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except RCLError:
        if rclpy.ok():
            raise
        return 0  # on the way down the context goes before the callbacks do
    except EvfaceError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    finally:
        if process is not None:
            process.release()
            process.destroy_node()  # type: ignore[attr-defined]
        rclpy.try_shutdown()
