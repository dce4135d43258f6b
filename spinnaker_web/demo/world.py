"""The demo world, made by the same operations that people use. Asking twice makes nothing twice."""

from __future__ import annotations

import io
import json
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from clusters.core.values import HealthCheck, Listener, LoadBalancerRequest
from clusters.models import Account, AccountPermission
from clusters.operations import applications, load_balancers, packages
from clusters.trust.permissions import WRITE, Actor, actor_of
from pipelines.models import Pipeline
from pipelines.operations import save_pipeline, start
from spinnaker_web import demo_package

APPLICATION = "hello"
ACCOUNT = "local"
REGION = "local"
ROLE = "hello-owners"
SET_UP, SHIP = "set-up", "ship"
VERSIONS = ("1.0.0", "2.0.0")
PIPELINES = Path(__file__).parent / "pipelines"


def administrator() -> Actor:
    """The first superuser: who the demo acts as."""
    return actor_of(get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk")[0], via="demo")


def make_account() -> Account:
    """The embedded cloud's account, which every installation on one host has."""
    account, is_new = Account.objects.get_or_create(
        name=ACCOUNT, defaults={"provider": "local", "regions": [REGION], "config": {}}
    )
    if is_new:
        role, _ = Group.objects.get_or_create(name=ROLE)
        AccountPermission.objects.create(account=account, role=role, authorization=WRITE)
    return account


def make(actor: Actor) -> None:
    """Packages and load balancers, then, all or nothing, the application with its pipelines under way."""
    for version in VERSIONS:
        packages.put(actor, ACCOUNT, APPLICATION, version, io.BytesIO(demo_package.build(version)))
    for stack in ("prod", "test"):
        with transaction.atomic():
            intent = load_balancers.intend_upsert(actor, ACCOUNT, _load_balancer(f"{APPLICATION}-{stack}"))
        load_balancers.upsert(actor, intent)
    with transaction.atomic():
        Group.objects.get_or_create(name=ROLE)
        application = applications.create(
            actor,
            name=APPLICATION,
            description="A small web application that comes with the first run.",
            owner_role=ROLE,
        )
        for name in (SHIP, SET_UP):
            save_pipeline(actor, application, (PIPELINES / f"{name}.json").read_text())
        for name in (SET_UP, SHIP):
            start(actor, pipeline(name), note="The first run starts this by itself.")


def pipeline(name: str) -> Pipeline:
    document = json.loads((PIPELINES / f"{name}.json").read_text())
    return Pipeline.objects.get(application__name=APPLICATION, name=document["name"])


def _load_balancer(name: str) -> LoadBalancerRequest:
    check = HealthCheck(path="/health", interval=0.5, timeout=1.0, healthy_threshold=1, unhealthy_threshold=2)
    return LoadBalancerRequest(REGION, name, Listener(0), check)
