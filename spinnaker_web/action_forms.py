"""What a person says when they act on a server group: why, that they are sure, and how big it shall be."""

from __future__ import annotations

from typing import Any

from django import forms

from clusters.core.values import Capacity, InvalidValue
from clusters.models import ServerGroup
from clusters.queries import ServerGroupDetail


class ActionForm(forms.Form):
    """`seen` is the state the plan was made for. What takes the last traffic away needs a tick more."""

    seen = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(required=False, max_length=500, help_text="Seen by everybody in the history.")
    is_sure = forms.BooleanField(label="Nothing of this cluster serves here afterwards, and that is meant.")

    def __init__(self, *args: Any, detail: ServerGroupDetail, action: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state = _state(detail.server_group)
        self.initial["seen"] = self._state
        self.takes_last_traffic = action in ("disable", "destroy") and detail.is_last_enabled
        if not self.takes_last_traffic:
            del self.fields["is_sure"]

    @property
    def is_outdated(self) -> bool:
        return bool(self.cleaned_data["seen"] != self._state)

    @property
    def changes(self) -> dict[str, Any]:
        """Fields of the stage that this form decides."""
        return {}


class ResizeForm(ActionForm):
    desired = forms.IntegerField(label="Instances", min_value=0, max_value=1000)
    min = forms.IntegerField(label="At least", min_value=0, max_value=1000)
    max = forms.IntegerField(label="At most", min_value=0, max_value=1000)

    def __init__(self, *args: Any, detail: ServerGroupDetail, action: str, **kwargs: Any) -> None:
        super().__init__(*args, detail=detail, action=action, **kwargs)
        self.initial.update(detail.server_group.capacity.as_json())
        self.order_fields(["desired", "min", "max", "reason"])

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                Capacity(self.cleaned_data["min"], self.cleaned_data["desired"], self.cleaned_data["max"])
            except InvalidValue:
                self.add_error("desired", "This has to lie between the least and the most.")
        return self.cleaned_data

    @property
    def changes(self) -> dict[str, Any]:
        sizes = {name: self.cleaned_data[name] for name in ("min", "desired", "max")}
        return {"action": "scale_exact", "capacity": sizes}


class RollbackForm(ActionForm):
    restore = forms.ChoiceField(label="Go back to")

    def __init__(self, *args: Any, detail: ServerGroupDetail, action: str, **kwargs: Any) -> None:
        super().__init__(*args, detail=detail, action=action, **kwargs)
        older = [one for one in detail.siblings if not one.is_being_destroyed]
        self.fields["restore"].choices = [(one.name, _words(one)) for one in older]  # type: ignore[attr-defined]
        self.order_fields(["restore", "reason"])
        self._name = detail.server_group.name

    @property
    def changes(self) -> dict[str, Any]:
        names = {"rollbackServerGroupName": self._name, "restoreServerGroupName": self.cleaned_data["restore"]}
        return {"rollbackType": "EXPLICIT", "rollbackContext": names}


def _words(group: ServerGroup) -> str:
    version = f", {group.package} {group.version}" if group.package else ""
    return f"{group.name}{version}, {'disabled' if group.is_disabled else 'enabled'}"


def _state(group: ServerGroup) -> str:
    """What a plan rests on; instances come and go, so they are not part of it."""
    facts = group.min_size, group.desired_size, group.max_size, group.is_disabled, group.is_being_destroyed
    return "/".join(str(int(fact)) for fact in facts)
