"""The console against those who should not be there: a real server, one attack a test."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rig.console.guard import Door, Guard, secure
from rig.console.server import LARGEST
from rig.errors import ConsoleError
from rig.transport import environment

NODE = [sys.executable, "-c", "from rig.nodes.console import main; main()", "--ros-args"]


@dataclass
class Console:
    """A console that runs, and its two addresses' secrets."""

    port: int
    tokens: dict[str, str]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request, sent as given: nothing is put right on the way."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = {"Host": self.host} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given["Content-Length"] = str(len(body))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found

    def cookie(self, page: str) -> str:
        """What a browser keeps after it was let in."""
        role = {"console": "operator", "subject": "subject"}[page]
        status, headers, _ = self.ask(f"/{page}?token={self.tokens[role]}")
        assert status == 303
        assert headers["Location"] == f"/{page}/"
        return headers["Set-Cookie"].partition(";")[0]

    def command(self, page: str, **wanted: str) -> tuple[int, bytes]:
        status, _, body = self.ask(
            f"/{page}/command", "POST", json.dumps(wanted).encode(),
            Cookie=self.cookie(page), Origin=f"http://{self.host}", Content_Type="application/json",
        )  # fmt: skip
        return status, body


def start(*parameters: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A console, and its lines up to both addresses or its end."""
    given = [word for parameter in parameters for word in ("-p", parameter)]
    process = subprocess.Popen(
        [*NODE, *given], env=os.environ | environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line.strip())
        if sum("page: http" in line for line in said) == 2:
            break
    return process, said


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    process, said = start("port:=0")
    found = [re.fullmatch(r"(\w+)'s page: http://127\.0\.0\.1:(\d+)/\w+\?token=(\S+)", line) for line in said]
    matches = [match for match in found if match]
    assert len(matches) == 2, said
    yield Console(int(matches[0][2]), {match[1]: match[3] for match in matches})
    process.terminate()
    assert process.wait(20) == 0


def test_whoever_has_the_token_gets_the_page(console: Console) -> None:
    status, headers, body = console.ask("/console/", Cookie=console.cookie("console"))
    assert status == 200
    assert b"<title>Console</title>" in body
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    status, headers, _ = console.ask("/subject/static/subject.js", Cookie=console.cookie("subject"))
    assert (status, headers["Cache-Control"]) == (200, "no-store")


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(console: Console) -> None:
    _, headers, _ = console.ask(f"/console?token={console.tokens['operator']}")
    name_and_value, *rules = headers["Set-Cookie"].split("; ")
    assert set(rules) == {"HttpOnly", "Path=/console", "SameSite=Strict"}
    assert console.tokens["operator"] not in name_and_value


@pytest.mark.parametrize(
    "path", ["/console?token=wrong", "/console?token=", "/console", "/subject?token=%FF"]
)
def test_a_wrong_token_opens_nothing(console: Console, path: str) -> None:
    status, headers, _ = console.ask(path)
    assert status == 403
    assert "Set-Cookie" not in headers
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/console/", "/console/static/console.js", "/console/preview/webcam-frames", "/console/live",
        "/subject/", "/subject/clip/au12.webm", "/subject/board", "/console/nothing",
    ],
)  # fmt: skip
def test_nothing_is_served_without_the_cookie(console: Console, path: str) -> None:
    assert console.ask(path)[0] == 403
    assert console.ask(path, Cookie=f"rig_operator_{console.port}=x; rig_subject_{console.port}=x")[0] == 403


def test_the_subjects_page_opens_nothing_of_the_operators(console: Console) -> None:
    subject, operator = console.cookie("subject"), console.tokens["subject"]
    for path in ("/console/", "/console/preview/webcam-frames", "/console/live"):
        value = subject.partition("=")[2]
        assert console.ask(path, Cookie=f"rig_operator_{console.port}={value}")[0] == 403
    assert console.ask(f"/console?token={operator}")[0] == 403
    assert console.command("subject", command="skip")[0] == 403
    assert console.command("subject", command="note", argument="x")[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""])
def test_a_foreign_host_name_is_refused(console: Console, host: str) -> None:
    cookie = console.cookie("console")
    assert console.ask("/console/", Host=host, Cookie=cookie)[0] == 403
    assert console.ask(f"/console?token={console.tokens['operator']}", Host=host)[0] == 403


def test_this_machine_is_known_by_its_names(console: Console) -> None:
    cookie = console.cookie("console")
    assert console.ask("/console/", Host=f"localhost:{console.port}", Cookie=cookie)[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1"]
)
def test_a_foreign_origin_commands_nothing(console: Console, origin: str) -> None:
    body, cookie = json.dumps({"command": "stop"}).encode(), console.cookie("console")
    for headers in ({"Origin": origin.format(port=console.port)}, {}):
        status, _, _ = console.ask(
            "/console/command", "POST", body, Cookie=cookie, Content_Type="application/json", **headers
        )
        assert status == 403


def test_a_form_of_another_site_commands_nothing(console: Console) -> None:
    status, _, _ = console.ask(
        "/console/command", "POST", b'{"command": "stop"}',
        Cookie=console.cookie("console"), Origin=f"http://{console.host}", Content_Type="text/plain",
    )  # fmt: skip
    assert status == 415


@pytest.mark.parametrize(
    "path",
    [
        "/console/static/../server.py", "/console/static/..%2fserver.py", "/console/static/%2e%2e/guard.py",
        "/console/static//etc/passwd", "/console/static/%2fetc%2fpasswd", "/console/static/..%5cserver.py",
        "/console/static/subject.html%00.js", "/console/preview/..%2f..%2fetc%2fpasswd", "/console/static/",
    ],
)  # fmt: skip
def test_nobody_climbs_out_of_the_pages(console: Console, path: str) -> None:
    status, _, body = console.ask(path, Cookie=console.cookie("console"))
    assert status in (400, 403, 404)
    assert b"import" not in body
    assert b"root:" not in body


def test_clips_are_those_of_the_folder_alone(console: Console) -> None:
    cookie = console.cookie("subject")
    for name in ("au12.webm", "..%2f..%2fsetup.py", "%2fetc%2fpasswd"):
        assert console.ask(f"/subject/clip/{name}", Cookie=cookie)[0] == 404


def test_an_oversized_body_is_refused(console: Console) -> None:
    status, body = console.command("console", command="note", argument="x" * (LARGEST + 1))
    assert status == 413
    status, body = console.command("console", command="note", argument="x" * 2001)
    assert status == 400
    assert b"at most 2000 characters" in body


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"command": 1}', b'{"command": "note", "argument": {}}', b"\xff"]
)
def test_garbage_is_refused(console: Console, body: bytes) -> None:
    status, _, _ = console.ask(
        "/console/command", "POST", body,
        Cookie=console.cookie("console"), Origin=f"http://{console.host}", Content_Type="application/json",
    )  # fmt: skip
    assert status == 400


def test_without_a_conductor_a_command_is_answered_so(console: Console) -> None:
    status, body = console.command("console", command="start")
    assert status == 200
    assert json.loads(body) == {"accepted": False, "reason": "the conductor is not there"}


def talk(
    console: Console, say: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[Any]], **headers: str
) -> Any:
    """Open the operator's socket with these headers and say something."""

    async def run() -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://{console.host}/console/live", headers=headers) as socket,
        ):
            return await say(socket)

    return asyncio.run(asyncio.wait_for(run(), 20))


