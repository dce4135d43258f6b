"""The one client for calls out of here: every address is checked after it is resolved, and that very address is called.

No redirects unless asked for, none to another host with credentials; no proxy, certificate or netrc from the
environment; at most 6 s and 1 MiB a call; one try. Errors name the host alone: a path, a query, a header or a body may
hold a secret.
"""

from __future__ import annotations

import functools
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx
from django.conf import settings

from pipelines.clients.addresses import Allowed, is_listed, why_not

#: Seconds: to resolve a name, to connect, between two bytes, and in all.
RESOLVE, CONNECT, READ, WHOLE = 2.0, 2.0, 4.0, 6.0
MIB = 1024 * 1024
MOST_REDIRECTS = 3
_WRITE_BYTES = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
#: Names as they go to a name server, and addresses.
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
#: Headers that are never carried to another host.
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization", "jenkins-crumb")

Resolver = Callable[[str, int], list[str]]


class HttpError(Exception):
    """A call that gave no answer to go by. `may_have_arrived`: the other side may have acted on it."""

    def __init__(self, message: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.may_have_arrived = may_have_arrived

    @property
    def is_retryable(self) -> bool:
        """True when the same call may do better later."""
        return not isinstance(self, Forbidden | TooLarge)


class Forbidden(HttpError):
    """An address that must not be called; asking again changes nothing."""


class Unreachable(HttpError):
    """It never got there: no such name, nobody listens, no time to connect."""


class NoAnswer(HttpError):
    """It may have got there, and no whole answer came back."""


class TooLarge(HttpError):
    """More than the caller takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`is_cut`: the caller took only the beginning of the body."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes
    is_cut: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def resolve(host: str, port: int) -> list[str]:
    """Addresses of a name, each once, in the system's order. Raises OSError; gives up after two seconds.

    The C library cannot be told how long to try, so a thread waits for it that is left behind when it takes too long.
    """
    answers: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(each[4][0]) for each in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=RESOLVE)
    except queue.Empty:
        raise TimeoutError("the name server does not answer") from None
    if isinstance(answer, list):
        return answer
    raise OSError(str(answer))


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be called and how names are resolved."""

    allowed: Allowed = field(default_factory=Allowed)
    resolver: Resolver = resolve
    proxy: str = ""
    ca_file: str = ""

    @classmethod
    def of_settings(cls) -> Guard:
        allowed = Allowed.read(settings.OUTBOUND_ALLOW)
        return cls(allowed, proxy=settings.OUTBOUND_PROXY, ca_file=settings.OUTBOUND_CA_FILE)


class Budget:
    """The time a caller has for one or several calls, from its making on."""

    def __init__(self, seconds: float = WHOLE) -> None:
        self._until = time.monotonic() + seconds

    def left(self, most: float = WHOLE) -> float:
        return min(self._until - time.monotonic(), most)


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    most_bytes: int = MIB,
    may_cut: bool = False,
    redirects: int = 0,
    budget: Budget | None = None,
    guard: Guard | None = None,
) -> Answer:
    """One call. Raises HttpError; any status is an answer. `may_cut`: of a longer body its first `most_bytes`."""
    guard, budget = guard or Guard.of_settings(), budget or Budget()
    try:
        request = httpx.Request(method, url, headers=_plain(headers or {}), content=content)
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError):
        raise Forbidden("This is not an address that can be called.") from None
    for hop in range(min(redirects, MOST_REDIRECTS) + 1):
        answer = _call(request, guard, budget, most_bytes, may_cut)
        target = answer.headers.get("location")
        if answer.status not in _REDIRECTS or not target or hop == min(redirects, MOST_REDIRECTS):
            return answer
        request = _redirected(request, answer.status, target)
    raise AssertionError


