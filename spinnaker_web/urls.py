"""Every address. Who may come without signing in is said by each view (login_not_required) and by a test."""

from django.contrib import admin
from django.urls import include, path

from spinnaker_web import actions, deploy, errors, health, instance_actions, live, metrics
from spinnaker_web.access.views import sign_in

urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("live", live.live, name="live"),
    path("gate/", include("spinnaker_web.gate.urls")),
    path("admin/login/", sign_in.log_in_to_administration),  # ours is throttled, Django's is not
    path("admin/logout/", sign_in.log_out),
    path("admin/", admin.site.urls),
    path("", include("spinnaker_web.access.urls")),
    path(
        "apps/<str:application>/clusters/<str:account>/<str:region>/<str:name>/instances/<str:instance>/<str:action>",
        instance_actions.instance_action,
        name="instance_action",
    ),
    path(
        "apps/<str:application>/clusters/<str:account>/<str:region>/<str:name>/<str:action>",
        actions.server_group_action,
        name="server_group_action",
    ),
    path("apps/<str:application>/deploy", deploy.deploy, name="deploy"),
    path("", include("clusters.urls")),
    path("", include("pipelines.urls")),
]

handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken
