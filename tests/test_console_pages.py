"""A session through both pages in a real browser: what is pressed there is what lies on the disk."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rosbags.rosbag2 import Reader

from rig.graph import Graph, RecordOptions, record_graph
from rig.starting.local import Running
from tests.conftest import Session, rig_file

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no browser: the Debian package chromium is not installed (apt-get install chromium)",
    ),
    # A session is as long as it is: a busy machine takes minutes to start its processes.
    pytest.mark.timeout(600),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]

PATIENCE = 40_000
"""ms that a page may take to show something, on a busy machine."""

expect.set_options(timeout=PATIENCE)

PHOTOGRAPH = {"source": "virtual", "scene": "photograph", "pixels": "ideal", "step_rate": 200.0}

SCRIPT = {
    "name": "short",
    "introduction": "confirmed",
    "familiarisation": True,
    "settle": "confirmed",
    "rehearsal": [12],
    "demonstration": {"clip": 0.2, "repeats": 1},
    "countdown": 1.2,
    "perform": 1.5,
    "rest": 0.4,
    "closing": "confirmed",
    "texts": {
        "description": "{name}, described",
        "settle": "Sit.",
        "ready": "Now it counts.",
        "closing": "Something again?",
        "finished": "That was all.",
    },
}


class Addresses:
    """What the graph says, and the pages' addresses in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._found: dict[str, str] = {}
        self._news = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._news:
            self.lines.append(line)
            found = re.search(r"(\w+)'s page: (\S+)", line)
            if found:
                self._found[found[1]] = found[2]
            self._news.notify_all()

    def of(self, role: str) -> str:
        with self._news:
            assert self._news.wait_for(lambda: role in self._found, PATIENCE / 1000), "\n".join(self.lines)
            return self._found[role]


def attended(folder: Path) -> Graph:
    """A session of two Action Units that waits for its people."""
    script = folder / "script.yaml"
    script.write_text(yaml.safe_dump(SCRIPT))
    options = RecordOptions(
        rig=rig_file(folder, {"davis346": PHOTOGRAPH}),
        script=str(script),
        aus="12,45",
        out=str(folder / "out"),
    )
    graph = record_graph(options).with_parameters({"console": {"port": 0}})
    # What is red of a photograph on a busy machine is no matter of the pages: it would hold the start up.
    nodes = tuple(node for node in graph.nodes if node.name not in ("quality_monitor", "sync_monitor"))
    return Graph(nodes, graph.title)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Browser, address: str, errors: list[str]) -> Page:
    """A page in a browser of its own, as on another screen; what its scripts complain of is kept."""
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(SEEN)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    return page


