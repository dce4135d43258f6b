from django.urls import path

from clusters.views import (
    applications,
    clusters,
    firewalls,
    images,
    instances,
    load_balancers,
    packages,
    server_groups,
    settings,
)

app_name = "clusters"

_APP = "apps/<str:application>"
_PLACE = "<str:account>/<str:region>/<str:name>"

urlpatterns = [
    path("", applications.home, name="home"),
    path("apps", applications.application_list, name="applications"),
    path("apps/new", applications.application_new, name="application_new"),
    path(_APP, clusters.application, name="application"),
    path(f"{_APP}/clusters", clusters.clusters, name="clusters"),
    path(f"{_APP}/clusters/{_PLACE}", server_groups.server_group, name="server_group"),
    path(f"{_APP}/clusters/{_PLACE}/instances/<str:instance>", instances.instance, name="instance"),
    path(f"{_APP}/load-balancers", load_balancers.load_balancer_list, name="load_balancers"),
    path(f"{_APP}/load-balancers/new", load_balancers.load_balancer_new, name="load_balancer_new"),
    path(f"{_APP}/load-balancers/{_PLACE}", load_balancers.load_balancer, name="load_balancer"),
    path(f"{_APP}/load-balancers/{_PLACE}/edit", load_balancers.load_balancer_edit, name="load_balancer_edit"),
    path(f"{_APP}/load-balancers/{_PLACE}/delete", load_balancers.load_balancer_delete, name="load_balancer_delete"),
    path(f"{_APP}/firewalls", firewalls.firewall_list, name="firewalls"),
    path(f"{_APP}/firewalls/new", firewalls.firewall_new, name="firewall_new"),
    path(f"{_APP}/firewalls/{_PLACE}", firewalls.firewall, name="firewall"),
    path(f"{_APP}/firewalls/{_PLACE}/edit", firewalls.firewall_edit, name="firewall_edit"),
    path(f"{_APP}/firewalls/{_PLACE}/delete", firewalls.firewall_delete, name="firewall_delete"),
    path(f"{_APP}/images", images.images, name="images"),
    path(f"{_APP}/settings", settings.settings, name="settings"),
    path(f"{_APP}/settings/attributes", settings.attributes, name="attributes"),
    path(f"{_APP}/settings/permissions", settings.permissions, name="permissions"),
    path(f"{_APP}/settings/delete", settings.delete, name="application_delete"),
    path("packages/<str:name>/<str:version>", packages.package, name="package"),
    path(f"{_APP}/packages", packages.upload, name="package_upload"),
]
