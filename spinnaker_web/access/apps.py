from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "spinnaker_web.access"
    label = "access"
    verbose_name = "Access"
