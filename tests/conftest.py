"""Fixtures for all tests. The servers come from tests/servers.py, which must be there before this file is."""

pytest_plugins = ["tests.browser", "tests.emptying", "tests.skips"]
