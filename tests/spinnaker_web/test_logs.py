"""Log lines: JSON with the request's id, and no secret, whoever logs it."""

import io
import json
import logging
import logging.config

import pytest
import structlog

from spinnaker_web import logs


@pytest.fixture
def lines():
    written = io.StringIO()
    config = logs.config()
    handler = logging.StreamHandler(written)
    formatter = dict(config["formatters"]["line"])
    handler.setFormatter(formatter.pop("()")(**formatter))
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.removeHandler(handler)


def test_a_line_of_anybody_is_json_with_the_id_of_the_request(lines) -> None:
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        logging.getLogger("some.library").warning("slow by %s s", 3)
        structlog.get_logger("ours").warning("answered", status=200)
    theirs, ours = lines()
    assert (theirs["event"], theirs["request_id"], theirs["level"]) == ("slow by 3 s", "abc", "warning")
    assert (ours["event"], ours["status"], ours["request_id"]) == ("answered", 200, "abc")


def test_secrets_are_masked_also_in_tracebacks(lines) -> None:
    structlog.get_logger("ours").warning("called", token="abc123", url="https://u:hunter2@example.org")
    try:
        raise ValueError("Authorization: Bearer abcdefghijklmnop")
    except ValueError:
        logging.getLogger("lib").exception("failed")
    text = json.dumps(lines())
    for secret in ("abc123", "hunter2", "abcdefghijklmnop"):
        assert secret not in text


def test_a_request_is_logged_once_without_its_query(lines, client, db) -> None:
    client.get("/login?next=/secret-place")
    answered = [line for line in lines() if line["event"] == "answered"]
    assert len(answered) == 1
    assert (answered[0]["path"], answered[0]["status"]) == ("/login", 200)
    assert "secret-place" not in json.dumps(lines())
