"""The files that pages are made of, served by their names alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

MEDIA = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Kinds of files that pages are made of."""


class PageFiles:
    """A fixed list of files, made once: no path of a request ever reaches the disk.

    Args:
        paths: of the files; those that are no part of a page are left out.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {path.name: path for path in sorted(paths) if path.suffix in MEDIA}

    def served(self, name: str) -> web.FileResponse:
        """The answer with a file.

        Raises:
            HTTPNotFound: there is none of this name.
        """
        path = self._paths.get(name)
        if path is None:
            raise web.HTTPNotFound(text="There is no such file.\n")
        return web.FileResponse(path, headers={"Content-Type": f"{MEDIA[path.suffix]}; charset=utf-8"})
