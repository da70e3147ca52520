"""The review page's server: one page behind the operator's door, on this machine alone."""

from __future__ import annotations

import asyncio
import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from evface.errors import EvfaceError
from rig.console.guard import PATHS, Door, Guard, bound
from rig.console.page_files import PageFiles
from rig.review.takes import Takes

PAGES = Path(__file__).parent / "pages"
ICON = Path(__file__).parents[1] / "console" / "pages" / "icon.svg"

BASE = PATHS["operator"]

HOST = "127.0.0.1"

LARGEST = 4096
"""bytes of a request."""

Answer = TypeVar("Answer")


class Server:
    """Answers the page.

    Args:
        takes: that are looked at.
        door: what is asked of whoever comes.
    """

    def __init__(self, takes: Takes, door: Door) -> None:
        self._takes, self._guard = takes, Guard(door)
        self._files = PageFiles((*PAGES.iterdir(), ICON))
        # HDF5 is read by one thread at a time, and corrections are written one after the other.
        self._busy = asyncio.Lock()

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard.watch], client_max_size=LARGEST)
        app.on_response_prepare.append(self._guard.add_headers)
        app.router.add_get(BASE, self._enter)
        app.router.add_get(f"{BASE}/", self._page)
        app.router.add_get(f"{BASE}/static/{{name}}", self._file)
        app.router.add_get(f"{BASE}/takes", self._list)
        app.router.add_get(f"{BASE}/take/{{number}}", self._take)
        app.router.add_get(f"{BASE}/picture/{{number}}", self._picture)
        app.router.add_post(f"{BASE}/annotate", self._annotate)
        return app

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        if "token" in request.query:
            self._guard.let_in(request, "operator", f"{BASE}/")
        raise web.HTTPSeeOther(f"{BASE}/")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return self._files.served("review.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self._files.served(request.match_info["name"])

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._ask(self._takes.lines))

    async def _take(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            await self._ask(self._takes.take, self._number(request.match_info["number"]))
        )

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        number = self._number(request.match_info["number"])
        try:
            at = float(request.query["at"])
        except (KeyError, ValueError) as error:
            raise web.HTTPBadRequest(text="Expected ?at= and ms.\n") from error
        if not math.isfinite(at) or abs(at) > 1e7:
            raise web.HTTPBadRequest(text="That moment is in no take.\n")
        return web.Response(body=await self._ask(self._takes.picture, number, at), content_type="image/png")

    async def _annotate(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Expected application/json.\n")
        try:
            said = json.loads(await request.text())
            number, verdict, by = self._number(str(said["take"])), str(said["verdict"]), str(said["by"])
            instants = [float(instant) for instant in said["instants_ms"]]
        except (ValueError, KeyError, TypeError) as error:
            raise web.HTTPBadRequest(text="Expected take, verdict, instants_ms and by.\n") from error
        if len(instants) != 4 or not all(math.isfinite(one) and abs(one) < 1e7 for one in instants):
            raise web.HTTPBadRequest(text="Expected four instants in ms.\n")
        return web.json_response(await self._ask(self._takes.annotate, number, verdict, instants, by))

    def _number(self, text: str) -> int:
        if not text.isdecimal() or int(text) >= len(self._takes):
            raise web.HTTPNotFound(text="There is no such take.\n")
        return int(text)

    async def _ask(self, question: Callable[..., Answer], *of: Any) -> Answer:
        async with self._busy:
            try:
                return await asyncio.to_thread(question, *of)
            except (EvfaceError, OSError) as error:
                raise web.HTTPUnprocessableEntity(text=f"{error}\n") from error


async def serve(root: Path, port: int, tell: Callable[[str], None]) -> None:
    """Answer the page until the process is told to stop.

    Args:
        root: of the dataset.
        port: TCP, or the next free one; 0: any.
        tell: told the page's address.

    Raises:
        DatasetError: there is no dataset.
        ConsoleError: no port is free, or no take has events.
    """
    takes = Takes(root)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listening = bound(HOST, port)
    door = Door(HOST, listening.getsockname()[1])
    runner = web.AppRunner(Server(takes, door).application(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    tell(door.address("operator"))
    await stop.wait()
    await runner.cleanup()
