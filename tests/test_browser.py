"""The browser in tests is found where people keep it, and a page that misbehaves fails its test."""

import os
from types import SimpleNamespace

import pytest

from tests import browser, skips


def playwright_with(path: str) -> SimpleNamespace:
    return SimpleNamespace(chromium=SimpleNamespace(executable_path=path))


def test_a_path_in_the_environment_wins(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/opt/mine")
    assert browser.find(playwright_with("/none")) == "/opt/mine"


def test_then_the_ones_on_path_then_playwrights_own(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find(playwright_with("/none")) is None
    assert browser.find(playwright_with(__file__)) == __file__
    (tmp_path / "google-chrome").touch(mode=0o755)
    assert browser.find(playwright_with(__file__)) == str(tmp_path / "google-chrome")


def test_without_one_a_test_is_skipped_at_home_and_fails_in_ci():
    with pytest.raises(pytest.skip.Exception, match="No browser"):
        browser.give_up(is_ci=False)
    with pytest.raises(pytest.fail.Exception) as failure:
        browser.give_up(is_ci=True)
    for way in ("CHROMIUM", "PATH", "playwright install", "Debian's package"):
        assert way in str(failure.value)


def test_a_skip_needs_its_name_in_the_list():
    lines = ["# a comment", "", "tests/a/test_b.py::test_c  # no such host in CI"]
    assert skips.is_allowed("tests/a/test_b.py::test_c[x]", lines)
    assert not skips.is_allowed("tests/a/test_b.py::test_d", lines)


@pytest.mark.browser
def test_a_page_is_drawn_and_clicked(page):
    page.set_content("<button onclick=\"this.textContent='done'\">go</button>")
    page.get_by_role("button").click()
    assert page.get_by_role("button").text_content() == "done"
    assert os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] == "1"
