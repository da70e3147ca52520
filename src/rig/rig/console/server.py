"""The web server: pages, previews, commands, and a socket per page that carries its whole state."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from evface.errors import EvfaceError
from evface.protocol import COMMANDS, SUBJECT_COMMANDS
from rig.console.guard import PATHS, ROLES, Door, Guard, Role
from rig.console.listening import Listener
from rig.console.page_files import PageFiles
from rig.console.previews import warm_up
from rig.console.session_files import SessionFiles
from rig.console.snapshot import operator_view, session_folder, subject_view
from rig.stamps import host_now

PAGES = Path(__file__).parent / "pages"

PAGE_OF: dict[Role, str] = {"operator": "console.html", "subject": "subject.html"}

LARGEST = 8192
"""bytes that a request or a message of a page may have."""

LONGEST_NOTE = 2000
"""characters."""

MOST_PAGES = 16
"""Pages open at once."""

GATHER = 0.04
"""s in which changes are gathered into one picture of the state."""

HEARTBEAT = 1.0
"""s after which a page is told even when nothing has changed: ages grow."""

FAREWELL = 0.5
"""s in which pages are told that the rig has ended."""

MAY_SAY: dict[Role, frozenset[str]] = {
    "operator": frozenset(COMMANDS),
    "subject": frozenset(SUBJECT_COMMANDS),
}
"""Words that each page may hand to the conductor; which of them hold now the conductor knows."""

_CUE = re.compile(r"[a-z0-9 ]{1,40}")
_CLIP = re.compile(r"au0*(\d{1,3})")
CLIP_KINDS = (".webm", ".mp4")


@dataclass(eq=False, slots=True)
class Page:
    """An open page.

    Attributes:
        role: whose.
        socket: to it.
        news: set when there is something to tell.
        facts: what a subject's page says of itself: sound, full screen.
    """

    role: Role
    socket: web.WebSocketResponse
    news: asyncio.Event = field(default_factory=asyncio.Event)
    facts: dict[str, str] = field(default_factory=dict)


class Server:
    """Answers the pages; see the module.

    Args:
        listener: what the rig says.
        door: what is asked of whoever comes.
        clips: folder of demonstration clips, ``au12.webm`` or ``au12.mp4``; None without.
    """

    def __init__(self, listener: Listener[Any], door: Door, clips: Path | None) -> None:
        self._listener = listener
        self._guard = Guard(door)
        # Names are looked up, never joined to a path: there is nothing to climb out of.
        self._page_files = PageFiles(PAGES.iterdir())
        self._clips = _clips(clips)
        self._files = SessionFiles()
        self._pages: list[Page] = []
        self._sound_heard = False
        self._ended = False
        self._draws = ThreadPoolExecutor(2, thread_name_prefix="console draws")
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="console reads")

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard.watch], client_max_size=LARGEST)
        app.on_response_prepare.append(self._guard.add_headers)
        for role in ROLES:
            path = PATHS[role]
            app.router.add_get(path, partial(self._enter, role))
            app.router.add_get(f"{path}/", partial(self._page, role))
            app.router.add_get(f"{path}/static/{{name}}", self._file)
            app.router.add_get(f"{path}/live", partial(self._live, role))
            app.router.add_post(f"{path}/command", partial(self._command, role))
        app.router.add_get("/console/preview/{name}", self._preview)
        app.router.add_get("/subject/clip/{name}", self._clip)
        app.router.add_get("/subject/board", self._board)
        return app

    def warm_up(self) -> None:
        """Make the first pictures quick; returns at once."""
        self._draws.submit(warm_up)

    def changed(self) -> None:
        """Tell every page; in the loop's thread."""
        for page in self._pages:
            page.news.set()

    async def end(self) -> None:
        """Tell every page the last state there was, and that nothing more will come."""
        self._ended = True
        for page in list(self._pages):
            try:
                await asyncio.wait_for(self._tell(page), FAREWELL)
                await asyncio.wait_for(page.socket.close(code=1001, message=b"the rig has ended"), FAREWELL)
            except (TimeoutError, ConnectionError):
                continue
        self._draws.shutdown(wait=False, cancel_futures=True)
        self._reads.shutdown(wait=False, cancel_futures=True)

    # --- files -------------------------------------------------------------------------------------

    async def _enter(self, role: Role, request: web.Request) -> web.StreamResponse:
        if "token" in request.query:
            self._guard.let_in(request, role, f"{PATHS[role]}/")
        raise web.HTTPSeeOther(f"{PATHS[role]}/")

    async def _page(self, role: Role, request: web.Request) -> web.StreamResponse:
        return self._page_files.served(PAGE_OF[role])

    async def _board(self, request: web.Request) -> web.StreamResponse:
        return self._page_files.served("board.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self._page_files.served(request.match_info["name"])

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        path = next((path for path in self._clips.values() if path.name == request.match_info["name"]), None)
        if path is None:
            raise web.HTTPNotFound(text="There is no such clip.\n")
        return web.FileResponse(path)

    # --- previews ----------------------------------------------------------------------------------

    async def _preview(self, request: web.Request) -> web.StreamResponse:
        """The newest picture of a stream; 204 while there is none newer than ``after``."""
        name = request.match_info["name"]
        if name not in self._listener.gallery.streams:
            raise web.HTTPNotFound(text="There is no such stream.\n")
        self._listener.look_at(name)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._draws, self._listener.gallery.preview, name)
        except EvfaceError as error:
            raise web.HTTPUnprocessableEntity(text=f"{error}\n") from error
        if found is None or request.query.get("after") == str(found.stamp):
            return web.Response(status=204)
        age = (host_now() - found.stamp) / 1e6
        return web.Response(
            body=found.jpeg,
            content_type="image/jpeg",
            headers={
                "X-Stamp": str(found.stamp),
                "X-Age-Ms": f"{age:.0f}",
                "X-Window-Ms": f"{found.window / 1e6:.1f}",
            },
        )

    # --- commands ----------------------------------------------------------------------------------

    async def _command(self, role: Role, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Expected application/json.\n")
        try:
            wanted = json.loads(await request.text())
            name, argument = wanted["command"], wanted.get("argument", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise web.HTTPBadRequest(text='Expected {"command": ..., "argument": ...}.\n') from error
        if not (isinstance(name, str) and isinstance(argument, str)) or len(argument) > LONGEST_NOTE:
            raise web.HTTPBadRequest(text=f"Expected words, at most {LONGEST_NOTE} characters.\n")
        if name not in MAY_SAY[role]:
            raise web.HTTPForbidden(text="This page may not say that.\n")
        accepted, reason = await self._listener.command(name, argument, role)
        return web.json_response({"accepted": accepted, "reason": reason})

    # --- the socket --------------------------------------------------------------------------------

    async def _live(self, role: Role, request: web.Request) -> web.StreamResponse:
        if len(self._pages) >= MOST_PAGES:
            raise web.HTTPServiceUnavailable(text="Too many pages are open.\n")
        socket = web.WebSocketResponse(max_msg_size=LARGEST, heartbeat=10.0)
        await socket.prepare(request)
        page = Page(role, socket)
        self._pages.append(page)
        teller = asyncio.create_task(self._keep_telling(page))
        self.changed()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._obey(page, message.data)
        finally:
            self._pages.remove(page)
            teller.cancel()
            self.changed()  # another subject's page may lead now
        return socket

    async def _obey(self, page: Page, text: str) -> None:
        """What a page says over its socket: the time, please; a cue is done; a fact about itself."""
        try:
            said = json.loads(text)
            if "ping" in said:
                await page.socket.send_json({"pong": float(said["ping"]), "host": host_now() / 1e6})
            elif "cue" in said and self._leads(page) and _CUE.fullmatch(said["cue"]):
                self._listener.acknowledge(int(said["phase"]), said["cue"], round(float(said["at"]) * 1e6))
            elif "facts" in said and page.role == "subject":
                self._hear_facts(page, said["facts"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            await page.socket.close(code=1003, message=b"not understood")

    def _hear_facts(self, page: Page, facts: dict[str, Any]) -> None:
        page.facts = {key: str(facts[key])[:40] for key in ("sound", "screen") if key in facts}
        self._sound_heard |= page.facts.get("sound") == "heard"
        self.changed()

    def _leads(self, page: Page) -> bool:
        """Whether this is the subject's page that sounds and acknowledges: the one open longest."""
        return page is next((other for other in self._pages if other.role == "subject"), None)

    async def _keep_telling(self, page: Page) -> None:
        while not page.socket.closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(page.news.wait(), HEARTBEAT)
            page.news.clear()
            try:
                await self._tell(page)
            except ConnectionError:
                return
            await asyncio.sleep(GATHER)

    async def _tell(self, page: Page) -> None:
        heard = self._listener.heard
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reads, self._files.look, session_folder(heard))
        if page.role == "subject":
            clips = {au: path.name for au, path in self._clips.items()}
            view = subject_view(heard, self._files, clips) | {"lead": self._leads(page)}
        else:
            names = list(self._listener.gallery.streams)
            view = operator_view(heard, self._files, names, self._subject_pages(), time.monotonic())
        await page.socket.send_json(view | {"ended": self._ended, "host": host_now() / 1e6})

    def _subject_pages(self) -> dict[str, Any]:
        pages = [page for page in self._pages if page.role == "subject"]
        facts = pages[0].facts if pages else {}
        return {
            "subjects": len(pages),
            "operators": len(self._pages) - len(pages),
            "sound": facts.get("sound", "unknown"),
            "sound_heard": self._sound_heard,
            "screen": facts.get("screen", "unknown"),
        }


def _clips(folder: Path | None) -> dict[int, Path]:
    """Demonstration clips by FACS number."""
    if folder is None or not folder.is_dir():
        return {}
    found = (
        (_CLIP.fullmatch(path.stem), path) for path in sorted(folder.iterdir()) if path.suffix in CLIP_KINDS
    )
    return {int(match[1]): path for match, path in found if match}