async def first_state(socket: aiohttp.ClientWebSocketResponse) -> object:
    return await socket.receive_json()


def test_a_page_of_ours_gets_the_state(console: Console) -> None:
    state = talk(console, first_state, Cookie=console.cookie("console"), Origin=f"http://{console.host}")
    assert state["headline"]["title"] == "No session is running"
    assert state["safety"]["safe"] is None


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
def test_a_foreign_websocket_is_refused(console: Console, origin: str | None) -> None:
    headers = {"Cookie": console.cookie("console")} | ({"Origin": origin} if origin else {})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(console, first_state, **headers)
    assert refused.value.status == 403


def test_a_websocket_without_the_cookie_is_refused(console: Console) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(console, first_state, Origin=f"http://{console.host}")
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("said", "code"), [("x" * (LARGEST + 1), 1009), ("not json", 1003), ('{"ping": []}', 1003)]
)
def test_what_a_socket_should_not_say_closes_it(console: Console, said: str, code: int) -> None:
    async def say(socket: aiohttp.ClientWebSocketResponse) -> int | None:
        await socket.send_str(said)
        while not socket.closed:
            await socket.receive()
        return socket.close_code

    own = {"Cookie": console.cookie("console"), "Origin": f"http://{console.host}"}
    assert talk(console, say, **own) == code


OPEN = "can be reached from other machines: give certificate, key and password_file"


def test_an_open_address_is_refused() -> None:
    process, said = start("host:=192.0.2.1")
    assert process.wait(60) == 2
    assert said == [f"error: console: 192.0.2.1 {OPEN}, or keep to 127.0.0.1"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("192.0.2.1", "", "", ""), OPEN),
        (("192.0.2.1", "c.pem", "k.pem", ""), OPEN),
        (("0.0.0.0", "", "", ""), OPEN),
        (("::", "c.pem", "k.pem", "p"), "every address at once"),
        (("127.0.0.1", "/nowhere.pem", "/nowhere.pem", ""), "certificate /nowhere.pem"),
        (("127.0.0.1", "", "", "/nowhere"), "password_file /nowhere: No such file"),
    ],
)
def test_half_a_protection_is_refused(given: tuple[str, str, str, str], words: str) -> None:
    with pytest.raises(ConsoleError, match=words):
        secure(*given)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [("correct horse battery", 0o644, "can be read by others"), ("short", 0o600, "fewer than 12 characters")],
)
def test_a_poor_password_is_refused(text: str, mode: int, words: str, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(text)
    password.chmod(mode)
    with pytest.raises(ConsoleError, match=words):
        secure("127.0.0.1", "", "", str(password))


def test_with_a_password_the_token_alone_opens_nothing() -> None:
    """The guard before a small application: TLS itself is the ssl module's."""
    door = Door("127.0.0.1", 8700, password="correct horse battery")
    guard = Guard(door)

    async def enter(request: web.Request) -> web.StreamResponse:
        guard.let_in(request, "operator", "/console/")

    async def visit(password: str | None, token: str) -> tuple[int, bool]:
        app = web.Application(middlewares=[guard.watch])
        app.router.add_get("/console", enter)
        headers = {"Host": "127.0.0.1:8700"}
        if password is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth("", password)
        async with TestClient(TestServer(app)) as client:
            answer = await client.get(f"/console?token={token}", headers=headers, allow_redirects=False)
            return answer.status, "Set-Cookie" in answer.headers

    token = door.keys["operator"]
    assert asyncio.run(visit(None, token)) == (401, False)
    assert asyncio.run(visit("wrong horse battery", token)) == (401, False)
    assert asyncio.run(visit("correct horse battery", "wrong")) == (403, False)
    assert asyncio.run(visit("correct horse battery", token)) == (303, True)
