"""A whole session led through the two pages in a real browser, on the virtual rig: two redos and a crash.

All 21 Action Units of the default script. The operator has AU 5 done again while it is performed, the subject
AU 15 while resting; while AU 26 is performed the whole rig is killed (kill -9) and taken up again with
``rig record --resume``. At the end manifest, bags and journal are checked; each state of each page is kept as
a picture, as on a laptop and on a large screen.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PageTimeout
from rosbags.rosbag2 import Reader

RIG = str(Path(sys.prefix) / "bin" / "rig")

SIZES = {"laptop": {"width": 1366, "height": 768}, "large": {"width": 2560, "height": 1440}}
"""px."""

REDO_BY_OPERATOR, REDO_BY_SUBJECT, CRASH = 5, 15, 26
"""FACS numbers at which it happens."""

CONFIRMED = ("introduction", "description", "settle")
"""Phases in which the subject goes on."""

HEARD = re.compile("^(Ready|Not ready)$")
"""What the operator's page says when every sensor is heard."""

CHECKS = 40.0
"""s in which checks may become green."""

PATIENCE = 180.0
"""s for the rig to start on a busy machine."""


class Rig:
    """A running ``rig record``: its lines and the addresses of its pages; a context manager that ends it."""

    def __init__(self, *words: str) -> None:
        self.addresses: dict[str, str] = {}
        self._both = threading.Event()
        self.process = subprocess.Popen(
            [RIG, "record", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            print(f"  {line.rstrip()}", flush=True)
            if found := re.search(r"(\w+)'s page: (\S+)", line):
                self.addresses[found[1]] = found[2]
            if len(self.addresses) == 2:
                self._both.set()

    def wait_for_pages(self) -> None:
        """Wait until both pages have an address."""
        if not self._both.wait(PATIENCE):
            raise TimeoutError("the pages have no address")


class Album:
    """Pictures of what a page shows, one of each state and size.

    Args:
        folder: made if it is not there; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._there: set[str] = set()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def add(self, page: Page, name: str) -> None:
        """A picture in each size, the first time that this name comes."""
        if self._folder is None or name in self._there:
            return
        self._there.add(name)
        for size, pixels in SIZES.items():
            page.set_viewport_size({"width": pixels["width"], "height": pixels["height"]})
            page.wait_for_timeout(250)
            picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            path = self._folder / f"{name}_{size}.jpg"
            cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
        page.set_viewport_size({"width": 1366, "height": 768})


class Walk:
    """Leads a session through its pages.

    Args:
        browser: of both people.
        rig: whose addresses are opened.
        album: for the pictures.
        done: what was done on purpose already, kept over the crash.
    """

    def __init__(self, browser: Browser, rig: Rig, album: Album, done: set[str]) -> None:
        self._rig, self._album, self._done = rig, album, done
        self.operator = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
        self.subject = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
        self.operator.goto(rig.addresses["operator"])
        self.subject.goto(rig.addresses["subject"])

    def test_the_sound(self) -> None:
        """As the subject does before anything begins."""
        self._album.add(self.subject, "subject_waiting")
        self.subject.locator("[data-command=test]").click()
        self._album.add(self.subject, "subject_sound")
        self.subject.locator("[data-command=heard]").click()

    def begin(self) -> None:
        """Wait for the checks, start; with red ones, when they stay, in the words that this needs."""
        self._album.add(self.operator, "operator_not_ready")
        self.operator.locator("#title", has_text=HEARD).wait_for(timeout=PATIENCE * 1000)
        try:
            self.operator.locator("#title", has_text=re.compile("^Ready$")).wait_for(timeout=CHECKS * 1000)
            self._album.add(self.operator, "operator_ready")
            self.operator.keyboard.press("s")
        except PageTimeout:
            print("red checks: started anyway", flush=True)
            self._album.add(self.operator, "operator_red")
            self.operator.keyboard.press("s")
            self._album.add(self.operator, "operator_start_anyway")
            self.operator.locator("#ask [value=ok]").click()

    def close(self) -> None:
        """Both people close their windows."""
        self.operator.context.close()
        self.subject.context.close()

    def until_it_ends(self) -> bool:
        """Do what each phase asks for; whether the session came to its end (the rig may crash before)."""
        while self._rig.process.poll() is None:
            phase = self.subject.locator("body").get_attribute("data-phase") or ""
            title = self.operator.locator("#title").inner_text()
            detail = self.operator.locator("#detail").inner_text()
            if phase in ("finished", "aborted"):
                self._remember(phase, detail)
                return phase == "finished"
            found = re.search(r" AU (\d+)", title)
            if not self._on_purpose(phase, int(found[1]) if found else 0, detail):
                return False
            self._remember(phase, detail)
            self._go_on(phase)
            self.subject.wait_for_timeout(60)
        raise RuntimeError(f"the rig ended with exit code {self._rig.process.returncode}")

    def _remember(self, phase: str, detail: str) -> None:
        practice = "_practice" if "rehearsal" in detail else ""
        if phase in ("countdown", "perform", "rest") and not practice:
            # A picture of both sizes takes a second: one page at a time.
            page = self.operator if f"subject_{phase}" in self._done else self.subject
            who = "operator" if page is self.operator else "subject"
            self._album.add(page, f"{who}_{phase}")
            self._done.add(f"subject_{phase}")
        elif phase not in ("lost", "waiting", "nothing"):
            self._album.add(self.subject, f"subject_{phase}{practice}")
            self._album.add(self.operator, f"operator_{phase}{practice}")

    def _go_on(self, phase: str) -> None:
        if phase == "consent":
            for scope in ("research", "sharing"):
                self.subject.locator(f"input[name={scope}]").check()
            self._album.add(self.subject, "subject_consent_given")
            self._leave(lambda: self.subject.locator("[data-command=consent]").click())
        elif phase in CONFIRMED and self.subject.locator("[data-command=confirm]").count():
            self._leave(lambda: self.subject.keyboard.press("Enter"))
        elif phase == "settle":  # the closing: it is the operator who ends the session
            self.operator.keyboard.press("c")
            self.subject.wait_for_timeout(300)

    def _leave(self, press: Callable[[], None]) -> None:
        """Press something and wait until the subject's page shows something else."""
        stage = self.subject.locator("#stage")
        before, limit = stage.inner_text(), time.monotonic() + PATIENCE
        press()
        while stage.inner_text() == before:
            if time.monotonic() > limit:
                raise TimeoutError(f"the page still shows {before!r}")
            self.subject.wait_for_timeout(30)

    def _on_purpose(self, phase: str, au: int, detail: str) -> bool:
        """The redos, a pause, a note, the crash; False when the rig was killed."""
        recording = detail.endswith(("countdown", "performing", "resting"))
        if not recording:
            return True
        if au == REDO_BY_OPERATOR and phase == "perform" and "redo by the operator" not in self._done:
            self._done.add("redo by the operator")
            self.operator.keyboard.press("r")
        elif au == REDO_BY_SUBJECT and phase == "rest" and "redo by the subject" not in self._done:
            self._done.add("redo by the subject")
            self.subject.keyboard.press("r")
        elif au == CRASH and phase == "perform" and "crash" not in self._done:
            self._done.add("crash")
            os.killpg(self._rig.process.pid, signal.SIGKILL)
            self._rig.process.wait()
            self.operator.locator("body.lost").wait_for(timeout=PATIENCE * 1000)
            self._album.add(self.operator, "operator_lost")
            self._album.add(self.subject, "subject_lost")
            return False
        return True


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium of the system."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        yield found
        found.close()


def record(out: Path, pictures: Path | None, language: str) -> None:
    """The session, its crash and its end."""
    album, done = Album(pictures), set[str]()
    words = ["--rig", "virtual", "--out", str(out), "--language", language]
    with browser() as chromium:
        with Rig(*words) as rig:
            rig.wait_for_pages()
            walk = Walk(chromium, rig, album, done)
            walk.test_the_sound()
            walk.begin()
            if walk.until_it_ends():
                raise RuntimeError("it ended before it was killed")
            walk.close()
        with Rig(*words, "--resume") as rig:
            rig.wait_for_pages()
            walk = Walk(chromium, rig, album, done)
            walk.begin()
            if not walk.until_it_ends():
                raise RuntimeError("the resumed session did not come to its end")
            code = rig.process.wait(timeout=PATIENCE)
            walk.operator.wait_for_timeout(1500)
            album.add(walk.operator, "operator_ended")
            album.add(walk.subject, "subject_ended")
    if code != 0:
        raise RuntimeError(f"rig record ended with exit code {code}")


def check(folder: Path) -> list[str]:
    """What is wrong with a session's manifest, bags and journal; prints what was found."""
    wrong = []
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    outcomes: dict[int, list[str]] = {}
    messages = 0
    for line in lines:
        outcomes.setdefault(line["au"], []).append(line["outcome"])
        wrong += [f"{line['take']}: {what}" for what in _check_bag(folder / line["take"], line)]
        messages += line["messages"]
    for au, found in outcomes.items():
        expected = {
            REDO_BY_OPERATOR: ["redone", "complete"],
            REDO_BY_SUBJECT: ["redone", "complete"],
            CRASH: ["interrupted", "complete"],
        }.get(au, ["complete"])
        if sorted(found) != sorted(expected):
            wrong.append(f"AU {au}: {', '.join(found)}")
    if len(outcomes) != 21:
        wrong.append(f"{len(outcomes)} Action Units instead of 21")
    journal = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    told = Counter(
        (line["by"], line["command"]) for line in journal if line["event"] == "command" and line["accepted"]
    )
    size = sum(path.stat().st_size for path in folder.rglob("*.mcap")) / 1e9
    print(f"{len(lines)} takes of {len(outcomes)} Action Units, {messages} messages, {size:.2f} GB")
    print(f"outcomes: {dict(Counter(line['outcome'] for line in lines))}")
    print(f"messages lost: {sum(line['lost'] for line in lines)}")
    print("told: " + ", ".join(f"{by} {command} {count}x" for (by, command), count in sorted(told.items())))
    return wrong


def _check_bag(bag: Path, line: dict[str, Any]) -> list[str]:
    wrong = []
    with Reader(bag) as reader:
        count = sum(1 for _ in reader.messages())
    if count != line["messages"]:
        wrong.append(f"{count} messages in the bag, {line['messages']} in the manifest")
    (mcap,) = bag.glob("*.mcap")
    if hashlib.sha256(mcap.read_bytes()).hexdigest() != line["sha256"]:
        wrong.append("its checksum is another")
    if line["lost"]:
        wrong.append(f"{line['lost']} messages lost")
    return wrong


def main() -> int:
    """Record, check, say what is wrong; 1 when something is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out/session"), help="folder of the recordings")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each state of each page")
    parser.add_argument("--language", default="en", help="en or es")
    given = parser.parse_args()
    begun = time.monotonic()
    record(given.out, given.pictures, given.language)
    wrong = check(max((given.out / "sub-S01").glob("ses-*")))
    for line in wrong:
        print(f"wrong: {line}")
    print(f"{'not ' if wrong else ''}as it should be, after {(time.monotonic() - begun) / 60:.1f} min")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
