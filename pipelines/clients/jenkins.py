"""Jenkins by its remote API, over the guarded client: jobs, queue, builds, console, artifacts.

One operation is at most 6 s, whatever requests it takes. A write is sent once; when Jenkins wants a crumb, it has
refused the first one and gets it again with that.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from clusters.trust import secrets
from pipelines.clients.http import MIB, Answer, Budget, Guard, HttpError, send
from pipelines.models import Controller

Json = dict[str, Any]

#: So deep may folders lie in one another in the list of jobs.
DEPTH = 5
_JOB = "buildable,property[parameterDefinitions[name,type,choices]]"
_ASKED = "actions[parameters[name,value],causes[userId]]"
_BUILD = (
    "number,url,result,building,timestamp,duration,estimatedDuration,fullDisplayName,queueId,"
    "artifacts[displayPath,fileName,relativePath],actions[remoteUrls,lastBuiltRevision[SHA1,branch[name,SHA1]]]"
)


class JenkinsError(Exception):
    """`is_retryable`: the same call may work later. `may_have_started`: Jenkins may have done what was asked."""

    def __init__(self, message: str, *, is_retryable: bool = False, may_have_started: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_retryable = is_retryable
        self.may_have_started = may_have_started


class NotFound(JenkinsError):
    """Jenkins knows no such job, item, build or file."""


@dataclass(frozen=True, slots=True)
class Job:
    """`parameters` are the names it declares, with the values allowed where it offers a choice."""

    is_buildable: bool
    parameters: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Run:
    """Something asked of a job: an item of the queue (`number` None) or a build. `id` is that of the queue item."""

    id: int
    number: int | None
    parameters: Mapping[str, str]
    #: Those who asked for it, by their ids in Jenkins.
    users: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the queue. `number` is the build it became; `why` Jenkins's own words on what it waits for."""

    id: int
    number: int | None
    is_cancelled: bool
    why: str


@dataclass(frozen=True, slots=True)
class Console:
    """A piece of a build's output. `end` is the offset behind it in bytes; `size` is what there is up to now."""

    text: str
    end: int
    size: int
    has_more: bool


