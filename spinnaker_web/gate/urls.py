from django.urls import path

from spinnaker_web.gate import applications, builds, executions, pipelines, tasks
from spinnaker_web.gate.api import api

# The order counts: a pipeline's name may be any path, so what is fixed comes first.
for router in (applications.router, builds.router, executions.router, tasks.router, pipelines.router):
    api.add_router("", router)

urlpatterns = [path("", api.urls)]