def place(url: httpx.URL | str) -> str:
    """Of an address only what may be told: "https://ci.example.org"."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "an unreadable address"
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.scheme}://{parsed.host}{port}"


def joined(url: str, target: str) -> str:
    """Where `target`, found in an answer of `url`, leads to. Raises ValueError."""
    try:
        return str(httpx.URL(url).join(target))
    except httpx.InvalidURL:
        raise ValueError("not an address") from None


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """No compression: a small answer must not become a large one."""
    return {"User-Agent": "spinnaker-web", **headers, "Accept-Encoding": "identity", "Connection": "close"}


def _call(request: httpx.Request, guard: Guard, budget: Budget, most_bytes: int, may_cut: bool) -> Answer:
    addresses = _checked(request.url, guard)
    with (
        _errors(request.url),
        _pool(guard, addresses, budget) as pool,
        pool.stream(
            request.method,
            _read_once(request.url),
            headers=request.headers.raw,
            content=request.content,
            extensions={"timeout": {"connect": CONNECT, "read": READ, "write": READ, "pool": CONNECT}},
        ) as response,
    ):
        headers = httpx.Headers(response.headers)
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise NoAnswer(f"{place(request.url)} sends what was not asked for (compressed).", may_have_arrived=True)
        body, is_cut = _read(response.iter_stream(), most_bytes)
        if is_cut and not may_cut:
            raise TooLarge(f"{place(request.url)} answers with more than {most_bytes} bytes.", may_have_arrived=True)
        return Answer(str(request.url), response.status, headers, body, is_cut)


def _read_once(url: httpx.URL) -> httpcore.URL:
    """As httpx has parsed it: a second parser could take another host out of the same text."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _read(chunks: Iterable[bytes], most: int) -> tuple[bytes, bool]:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def _checked(url: httpx.URL, guard: Guard) -> list[str]:
    """The addresses of the host, all of them allowed. Raises Forbidden, Unreachable."""
    if url.scheme not in ("http", "https") or not url.host:
        raise Forbidden("Only http:// and https:// addresses can be called.")
    if url.port is not None and not 0 < url.port < 65536:
        raise Forbidden(f"{url.host} has no port {url.port}.")
    if url.userinfo:
        raise Forbidden(f"Credentials do not belong into an address ({place(url.copy_with(userinfo=None))}).")
    host = url.raw_host.decode("ascii", "replace")
    if not _HOST.fullmatch(host):
        raise Forbidden("This is not an address that can be called.")
    try:
        addresses = guard.resolver(host, url.port or (443 if url.scheme == "https" else 80))
    except OSError as error:
        raise Unreachable(f"{host} cannot be resolved: {error}.") from None
    if not addresses:
        raise Unreachable(f"{host} has no address.")
    for address in addresses:
        if reason := why_not(address, host, guard.allowed):
            raise Forbidden(
                f"{place(url)} may not be called: {reason}. An operator can allow it (SPINNAKER_OUTBOUND_ALLOW)."
            )
    if url.scheme == "http" and not all(is_listed(address, host, guard.allowed) for address in addresses):
        raise Forbidden(f"{place(url)} may only be called by https.")
    return addresses


def _redirected(request: httpx.Request, status: int, target: str) -> httpx.Request:
    """Where an answer points to, as browsers follow it: by GET, except where the status says the same again."""
    try:
        url = request.url.join(target)
    except httpx.InvalidURL:
        raise Forbidden(f"{place(request.url)} redirects to what is no address.") from None
    if request.url.scheme == "https" and url.scheme != "https":
        raise Forbidden(f"{place(request.url)} redirects to an address without https.")
    keeps_body = status in (307, 308) or request.method in ("GET", "HEAD")
    dropped = {"host", "content-length", "transfer-encoding"}
    if (url.scheme, url.host, url.port) != (request.url.scheme, request.url.host, request.url.port):
        # Any header of the caller's may be a credential: only what says what kind of answer is wanted goes on.
        kept = {"user-agent", "accept", "accept-encoding", "connection", "content-type"}
        dropped |= {name.lower() for name in request.headers} - kept | set(_CREDENTIALS)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
    method = request.method if keeps_body else "GET"
    return httpx.Request(method, url, headers=headers, content=request.content if keeps_body else b"")


@contextmanager
def _errors(url: httpx.URL) -> Iterator[None]:
    """What went wrong in our words; the cause is left out of the chain, since it may quote the request."""
    where = place(url)
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError) as error:
        raise Unreachable(f"{where} cannot be reached: {_reason(error)}.") from None
    except httpcore.TimeoutException:
        raise NoAnswer(f"{where} took too long to answer.", may_have_arrived=True) from None
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        raise NoAnswer(f"{where} gave no whole answer: {_reason(error)}.", may_have_arrived=True) from None
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol):
        raise Forbidden(f"A header for {where} cannot be sent as it is.") from None


def _reason(error: Exception) -> str:
    """Of an error of the network only its kind and the system's own words."""
    if isinstance(error, httpcore.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpcore.ConnectError):
        return str(error).removesuffix(".") or "no connection"
    return "the connection ended" if isinstance(error, httpcore.NetworkError) else "it does not speak HTTP"


# The pinned connection.


def _pool(guard: Guard, addresses: list[str], budget: Budget) -> httpcore.ConnectionPool:
    tls = _tls(guard.ca_file)
    if guard.proxy:
        return httpcore.HTTPProxy(guard.proxy, ssl_context=tls, network_backend=_Backend([], budget))
    return httpcore.ConnectionPool(ssl_context=tls, retries=0, network_backend=_Backend(addresses, budget))


@functools.cache
def _tls(ca_file: str) -> ssl.SSLContext:
    """Reading the certificates takes longer than many a call."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class _Backend(httpcore.NetworkBackend):
    """Connects to the checked addresses whatever the name would resolve to now; none: to the proxy by its name."""

    def __init__(self, addresses: list[str], budget: Budget) -> None:
        self._addresses = addresses
        self._budget = budget
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        error: Exception = httpcore.ConnectTimeout()
        for address in self._addresses or [host]:
            left = self._budget.left(timeout or CONNECT)
            if left <= 0:
                break
            try:
                stream = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
                return _Stream(stream, self._budget)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error


class _Stream(httpcore.NetworkStream):
    """A connection that ends with the caller's time, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._budget)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None, late: type[Exception]) -> float:
        left = self._budget.left(timeout or READ)
        if left <= 0:
            raise late()
        return left
