"""Who may ask the console for anything: the Host, the Origin, a secret per page, and TLS beyond this machine.

Each page has a secret of its own, so the subject's browser cannot stop a session nor see the operator's page.
The secret comes once in the address that the console prints, and from then on in a cookie that scripts cannot
read and that goes to that page's addresses alone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import secrets
import socket
import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn, get_args

from aiohttp import web
from aiohttp.typedefs import Handler

from rig.errors import ConsoleError

Role = Literal["operator", "subject"]

ROLES: tuple[Role, ...] = get_args(Role)
"""Who looks at a page."""

PATHS: dict[Role, str] = {"operator": "/console", "subject": "/subject"}
"""What each page's addresses begin with."""

SHORTEST_PASSWORD = 12
"""characters."""

TRIES = 20
"""Ports that are tried from the wanted one on: a second rig on the machine has pages of its own."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; media-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the console listens, and what it asks of whoever comes.

    Attributes:
        host: address or name to listen on.
        port: TCP.
        tls: None without TLS.
        password: asked for at the first visit; "" for none.
        keys: a secret per role.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    password: str = ""
    keys: dict[Role, str] = field(default_factory=lambda: {role: secrets.token_urlsafe(32) for role in ROLES})

    @property
    def origin(self) -> str:
        """What a page of ours names as its origin, but for the names of this machine."""
        return f"{'https' if self.tls else 'http'}://{_bracketed(self.host)}:{self.port}"

    def address(self, role: Role) -> str:
        """What a person opens."""
        return f"{self.origin}{PATHS[role]}?token={self.keys[role]}"

    def hosts(self) -> frozenset[str]:
        """Values of the Host header that are meant for us."""
        names = {self.host}
        if is_loopback(self.host):
            names |= {"127.0.0.1", "localhost", "::1"}
        return frozenset(f"{_bracketed(name)}:{self.port}" for name in names)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secure(host: str, certificate: str, key: str, password_file: str) -> tuple[ssl.SSLContext | None, str]:
    """TLS and password for an address; an address that others reach must have both.

    Args:
        host: to listen on.
        certificate: PEM file, "" for none.
        key: PEM file of its private key, "" for none.
        password_file: its first line is the password, "" for none.

    Raises:
        ConsoleError: the address is open to others without TLS or password, or a file is unfit.
    """
    if not is_loopback(host) and not (certificate and key and password_file):
        raise ConsoleError(
            f"console: {host} can be reached from other machines: give certificate, key and password_file, "
            "or keep to 127.0.0.1"
        )
    if host in ("0.0.0.0", "::", ""):
        raise ConsoleError(f"console: host {host!r} is every address at once: name the one to listen on")
    context = None
    if certificate or key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(certificate, key or None)
        except (OSError, ssl.SSLError) as error:
            raise ConsoleError(f"console: certificate {certificate}, key {key}: {error}") from error
    return context, _password(password_file) if password_file else ""


def bound(host: str, port: int) -> socket.socket:
    """A listening socket on the wanted port or one of the next.

    Raises:
        ConsoleError: none of them is free, or the address is not this machine's.
    """
    last: OSError | None = None
    for number in [port] if port == 0 else range(port, min(port + TRIES, 65536)):
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, number), family=family)
        except OSError as error:
            last = error
    raise ConsoleError(f"console: cannot listen on {host}, port {port}: {last.strerror if last else ''}")


def _password(name: str) -> str:
    path = Path(name).expanduser()
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConsoleError(f"console: {path} can be read by others: chmod 600 {path}")
        password = path.read_text(encoding="utf-8").partition("\n")[0]
    except OSError as error:
        raise ConsoleError(f"console: password_file {path}: {error.strerror}") from error
    if len(password) < SHORTEST_PASSWORD:
        raise ConsoleError(
            f"console: password_file {path}: its first line has fewer than {SHORTEST_PASSWORD} characters"
        )
    return password


class Guard:
    """Looks at every request before anybody answers it.

    Args:
        door: what is asked.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._hosts = door.hosts()
        self._scheme = "https" if door.tls else "http"
        # Not the secret of the address: what a browser stores opens nothing once this process has ended.
        self._cookies: dict[Role, str] = {role: secrets.token_urlsafe(32) for role in ROLES}

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware: refuse with 403 whatever is not ours."""
        self._check_host(request)
        self._check_origin(request)
        role = role_of(request)
        if role is not None and not self._is_entrance(request, role) and not self._has_cookie(request, role):
            raise web.HTTPForbidden(text="Open the address that the console printed in its terminal.\n")
        return await handler(request)

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Signal handler: the same headers on every answer, errors too."""
        response.headers.update(HEADERS)

    def _check_host(self, request: web.Request) -> None:
        # A foreign name that resolves to this machine (DNS rebinding) names itself here.
        if request.headers.getall("Host", []) not in [[host] for host in self._hosts]:
            raise web.HTTPForbidden(text="This console does not answer to that host name.\n")

    def _check_origin(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        own = {f"{self._scheme}://{host}" for host in self._hosts}
        asks_more = request.method not in ("GET", "HEAD") or "Upgrade" in request.headers
        if (origin is None and asks_more) or (origin is not None and origin not in own):
            raise web.HTTPForbidden(text="This console answers its own pages alone.\n")

    @staticmethod
    def _is_entrance(request: web.Request, role: Role) -> bool:
        return request.method == "GET" and request.path == PATHS[role] and "token" in request.query

    def _has_cookie(self, request: web.Request, role: Role) -> bool:
        return _same(request.cookies.get(self._cookie_name(role), ""), self._cookies[role])

    def _cookie_name(self, role: Role) -> str:
        return f"rig_{role}_{self._door.port}"  # a browser keeps one set of cookies for all ports

    def let_in(self, request: web.Request, role: Role, to: str) -> NoReturn:
        """Answer to the address with the secret: a cookie, and on to the page.

        Raises:
            web.HTTPSeeOther: welcome.
            web.HTTPForbidden: the secret is wrong.
            web.HTTPUnauthorized: the password is.
        """
        if not _same(request.query.get("token", ""), self._door.keys[role]):
            raise web.HTTPForbidden(text="Wrong token: open the address that the console printed.\n")
        if self._door.password and not _same(_basic_password(request), self._door.password):
            raise web.HTTPUnauthorized(
                text="Password?\n", headers={"WWW-Authenticate": 'Basic realm="rig console", charset="UTF-8"'}
            )
        answer = web.HTTPSeeOther(to)
        answer.set_cookie(
            self._cookie_name(role),
            self._cookies[role],
            path=PATHS[role],
            httponly=True,
            secure=self._door.tls is not None,
            samesite="Strict",
        )
        raise answer


def role_of(request: web.Request) -> Role | None:
    """Whose address a request asks for; None for nobody's."""
    return next((role for role, path in PATHS.items() if f"{request.path}/".startswith(f"{path}/")), None)


def _same(given: str, expected: str) -> bool:
    """Compared in a time that tells nothing."""
    return bool(given) and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def _basic_password(request: web.Request) -> str:
    kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
