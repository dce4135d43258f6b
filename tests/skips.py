"""In CI a skipped test is a failure, unless .ci/allowed-skips names it: what nobody ran, nobody may call green."""

import os
from pathlib import Path

import pytest

ALLOWED = Path(__file__).parent.parent / ".ci" / "allowed-skips"


def is_allowed(node: str, lines: list[str]) -> bool:
    """A line is the beginning of a test's id, then `#` and the reason."""
    names = [line.partition("#")[0].strip() for line in lines]
    return any(name and node.startswith(name) for name in names)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session):
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None or hasattr(session.config, "workerinput"):
        return
    lines = ALLOWED.read_text().splitlines() if ALLOWED.exists() else []
    refused = [report.nodeid for report in reporter.stats.get("skipped", []) if not is_allowed(report.nodeid, lines)]
    if refused:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.section("skipped, and not named in .ci/allowed-skips")
        for node in sorted(refused):
            reporter.line(node)
