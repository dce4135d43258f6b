from django.apps import AppConfig


class SpinnakerWebConfig(AppConfig):
    name = "spinnaker_web"
    verbose_name = "Spinnaker"

    def ready(self) -> None:
        # Here and not above: models may be imported only once all apps are loaded.
        from clusters import slots
        from spinnaker_web import actions, fillers

        slots.fill("server_group.actions", actions.offered)
        slots.fill("server_group.recent", fillers.recent)
        slots.fill("cluster.badges", fillers.badges)
        slots.fill("applications.needs", fillers.needs)
