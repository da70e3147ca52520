"""Serves the subject's and the operator's page; see `rig.console`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import rclpy
from aiohttp import web
from pydantic import BaseModel, Field
from rclpy.signals import SignalHandlerOptions

from evface.errors import EvfaceError
from rig.console.guard import ROLES, Door, bound, is_loopback, secure
from rig.console.listening import Listener
from rig.console.server import Server
from rig.graph import CAMERAS


class ConsoleParameters(BaseModel):
    """Parameters of the console."""

    host: str = Field(
        default="127.0.0.1",
        description="address to listen on; if other machines reach it: with certificate, key, password_file",
    )
    port: int = Field(
        default=8700,
        description="TCP port of the pages, or the next free one; 0: any",
        ge=0,
        le=65535,
    )
    certificate: str = Field(default="", description="TLS certificate, a PEM file; empty: no TLS")
    key: str = Field(default="", description="private key of the certificate, a PEM file")
    password_file: str = Field(
        default="",
        description="file, readable by its owner alone, whose first line is the password; empty: none",
    )
    cameras: list[str] = Field(default=list(CAMERAS), description="cameras that the operator's page shows")
    clips: str = Field(default="", description="folder of demonstration clips, au12.webm or au12.mp4")


async def serve(listener: Listener[ConsoleParameters], parameters: ConsoleParameters) -> None:
    """Answer pages until the process is told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tls, password = secure(parameters.host, parameters.certificate, parameters.key, parameters.password_file)
    listening = bound(parameters.host, parameters.port)
    door = Door(parameters.host, listening.getsockname()[1], tls, password)
    server = Server(listener, door, Path(parameters.clips).expanduser() if parameters.clips else None)

    def changed() -> None:
        loop.call_soon_threadsafe(server.changed)

    listener.changed = changed
    listener.listen(parameters.cameras)
    server.warm_up()
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening, ssl_context=door.tls).start()
    for role in ROLES:
        print(f"{role}'s page: {door.address(role)}", flush=True)
    if not is_loopback(parameters.host):
        print(f"warning: other machines can reach {parameters.host}", flush=True)
    await stop.wait()
    await server.end()
    await runner.cleanup()
    listener.stop()


def main() -> None:
    """Entry point of ``ros2 run rig console``."""
    # asyncio's loop takes the signals: pages are told of the end before anything of ROS goes.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        with Listener(ConsoleParameters) as listener:
            asyncio.run(serve(listener, listener.parameters))
    except EvfaceError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
    finally:
        rclpy.try_shutdown()
