from django.apps import AppConfig


class SpinnakerWebConfig(AppConfig):
    name = "spinnaker_web"
    verbose_name = "Spinnaker"
