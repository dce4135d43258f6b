from functools import partial

from django.apps import AppConfig


class SpinnakerWebConfig(AppConfig):
    name = "spinnaker_web"
    verbose_name = "Spinnaker"

    def ready(self) -> None:
        # Here and not above: models may be imported only once all apps are loaded.
        from clusters import slots
        from spinnaker_web import actions, checks, deploy, fillers, instance_actions, network_tasks

        assert checks  # importing them registers them

        slots.fill("server_group.actions", actions.offered)
        slots.fill("server_group.actions", deploy.offered_like)
        slots.fill("clusters.actions", deploy.offered)
        slots.fill("instance.actions", instance_actions.offered)
        for slot in network_tasks.STAGES:
            slots.fill(slot, partial(network_tasks.run, slot))
        slots.fill("network.rehearsal", network_tasks.rehearsal)
        slots.fill("server_group.recent", fillers.recent)
        slots.fill("cluster.badges", fillers.badges)
        slots.fill("applications.needs", fillers.needs)
