"""What `manage.py check` (some of it with `--deploy`) says about this installation beside Django's own checks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from clusters.trust.isolation import Isolation
from clusters.trust.secrets import SHORTEST_KEY
from pipelines.clients.addresses import Allowed
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


@checks.register()
def outbound(**options: Any) -> list[checks.CheckMessage]:
    """Whether what may be called can be read."""
    try:
        Allowed.read(settings.OUTBOUND_ALLOW)
    except ValueError as error:
        return [checks.Error(f"SPINNAKER_OUTBOUND_ALLOW: {error}.", id="spinnaker.E001")]
    return []


@checks.register()
def secrets_keys(**options: Any) -> list[checks.CheckMessage]:
    """Whether each key is one."""
    if all(len(key) >= SHORTEST_KEY for key in settings.SECRETS_KEYS):
        return []
    hint = "Commas part one key from the next: a key itself holds none."
    message = f"SPINNAKER_SECRETS_KEYS holds a key of less than {SHORTEST_KEY} characters."
    return [checks.Error(message, hint=hint, id="spinnaker.E002")]
