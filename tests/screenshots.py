"""Take the pictures of docs/pictures anew: python -m tests.screenshots

Runs the tests that look at every page (they need a browser, nothing else) and keeps the pages named here.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

LOOKS = ("tests/journeys/test_cluster_look.py", "tests/journeys/test_look.py")
#: What docs/pictures/README.md speaks of, in its order.
KEPT = (
    "login", "applications", "clusters", "drawer", "deploy", "destroy", "load-balancers", "firewalls", "images", "settings",
    "pipelines", "asking", "failed", "judge", "start", "edit",
)  # fmt: skip
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHOTS"] = folder
        status = pytest.main(["-q", *LOOKS])
        for name in KEPT:
            for picture in Path(folder).glob(f"{name}-[0-9]*-*.png"):
                shutil.copy(picture, PICTURES / picture.name)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
