"""Kinds of long work by key, one line and one file each; base.py is what they share. Run by engine/work.py."""

from __future__ import annotations

from pipelines.work.base import Kind
from pipelines.work.script import Script

KINDS: dict[str, Kind] = {"script": Script()}
