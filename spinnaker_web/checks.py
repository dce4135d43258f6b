"""What `manage.py check --deploy` says about this installation beside Django's own checks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from clusters.trust.isolation import Isolation
from pipelines.work import script


@checks.register(deploy=True)
def scripts(**options: Any) -> list[checks.CheckMessage]:
    """Whether pipelines may run scripts on this host's workers, and what those are kept from."""
    if not settings.SCRIPTS:
        hint = (
            "Set SPINNAKER_SCRIPTS=1 for the workers (manage.py work) to allow them; roles need pipelines.run_script."
        )
        return [checks.Info("Scripts of pipelines are switched off.", hint=hint, id="spinnaker.I001")]
    host = script.host()
    if host.isolation is Isolation.NONE:
        hint = "Run the workers as root or allow user namespaces; until then each script is refused."
        return [checks.Warning(f"Scripts are switched on. {script.NOT_ISOLATED}", hint=hint, id="spinnaker.W001")]
    kept = "as another user" if host.isolation is Isolation.USER else "in a namespace"
    cut = host.has_namespaces and not settings.SCRIPT_NETWORK
    network = "without network" if cut else "with this host's network"
    return [checks.Info(f"Scripts are switched on: each runs {kept}, {network}.", id="spinnaker.I002")]