SEEN = """
window.seen = [];
new MutationObserver(() => {
  const safe = document.getElementById("safety")?.dataset.safe ?? "";
  const block = document.getElementById("block")?.textContent ?? "";
  const title = document.getElementById("title")?.textContent ?? document.body?.dataset.phase;
  const now = [title, block || safe].join("|");
  if (seen.at(-1) !== now) seen.push(now);
}).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""
"""What a page showed, however briefly: on a busy machine a phase passes between two looks."""


def wait_for_phase(page: Page, phase: str) -> None:
    expect(page.locator("body")).to_have_attribute("data-phase", phase)


def wait_for_title(page: Page, title: str) -> None:
    expect(page.locator("#title")).to_have_text(title)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def walk(operator: Page, subject: Page, browser: Browser, addresses: Addresses, errors: list[str]) -> None:
    """The whole session: every command by a key or a button of a page."""
    wait_for_title(operator, "Ready")
    subject.get_by_role("button", name="Test the sound").click()
    subject.get_by_role("button", name="Yes, I hear them").click()
    expect(operator.locator("#checks")).to_contain_text("heard by the subject")
    operator.keyboard.press("s")
    wait_for_phase(subject, "introduction")
    subject.keyboard.press("Enter")

    wait_for_phase(subject, "consent")
    expect(subject.locator("[data-command=consent]")).to_be_disabled()
    subject.check("input[name=research]")
    subject.check("input[name=figures]")
    subject.locator("[data-command=consent]").click()

    for name in ("Lip Corner Puller", "Blink"):
        expect(subject.locator(".text")).to_have_text(f"{name}, described")
        subject.keyboard.press("Enter")
    wait_for_phase(subject, "settle")
    operator.keyboard.press("c")
    expect(subject.locator(".text")).to_have_text("Now it counts.")
    assert "perform|practice" in subject.evaluate("seen")

    wait_for_title(operator, "Subject settles")
    before = operator.locator("#detail").inner_text()
    operator.reload()
    second = opened(browser, addresses.of("operator"), errors)
    twin = opened(browser, addresses.of("subject"), errors)
    subject.reload()
    for page in (operator, second):
        wait_for_title(page, "Subject settles")
        assert page.locator("#detail").inner_text() == before
    for page in (subject, twin):
        wait_for_phase(page, "settle")
    subject.keyboard.press("Enter")

    second.reload()
    expect(subject.locator(".text")).to_have_text("Something again?")
    assert "Recording AU 12 Lip Corner Puller|false" in operator.evaluate("seen")
    expect(operator.locator("#safety")).to_have_attribute("data-safe", "true")
    expect(operator.locator("#trials .chip")).to_have_count(2)
    smile = operator.locator("#trials li", has_text="Lip Corner Puller")
    smile.locator(".chip").click()
    operator.keyboard.type("blinked")
    operator.keyboard.press("Control+Enter")
    expect(smile).to_contain_text("take 1: “blinked”")
    smile.hover()
    smile.get_by_role("button", name="redo").click()
    expect(smile.locator(".chip")).to_have_text(["1–", "2?"])

    wait_for_title(second, "Subject settles")
    expect(second.locator("#trials .chip")).to_have_text(
        operator.locator("#trials .chip").all_text_contents()
    )
    expect(operator.locator("[data-name=davis346-frames] img")).to_have_js_property("naturalWidth", 346)
    operator.keyboard.press("c")
    wait_for_phase(subject, "finished")


def part(operator: Page, subject: Page) -> None:
    """What the pages show when the rig is gone: the last that it said."""
    wait_for_title(operator, "The rig has ended")
    expect(operator.locator("#safety")).to_have_attribute("data-safe", "true")
    expect(operator.locator("#safety")).to_contain_text("3 takes are on the disk.")
    expect(subject.locator(".text")).to_have_text("That was all.")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("pages")
    addresses, errors = Addresses(), list[str]()
    with chromium() as browser:
        with Running(attended(folder), addresses) as running:
            operator = opened(browser, addresses.of("operator"), errors)
            subject = opened(browser, addresses.of("subject"), errors)
            try:
                walk(operator, subject, browser, addresses, errors)
            except AssertionError as error:
                error.add_note("\n".join(["the rig said:", *addresses.lines]))
                raise
            ended = running.wait(timeout=40.0)
        part(operator, subject)
    assert errors == []
    assert ended is not None, "\n".join(addresses.lines)
    return Session(folder / "out" / "sub-S01" / "ses-01", ended[1], addresses.lines)


def test_a_session_is_run_through_the_pages(session: Session) -> None:
    assert session.code == 0
    found = sorted((line["au"], line["run"], line["outcome"]) for line in session.manifest)
    assert found == [(12, 1, "complete"), (12, 2, "complete"), (45, 1, "complete")]
    for line in session.manifest:
        assert line["lost"] == 0
        with Reader(session.folder / line["take"]) as reader:
            assert reader.message_count == line["messages"] > 0
            assert "/session/shown" in reader.topics


def test_the_consent_is_what_was_ticked(session: Session) -> None:
    consent = json.loads((session.folder / "consent.json").read_text())
    assert sorted(consent["scopes"]) == ["figures", "research"]


def test_who_said_what_is_in_the_journal(session: Session) -> None:
    said = [line for line in lines(session.folder / "journal.jsonl") if line.get("event") == "command"]
    told = [(line["by"], line["command"]) for line in said if line["accepted"]]
    assert told == [
        ("operator", "start"),
        ("subject", "confirm"),
        ("subject", "consent"),
        ("subject", "confirm"),
        ("subject", "confirm"),
        ("operator", "confirm"),
        ("subject", "confirm"),
        ("operator", "note"),
        ("operator", "redo"),
        ("operator", "confirm"),
    ]
    note = next(line for line in said if line["command"] == "note")
    assert (note["argument"], note["about"]) == ("blinked", {"au": 12, "take": 1})


def test_a_reload_and_a_second_window_change_nothing(session: Session) -> None:
    """Every phase came once but for the redo, and one page alone acknowledged it."""
    journal = lines(session.folder / "journal.jsonl")
    begun = [
        (line["au"], line["take"])
        for line in journal
        if line.get("event") == "transition" and line["phase"] == "countdown"
    ]
    assert begun == [(12, 0), (12, 1), (45, 1), (12, 2)]
    shown = [line for line in journal if line.get("event") == "shown" and line["name"] == "countdown drawn"]
    assert [(line["au"], line["take"]) for line in shown] == begun


def test_cues_are_acknowledged_with_the_time_at_which_they_came(session: Session) -> None:
    journal = lines(session.folder / "journal.jsonl")
    began = {
        (line["phase"], line["au"], line["take"]): line["start_ns"]
        for line in journal
        if line.get("event") == "transition"
    }
    shown = {
        (line["name"], line["au"], line["take"]): line["time_ns"]
        for line in journal
        if line.get("event") == "shown"
    }
    drawn = shown["perform drawn", 45, 1] - began["perform", 45, 1]
    assert 0 < drawn < 1_000_000_000, "drawn after it was commanded, within what a busy machine needs"
    for phase in ("perform", "rest"):
        off = shown[f"{phase} tone", 45, 1] - began[phase, 45, 1]
        assert abs(off) < 60_000_000, "a tone is scheduled ahead: no busy machine delays it"
    tick = shown["countdown tone 1", 45, 1] - began["countdown", 45, 1]
    assert abs(tick - 200_000_000) < 60_000_000, "one second before the end of the countdown"
