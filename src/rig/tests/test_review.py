"""The review page's server: who may ask, what it shows, and that what a person says is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from aiohttp import ClientSession, CookieJar, web
from small_dataset import make_dataset

from evface.dataset.annotations import read_annotations
from evface.dataset.naming import TakeId
from evface.dataset.tree import read_take
from rig.console.guard import Door, bound
from rig.errors import ConsoleError
from rig.review.server import HOST, Server
from rig.review.takes import Takes

FIRST = TakeId("S01", "01", 12, 1)


def visit(root: Path, what: Callable[[ClientSession, Door], Awaitable[Any]], enter: bool = True) -> Any:
    """Do something with a page that is served."""

    async def visited() -> Any:
        listening = bound(HOST, 0)
        door = Door(HOST, listening.getsockname()[1])
        runner = web.AppRunner(Server(Takes(root), door).application())
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            async with ClientSession(door.origin, cookie_jar=CookieJar(unsafe=True)) as session:
                if enter:
                    assert (await session.get(door.address("operator"))).status == 200
                return await what(session, door)
        finally:
            await runner.cleanup()

    return asyncio.run(visited())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("review") / "dataset")


def test_nobody_looks_without_the_secret(dataset: Path) -> None:
    async def ask(session: ClientSession, door: Door) -> list[int]:
        paths = ("/console/", "/console/takes", "/console/take/0", "/console/picture/0?at=1")
        said = {"take": 0, "verdict": "movement", "instants_ms": [1, 2, 3, 4], "by": "op1"}
        answers = [(await session.get(path)).status for path in paths]
        own = {"Origin": door.origin}
        return [*answers, (await session.post("/console/annotate", json=said, headers=own)).status]

    assert visit(dataset, ask, enter=False) == [403] * 5
    assert read_annotations(dataset, FIRST) == []


def test_a_take_is_shown_with_its_activity_cues_and_instants(dataset: Path) -> None:
    async def ask(session: ClientSession, door: Door) -> tuple[Any, Any, bytes]:
        takes = await (await session.get("/console/takes")).json()
        shown = await (await session.get("/console/take/0")).json()
        return takes, shown, await (await session.get("/console/picture/0?at=500")).read()

    takes, shown, png = visit(dataset, ask)
    assert takes[0]["name"] == FIRST.name
    take = read_take(dataset, FIRST)
    assert take.movement is not None
    assert shown["now"] == [
        (instant - take.start) / 1e6
        for instant in (take.movement.onset, take.movement.apex, take.movement.offset, take.movement.end)
    ]
    assert [cue["phase"] for cue in shown["cues"]] == ["countdown", "perform", "rest"]
    assert len(shown["face"]) == len(shown["area"])
    assert sum(shown["face"]) >= sum(shown["area"]) > 0
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (64, 64)
    assert picture.std() > 0


def test_what_a_person_says_is_kept_and_shown(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "dataset")

    async def say(session: ClientSession, door: Door) -> Any:
        said = {"take": 0, "verdict": "movement", "instants_ms": [300.0, 400.5, 600, 700], "by": "op1"}
        answer = await session.post("/console/annotate", json=said, headers={"Origin": door.origin})
        assert answer.status == 200
        return await (await session.get("/console/take/0")).json()

    shown = visit(root, say)
    assert (shown["by"], shown["verdict"], shown["now"]) == ("op1", "movement", [300.0, 400.5, 600.0, 700.0])
    take = read_take(root, FIRST)
    assert take.movement is not None
    assert (take.movement.apex - take.start) / 1e6 == 400.5


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"take": 99}, 404),
        ({"instants_ms": [1, 2, 3]}, 400),
        ({"instants_ms": [4, 3, 2, 1]}, 422),
        ({"verdict": "perhaps"}, 422),
        ({"by": ""}, 422),
    ],
)
def test_what_cannot_be_is_refused(dataset: Path, said: dict[str, Any], status: int) -> None:
    good = {"take": 0, "verdict": "movement", "instants_ms": [1, 2, 3, 4], "by": "op1"}

    async def say(session: ClientSession, door: Door) -> int:
        own = {"Origin": door.origin}
        return (await session.post("/console/annotate", json=good | said, headers=own)).status

    assert visit(dataset, say) == status
    assert read_annotations(dataset, FIRST) == []


def test_a_dataset_without_events_has_nothing_to_review(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "dataset")
    for path in root.rglob("*_dvs.h5"):
        path.unlink()
    with pytest.raises(ConsoleError, match="no take with events"):
        Takes(root)
