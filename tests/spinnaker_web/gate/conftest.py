"""The cast of the pipeline pages plays here too."""

from tests.pipelines.views.conftest import alice, asking, bob, charlie, release, rita, shop

__all__ = ["alice", "asking", "bob", "charlie", "release", "rita", "shop"]
