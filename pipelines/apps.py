from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    name = "pipelines"
    verbose_name = "Pipelines"

    def ready(self) -> None:
        # Here and not above: models may be imported only once all apps are loaded.
        from pipelines import operations
        from pipelines.stages.parts import runs

        runs.open_door(operations.start_from_stage)
