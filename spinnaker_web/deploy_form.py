"""What a person says when they deploy by hand: which image, called what, how big, behind what, what of the others."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from clusters import queries
from clusters.core import naming
from clusters.core.values import Capacity, InvalidValue
from clusters.models import Application, Image, ServerGroup
from clusters.trust.permissions import Actor
from pipelines.strategies import STRATEGIES

#: Images offered, the newest first.
MOST_IMAGES = 200


class DeployForm(forms.Form):
    """`cluster` is an entry of a deploy stage's clusters. `like` fills in what a server group is made of."""

    image = forms.ChoiceField(help_text="Where it is, the new server group will be.")
    stack = forms.CharField(required=False, max_length=255, help_text="What it is for: test, prod.")
    detail = forms.CharField(required=False, max_length=255)
    desired = forms.IntegerField(label="Instances", min_value=0, max_value=1000, initial=1)
    min = forms.IntegerField(label="At least", min_value=0, max_value=1000, initial=1)
    max = forms.IntegerField(label="At most", min_value=0, max_value=1000, initial=1)
    load_balancers = forms.MultipleChoiceField(required=False)
    security_groups = forms.MultipleChoiceField(required=False, label="Firewalls")
    strategy = forms.ChoiceField(
        required=False,
        choices=[(key, strategy.label) for key, strategy in STRATEGIES.items()],
        help_text="What becomes of the cluster's other server groups once it is healthy.",
    )
    more = forms.CharField(
        required=False,
        label="Further fields",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text='Of the stage\'s cluster map, as JSON: {"instanceType": "t3.small", "maxRemainingAsgs": 2}',
    )
    reason = forms.CharField(required=False, max_length=500, help_text="Seen by everybody in the history.")

    def __init__(self, data: Any, *, actor: Actor, application: Application, like: ServerGroup | None) -> None:
        super().__init__(data, initial=_of(like) if like else None)
        self._application = application
        self._images = _images(actor)
        places = {(image.account_id, image.region) for image in self._images.values()}
        self._choose("image", [(key, _image_words(image)) for key, image in self._images.items()])
        balancers = queries.load_balancers_for(actor, application).order_by("name")
        self._choose("load_balancers", [(one.name, one.name) for one in balancers if _place(one) in places])
        firewalls = queries.security_groups_for(actor, application).order_by("name")
        self._choose("security_groups", [(one.group_id, one.name) for one in firewalls if _place(one) in places])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = sorted(set(choices), key=choices.index)  # type: ignore[attr-defined]

    def clean_more(self) -> dict[str, Any]:
        text = self.cleaned_data["more"].strip()
        try:
            more = json.loads(text) if text else {}
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}") from None
        if not isinstance(more, dict):
            raise forms.ValidationError("An object is expected: {…}.")
        return more

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.errors:
            return given
        try:
            naming.checked(self._application.name, given["stack"], given["detail"])
            Capacity(given["min"], given["desired"], given["max"])
        except InvalidValue as error:
            names = {"stack": "stack", "freeFormDetails": "detail", "capacity": "desired"}
            self.add_error(names.get(error.field), error.message)
        return given

    @property
    def cluster(self) -> dict[str, Any]:
        more: dict[str, Any] = self.cleaned_data["more"]
        given, image = self.cleaned_data, self._images[self.cleaned_data["image"]]
        return more | {
            "account": image.account_id,
            "application": self._application.name,
            "cloudProvider": image.account.provider,
            "stack": given["stack"],
            "freeFormDetails": given["detail"],
            "availabilityZones": more.get("availabilityZones") or {image.region: []},
            "capacity": {name: given[name] for name in ("min", "desired", "max")},
            "loadBalancers": given["load_balancers"],
            "securityGroups": given["security_groups"],
            "strategy": given["strategy"],
            "imageId": image.image_id,
        }


def _images(actor: Actor) -> dict[str, Image]:
    """Those the actor may deploy, by account/region/id."""
    accounts = queries.accounts_for(actor).enabled().writable_by(actor)
    rows = queries.images_for(actor).filter(account__in=accounts).select_related("account")
    return {f"{one.account_id}/{one.region}/{one.image_id}": one for one in rows.order_by("-created_at")[:MOST_IMAGES]}


def _image_words(image: Image) -> str:
    baked = f"{image.package} {image.version}, " if image.package else ""
    return f"{baked}{image.name} ({image.account_id}, {image.region})"


def _place(row: Any) -> tuple[str, str]:
    return row.account_id, row.region


def _of(group: ServerGroup) -> dict[str, Any]:
    return {
        "image": f"{group.account_id}/{group.region}/{group.image_id}",
        "stack": group.stack,
        "detail": group.detail,
        "desired": group.desired_size,
        "min": group.min_size,
        "max": group.max_size,
        "load_balancers": group.load_balancers,
        "security_groups": group.security_groups,
        "strategy": "redblack",
    }