class Jenkins:
    """One controller. `token` goes into the header of a request and nowhere else."""

    def __init__(self, url: str, username: str = "", token: str = "", *, guard: Guard | None = None) -> None:
        self._base = url.rstrip("/")
        self._username = username
        self._token = token
        self._guard = guard

    # reading

    def whoami(self) -> str:
        """Version and user, to try a connection. Raises JenkinsError."""
        budget = Budget()
        answer = self._get("api/json?tree=mode", budget)
        me = _json(self._get("me/api/json?tree=id,fullName", budget)) if self._username else {}
        version = answer.headers.get("x-jenkins", "of unknown version")
        return f"Jenkins {version}" + (f" as {me.get('id')}" if me.get("id") else "")

    def jobs(self) -> list[str]:
        """Names of all jobs, those in folders as folder/job/name."""
        tree = "jobs[name,buildable]"
        for _ in range(DEPTH):
            tree = f"jobs[name,buildable,{tree}]"
        found = _json(self._get(f"api/json?tree={tree}", Budget(), most_bytes=8 * MIB))
        return list(_names(found, ""))

    def job(self, job: str, budget: Budget | None = None) -> Job:
        found = _json(self._get(f"{_path(job)}/api/json?tree={_JOB}", budget or Budget()))
        parameters: dict[str, tuple[str, ...]] = {}
        for one in _dicts(found.get("property")):
            for defined in _dicts(one.get("parameterDefinitions")):
                choices = defined.get("choices")
                parameters[str(defined.get("name"))] = tuple(map(str, choices)) if isinstance(choices, list) else ()
        return Job(found.get("buildable") is not False, parameters)

    def runs(self, job: str, most: int = 50, budget: Budget | None = None) -> list[Run]:
        """What was asked of the job lately, in the order in which it was: the queue, and the newest builds."""
        budget = budget or Budget()
        # First the queue: an item that leaves it meanwhile is found among the builds.
        queue = _json(self._get(f"queue/api/json?tree=items[id,task[url],{_ASKED}]", budget, most_bytes=4 * MIB))
        tree = f"builds[number,queueId,{_ASKED}]{{0,{most}}}"
        builds = _json(self._get(f"{_path(job)}/api/json?tree={quote(tree, safe='[],{}')}", budget, most_bytes=4 * MIB))
        waiting = [item for item in _dicts(queue.get("items")) if _is_of(item, job)]
        found = {_number(one.get("id")): _run(one, None) for one in waiting}
        for one in _dicts(builds.get("builds")):
            found[_number(one.get("queueId"))] = _run(one | {"id": one.get("queueId")}, _number(one.get("number")))
        return [found[item] for item in sorted(found)]

    def item(self, item: int) -> Item:
        found = _json(self._get(f"queue/item/{item}/api/json?tree=id,why,cancelled,executable[number]", Budget()))
        number = (found.get("executable") or {}).get("number")
        is_cancelled = found.get("cancelled") is True
        return Item(item, number if isinstance(number, int) else None, is_cancelled, str(found.get("why") or ""))

    def build(self, job: str, number: int, budget: Budget | None = None) -> Json:
        """As Spinnaker shows builds: number, url, result, building, artifacts, scm and what else there is."""
        found = _json(self._get(f"{_path(job)}/{number}/api/json?tree={_BUILD}", budget or Budget()))
        if not isinstance(found.get("number"), int):
            raise JenkinsError("Jenkins gives an answer that is no build.", is_retryable=True)
        return _build(job, found)

    def builds(self, job: str, most: int = 25) -> list[Json]:
        """The newest of a job, newest first, as `build` gives them."""
        tree = quote(f"builds[{_BUILD}]{{0,{most}}}", safe="[],{}")
        found = _json(self._get(f"{_path(job)}/api/json?tree={tree}", Budget(), most_bytes=4 * MIB))
        return [_build(job, one) for one in _dicts(found.get("builds"))]

    def artifact(self, job: str, number: int, relative_path: str, most_bytes: int) -> bytes:
        """The file, or its first `most_bytes`."""
        path = "/".join(quote(_segment(part), safe="") for part in relative_path.split("/"))
        found = self._get(f"{_path(job)}/{number}/artifact/{path}", Budget(), most_bytes=most_bytes, may_cut=True)
        return found.body

    def console(self, job: str, number: int, start: int, most_bytes: int) -> Console:
        """From byte `start` on, at most so much. A start beyond the end gives nothing."""
        path = f"{_path(job)}/{number}/logText/progressiveText?start={max(start, 0)}"
        answer = self._get(path, Budget(), most_bytes=most_bytes, may_cut=True)
        size = _number(answer.headers.get("x-text-size", "0"))
        if start > size:
            return Console("", size, size, answer.headers.get("x-more-data") == "true")
        body = answer.body
        if answer.is_cut:  # not in the middle of a character
            body = body[: len(body) - _torn(body)]
        end = max(start, 0) + len(body)
        is_growing = answer.headers.get("x-more-data") == "true"
        return Console(body.decode("utf-8", "replace"), end, max(size, end), is_growing or answer.is_cut)

    # writing

    def start(self, job: str, parameters: Mapping[str, str], *, is_parameterised: bool) -> int:
        """Ask for a build; the id of its queue item. Raises JenkinsError, which says whether it may be there anyway."""
        verb = "buildWithParameters" if is_parameterised else "build"
        content = urlencode(parameters if parameters or not is_parameterised else {"startedBy": "spinnaker"})
        answer = self._post(f"{_path(job)}/{verb}", content.encode())
        match = re.search(r"/queue/item/(\d{1,18})/?$", answer.headers.get("location", ""))
        if answer.status not in (200, 201, 302) or match is None:
            raise JenkinsError(
                f"Jenkins took the build but did not say where it is queued (HTTP {answer.status}).",
                is_retryable=True,
                may_have_started=True,
            )
        return int(match[1])

    def stop(self, job: str, number: int) -> None:
        """Abort a build; one that has ended stays as it is."""
        self._post(f"{_path(job)}/{number}/stop", b"")

    def cancel(self, item: int) -> None:
        """Take an item out of the queue; one that has left it stays as it is."""
        try:
            self._post(f"queue/cancelItem?id={item}", b"")
        except NotFound:
            return

    # requests

    def _get(self, path: str, budget: Budget, *, most_bytes: int = MIB, may_cut: bool = False) -> Answer:
        return self._checked(self._send("GET", path, b"", {}, budget, most_bytes, may_cut))

    def _post(self, path: str, content: bytes) -> Answer:
        budget = Budget()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send("POST", path, content, headers, budget)
        if answer.status == 403 and "crumb" in answer.text.lower():
            answer = self._send("POST", path, content, headers | self._crumb(budget), budget)
            if answer.status == 403 and "crumb" in answer.text.lower():
                raise JenkinsError("Jenkins does not accept the crumb it has just given.", is_retryable=True)
        return self._checked(answer, is_write=True)

    def _crumb(self, budget: Budget) -> dict[str, str]:
        """A crumb is good for the session that got it."""
        answer = self._get("crumbIssuer/api/json", budget)
        found = _json(answer)
        cookies = [cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie")]
        crumb = {str(found.get("crumbRequestField")): str(found.get("crumb"))}
        return crumb | ({"Cookie": "; ".join(cookies)} if cookies else {})

    def _send(
        self,
        method: str,
        path: str,
        content: bytes,
        headers: Mapping[str, str],
        budget: Budget,
        most_bytes: int = MIB,
        may_cut: bool = False,
    ) -> Answer:
        if self._username or self._token:
            basic = base64.b64encode(f"{self._username}:{self._token}".encode()).decode()
            headers = {**headers, "Authorization": f"Basic {basic}"}
        try:
            return send(
                method,
                f"{self._base}/{path}",
                headers=headers,
                content=content,
                most_bytes=most_bytes,
                may_cut=may_cut,
                budget=budget,
                guard=self._guard,
            )
        except HttpError as error:
            raise JenkinsError(
                error.message, is_retryable=error.is_retryable, may_have_started=error.may_have_arrived
            ) from None

    def _checked(self, answer: Answer, *, is_write: bool = False) -> Answer:
        status = answer.status
        if status < 400 and (is_write or answer.is_success):
            return answer
        if status == 404:
            raise NotFound("Jenkins does not know it (HTTP 404).")
        if status in (401, 403):
            raise JenkinsError(f"Jenkins does not let user {self._username or 'anonymous'} do this (HTTP {status}).")
        if status in (408, 425, 429) or status >= 500:
            # Starting up it answers 503 by itself and has done nothing; any other may come after the deed.
            was_asleep = status in (429, 503)
            raise JenkinsError(
                f"Jenkins cannot answer now (HTTP {status}).", is_retryable=True, may_have_started=not was_asleep
            )
        raise JenkinsError(f"Jenkins refuses this (HTTP {status}).")


def of(controller: Controller, application: str | None) -> Jenkins:
    """Raises SecretRefused. `application`: for whom; None: for an administrator who tries it."""
    token = ""
    if controller.token:
        token = secrets.resolve(controller.token, host=controller.host, application=application)
    return Jenkins(controller.url, controller.username, token)


def _path(job: str) -> str:
    """job/folder/job/name of "folder/job/name"; a plain "folder/name" is taken as that too."""
    parts = [part for part in job.strip("/").split("/") if part]
    if not parts:
        raise NotFound("A job needs a name.")
    is_plain = len(parts) > 1 and "job" not in parts[1::2]
    names = parts if is_plain else parts[0::2]
    return "/".join(f"job/{quote(_segment(name), safe='')}" for name in names)


def _segment(text: str) -> str:
    if text in ("", ".", ".."):
        raise NotFound(f"{text!r} is no name.")
    return text


def _json(answer: Answer) -> Json:
    """Of anything else than a JSON object one can only hope for a better one."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise JenkinsError("Jenkins gives an answer that cannot be read.", is_retryable=True)
    return found


def _dicts(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _names(folder: Json, prefix: str) -> Any:
    for one in _dicts(folder.get("jobs")):
        name = f"{prefix}{one.get('name')}"
        if one.get("jobs") is not None:
            yield from _names(one, f"{name}/job/")
        elif "buildable" in one:
            yield name


def _build(job: str, found: Json) -> Json:
    return {
        "name": job,
        "number": _number(found.get("number")),
        "url": str(found.get("url") or ""),
        "result": found.get("result") or None,
        "building": found.get("building") is True,
        "timestamp": found.get("timestamp"),
        "duration": found.get("duration"),
        "estimatedDuration": found.get("estimatedDuration"),
        "fullDisplayName": str(found.get("fullDisplayName") or ""),
        "queueId": found.get("queueId"),
        "artifacts": [
            {name: str(one.get(name) or "") for name in ("fileName", "displayPath", "relativePath")}
            for one in _dicts(found.get("artifacts"))
        ],
        "scm": list(_commits(found)),
    }


def _is_of(item: Json, job: str) -> bool:
    """Jenkins names the job by its address, below whatever it takes for its own."""
    url = str((item.get("task") or {}).get("url", ""))
    return "job/" + url.partition("/job/")[2].rstrip("/") == _path(job)


def _run(one: Json, number: int | None) -> Run:
    actions = _dicts(one.get("actions"))
    parameters = [parameter for action in actions for parameter in _dicts(action.get("parameters"))]
    causes = [cause for action in actions for cause in _dicts(action.get("causes"))]
    return Run(
        _number(one.get("id")),
        number,
        {str(each.get("name")): _text(each["value"]) for each in parameters if "value" in each},
        frozenset(str(cause["userId"]) for cause in causes if cause.get("userId")),
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _commits(found: Json) -> Any:
    for action in _dicts(found.get("actions")):
        revision = action.get("lastBuiltRevision")
        if isinstance(revision, dict):
            for branch in _dicts(revision.get("branch")):
                name = str(branch.get("name") or "").removeprefix("refs/remotes/")
                urls = action.get("remoteUrls")
                remote = str(urls[0]) if isinstance(urls, list) and urls else ""
                sha = str(branch.get("SHA1") or "")
                yield {"name": name, "branch": name.rpartition("/")[2], "sha1": sha, "remoteUrl": remote}


def _torn(body: bytes) -> int:
    """How many bytes at the end begin a character whose rest is missing."""
    for back in range(1, min(4, len(body)) + 1):
        byte = body[-back]
        if byte & 0xC0 != 0x80:
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if length > back else 0
    return 0
