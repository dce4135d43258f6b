"""Colours can be told apart: each text on each ground it may stand on (4.5), shapes and edges of inputs (3)."""

import re
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CSS = ROOT / "static" / "css"
TOKENS = (CSS / "tokens.css").read_text()
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", TOKENS)
}
THEMES = {"light": 0, "dark": 1}
TONES = ("good", "bad", "warn", "run", "ask", "idle")
GROUNDS = ("canvas", "surface", "raised", "sunken", "hover", "picked")
TEXTS = ("text", "text-2", "text-3", "link", *TONES)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, theme: str) -> float:
    lights = sorted(luminance(PAIRS[name][THEMES[theme]]) for name in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_the_measure_is_that_of_the_standard() -> None:
    PAIRS["black"], PAIRS["white"] = ("#000000", "#000000"), ("#ffffff", "#ffffff")
    assert contrast("black", "white", "light") == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_every_ground(theme: str) -> None:
    pairs = [*product(TEXTS, GROUNDS), *((tone, f"{tone}-tint") for tone in TONES), ("on-ink", "ink")]
    pairs += [("text", f"{tone}-tint") for tone in TONES]
    assert [pair for pair in pairs if contrast(*pair, theme) < 4.5] == []


@pytest.mark.parametrize("theme", THEMES)
def test_shapes_and_edges_stand_out(theme: str) -> None:
    shapes = [*(f"{tone}-fill" for tone in TONES), "focus"]
    pairs = [*product(shapes, ("canvas", "surface", "raised", "sunken"))]
    pairs += product(["line-2"], ("canvas", "surface", "raised"))  # no input stands on sunken ground
    assert [pair for pair in pairs if contrast(*pair, theme) < 3] == []


def test_colours_are_written_down_in_the_tokens_alone() -> None:
    others = [path for path in CSS.glob("*.css") if path.name != "tokens.css"]
    for path in others:
        found = [colour for colour in re.findall(r"#[0-9a-fA-F]{3,8}\b", path.read_text()) if colour != "#000"]
        assert found == [], path


def test_no_template_has_a_style_a_script_or_a_handler_of_its_own() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=\"|<script(?![^>]*\ssrc=)|\|safe\b|javascript:", text), path
