"""A Jenkins controller to test against: its remote API over real HTTP, its queue, its memory, and its bad days.

Builds move only when the test says so (`begin`, `end`), or by themselves with `is_quick`. `misbehave` spoils the next
requests that match; `restarting` takes it off the network and back.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.misbehaving import serving

USER, TOKEN = "spinnaker", "a token for tests only"


@dataclass
class Build:
    number: int
    queue_id: int
    parameters: dict[str, str]
    user: str
    result: str | None = None
    artifacts: dict[str, bytes] = field(default_factory=dict)
    console: bytes = b""
    is_stubborn: bool = False

    @property
    def is_building(self) -> bool:
        return self.result is None


@dataclass
class Item:
    id: int
    job: str
    parameters: dict[str, str]
    user: str
    number: int | None = None
    is_cancelled: bool = False


@dataclass
class Job:
    #: Name to the values it allows; none: any.
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_buildable: bool = True
    builds: list[Build] = field(default_factory=list)


@dataclass
class Spoiled:
    method: str
    path: str
    how: str
    times: int


class Controller:
    """`port` stays the same over restarts."""

    def __init__(self, *, wants_crumb: bool = False, is_quick: bool = False) -> None:
        self.jobs: dict[str, Job] = {}
        self.items: dict[int, Item] = {}
        self.wants_crumb = wants_crumb
        self.is_quick = is_quick
        self.port = 0
        self.asked: list[tuple[str, str]] = []
        self._ids = itertools.count(40)
        self._spoiled: list[Spoiled] = []
        self._crumbs: set[tuple[str, str]] = set()
        self._crumb_numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._network = contextlib.ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # what tests do

    def job(self, name: str, **parameters: tuple[str, ...]) -> Job:
        self.jobs[name] = Job(parameters)
        return self.jobs[name]

    def begin(self, job: str) -> Build:
        """The oldest queued item of the job becomes a build."""
        item = min((item for item in self.waiting() if item.job == job), key=lambda item: item.id)
        return self._begin(item)

    def end(self, job: str, result: str = "SUCCESS", **artifacts: bytes) -> Build:
        """The newest build of the job ends. Files are named by _ for . in their names."""
        build = self.jobs[job].builds[-1]
        build.artifacts |= {name.replace("_", "."): content for name, content in artifacts.items()}
        build.result = result
        return build

    def waiting(self) -> list[Item]:
        return [item for item in self.items.values() if item.number is None and not item.is_cancelled]

    def count(self, job: str) -> int:
        """Builds and queued items of a job: what somebody has asked for."""
        return len(self.jobs[job].builds) + sum(item.job == job for item in self.waiting())

    def misbehave(self, method: str, path: str, how: str, times: int = 1) -> None:
        """`how`: a status, "503 after", "drop", "drop after", "slow", "slow after", "nonsense", "html", "lost crumb"."""
        self._spoiled.append(Spoiled(method, path, how, times))

    def forget_queue(self) -> None:
        self.items.clear()

    def forget_session(self) -> None:
        self._crumbs.clear()

    def posts(self, part: str) -> int:
        return sum(method == "POST" and part in path for method, path in self.asked)

    # the network

    def start(self) -> None:
        server = self._network.enter_context(serving(_Handler, self.port))
        server.controller = self
        self.port = server.server_address[1]

    def stop(self) -> None:
        self._network.close()

    # what it does

    def ask(self, job: str, given: dict[str, str], user: str) -> Item:
        """As Jenkins does: undeclared parameters are dropped, and an equal item that still waits is the answer."""
        with self._lock:
            declared = {name: given[name] for name in self.jobs[job].parameters if name in given}
            for item in self.waiting():
                if item.job == job and item.parameters == declared:
                    return item
            item = Item(next(self._ids), job, declared, user)
            self.items[item.id] = item
            if self.is_quick:
                self._begin(item)
                self.end(job)
            return item

    def _begin(self, item: Item) -> Build:
        job = self.jobs[item.job]
        build = Build(len(job.builds) + 1, item.id, item.parameters, item.user)
        job.builds.append(build)
        item.number = build.number
        return build

    def spoil(self, method: str, path: str) -> str:
        with self._lock:
            for one in self._spoiled:
                if one.times and one.method == method and re.search(one.path, path):
                    one.times -= 1
                    return one.how
        return ""

    def new_crumb(self) -> tuple[str, str]:
        pair = f"crumb-{next(self._crumb_numbers)}", f"session-{time.time_ns()}"
        self._crumbs.add(pair)
        return pair

    def accepts(self, crumb: str, session: str) -> bool:
        return not self.wants_crumb or (crumb, session) in self._crumbs


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    @property
    def ci(self) -> Controller:
        return self.server.controller

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.ci.asked.append((method, self.path))
        how = self.ci.spoil(method, self.path)
        after = how.endswith(" after")
        if how and not after:
            self._spoil(how)
        else:
            status, headers, body = self._answer(method, content)
            if after:
                self._spoil(how.removesuffix(" after"))
            else:
                self._give(status, body, headers)

    def _spoil(self, how: str) -> None:
        if how == "slow":
            time.sleep(7)
            self.close_connection = True
        elif how == "drop":
            self.close_connection = True
        elif how == "nonsense":
            self._give(200, b'{"number": 1, "builds": [')
        elif how == "html":
            self._give(200, b"<html><h1>Please wait while Jenkins is restarting</h1></html>")
        else:
            self._give(int(how), b"<html>Oops!</html>")

    def _give(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in {"X-Jenkins": "2.479.1", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    # the remote API

    def _answer(self, method: str, content: bytes) -> tuple[int, dict[str, str], bytes]:
        basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {basic}":
            return 401, {}, b"<html>Unauthorized</html>"
        url = urlsplit(self.path)
        if method == "POST":
            session = (self.headers.get("Cookie") or "").partition("JSESSIONID=")[2]
            if not self.ci.accepts(self.headers.get("Jenkins-Crumb") or "", session):
                return 403, {}, b"<html>No valid crumb was included in the request</html>"
            return self._write(url.path.strip("/"), parse_qs(url.query), content)
        return self._read(url.path.strip("/"), parse_qs(url.query))

    def _write(self, path: str, query: dict[str, list[str]], content: bytes) -> tuple[int, dict[str, str], bytes]:
        ci = self.ci
        given = {name: values[0] for name, values in parse_qs(content.decode(), keep_blank_values=True).items()}
        if path == "queue/cancelItem":
            item = ci.items.get(int(query["id"][0]))
            if item is None:
                return 404, {}, b""
            item.is_cancelled = item.is_cancelled or item.number is None
            return 302, {"Location": f"{ci.url}/"}, b""
        name, _, verb = path.rpartition("/")
        if verb == "stop":
            build = self._build(name)
            if build and build.is_building and not build.is_stubborn:
                build.result = "ABORTED"
            return (302, {"Location": f"{ci.url}/"}, b"") if build else (404, {}, b"")
        job = self._job_name(name)
        if job is None or not ci.jobs[job].is_buildable:
            return (409 if job else 404), {}, b""
        if (verb == "buildWithParameters") != bool(ci.jobs[job].parameters):
            return 400, {}, b"<html>Nothing is submitted</html>"
        item = ci.ask(job, given, USER)
        return 201, {"Location": f"{ci.url}/queue/item/{item.id}/"}, b""

    def _read(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        ci = self.ci
        if path == "crumbIssuer/api/json":
            crumb, session = ci.new_crumb()
            body = {"crumb": crumb, "crumbRequestField": "Jenkins-Crumb"}
            return 200, {"Set-Cookie": f"JSESSIONID={session}; Path=/; HttpOnly"}, json.dumps(body).encode()
        if match := re.fullmatch(r"(.*?)/?(\d+)/artifact/(.+)", path):
            build = self._build(f"{match[1]}/{match[2]}")
            content = build.artifacts.get(unquote(match[3]).removeprefix("out/")) if build else None
            return (200, {}, content) if content is not None else (404, {}, b"")
        if match := re.fullmatch(r"(.*)/logText/progressiveText", path):
            return self._console(self._build(match[1]), int(query["start"][0]))
        found = self._json(path.removesuffix("api/json").rstrip("/"))
        if not path.endswith("api/json") or found is None:
            return 404, {}, b"<html>Not Found</html>"
        return 200, {}, json.dumps(found).encode()

    def _console(self, build: Build | None, start: int) -> tuple[int, dict[str, str], bytes]:
        if build is None:
            return 404, {}, b""
        start = start if start <= len(build.console) else 0
        headers = {"X-Text-Size": str(len(build.console))} | ({"X-More-Data": "true"} if build.is_building else {})
        return 200, headers, build.console[start:]

    def _json(self, path: str) -> dict[str, Any] | None:
        ci = self.ci
        if path == "":
            return {"mode": "NORMAL", "jobs": _tree(ci.jobs)}
        if path == "me":
            return {"id": USER, "fullName": USER}
        if path == "queue":
            return {"items": [_item(ci, item) for item in ci.waiting()]}
        if match := re.fullmatch(r"queue/item/(\d+)", path):
            item = ci.items.get(int(match[1]))
            return _item(ci, item) if item else None
        if (name := self._job_name(path)) is not None:
            return _job(ci, name)
        build = self._build(path)
        return _build(ci, self._job_name(path.rpartition("/")[0]) or "", build) if build else None

    def _job_name(self, path: str) -> str | None:
        parts = [unquote(part) for part in path.split("/")]
        if parts[0::2] != ["job"] * len(parts[0::2]) or len(parts) % 2:
            return None
        name = "/job/".join(parts[1::2])
        return name if name in self.ci.jobs else None

    def _build(self, path: str) -> Build | None:
        name, _, number = path.rpartition("/")
        job = self._job_name(name)
        if job is None or not number.isdigit():
            return None
        return next((build for build in self.ci.jobs[job].builds if build.number == int(number)), None)


def _actions(parameters: dict[str, str], user: str) -> list[dict[str, Any]]:
    shown = [{"name": name, "value": value} for name, value in parameters.items()]
    return [{}, {"parameters": shown}, {"causes": [{"userId": user}]}]


def _item(ci: Controller, item: Item) -> dict[str, Any]:
    task = {"url": f"https://jenkins.example.org/ci/job/{item.job}/"}
    shown = {"id": item.id, "task": task, "why": "Waiting for next available executor", "cancelled": item.is_cancelled}
    executable = {"executable": {"number": item.number}} if item.number else {}
    return shown | executable | {"actions": _actions(item.parameters, item.user)}


def _job(ci: Controller, name: str) -> dict[str, Any]:
    job = ci.jobs[name]
    defined = [
        {"name": name, "type": "ChoiceParameterDefinition" if values else "StringParameterDefinition"}
        | ({"choices": list(values)} if values else {})
        for name, values in job.parameters.items()
    ]
    builds = [
        _build(ci, name, build) | {"actions": _actions(build.parameters, build.user)} for build in reversed(job.builds)
    ]
    return {"buildable": job.is_buildable, "property": [{}, {"parameterDefinitions": defined}], "builds": builds}


def _build(ci: Controller, job: str, build: Build) -> dict[str, Any]:
    branch = {"SHA1": "7d41f0c2", "name": "refs/remotes/origin/main"}
    return {
        "number": build.number,
        "url": f"{ci.url}/job/{job}/{build.number}/",
        "result": build.result,
        "building": build.is_building,
        "timestamp": 1_700_000_000_000,
        "duration": 0 if build.is_building else 4200,
        "estimatedDuration": 4000,
        "fullDisplayName": f"{job} #{build.number}",
        "queueId": build.queue_id,
        "artifacts": [
            {"displayPath": name, "fileName": name, "relativePath": f"out/{name}"} for name in build.artifacts
        ],
        "actions": [{}, {"remoteUrls": ["git@example.org:shop.git"], "lastBuiltRevision": {"branch": [branch]}}],
    }


def _tree(jobs: dict[str, Job]) -> list[dict[str, Any]]:
    roots: list[dict[str, Any]] = []
    for name, job in jobs.items():
        level = roots
        *folders, last = name.split("/job/")
        for folder in folders:
            found = next((one for one in level if one["name"] == folder), None)
            if found is None:
                found = {"name": folder, "jobs": []}
                level.append(found)
            level = found["jobs"]
        level.append({"name": last, "buildable": job.is_buildable})
    return roots


@contextlib.contextmanager
def controller(**how: bool) -> Iterator[Controller]:
    ci = Controller(**how)
    ci.start()
    try:
        yield ci
    finally:
        ci.stop()
