"""What people type about clusters, turned into what operations take. Operations decide; forms only read and explain."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.auth.models import Group

from clusters.core import naming, values
from clusters.core.guarding import Guard
from clusters.core.values import InvalidValue
from clusters.models import Account, Application, LoadBalancer, SecurityGroup, TrafficGuard
from clusters.trust.permissions import Actor, Authorization

_RULE = re.compile(
    r"(?:group:(?P<group>\S+)|(?P<cidr>\S+))\s+(?P<protocol>tcp|udp|all)\s+(?P<first>\d+)(?:-(?P<last>\d+))?"
)


class ApplicationForm(forms.Form):
    """A new application; `values` go to operations.applications.create."""

    name = forms.CharField(
        max_length=naming.MAX_APPLICATION_LENGTH,
        help_text="Letters, digits, dot and underscore. Server groups are named after it, so it cannot change.",
    )
    owner_role = forms.ChoiceField(
        required=False, label="Owner", help_text="Members of this role may do everything with the application."
    )
    owner_email = forms.EmailField(required=False, label="E-mail of the owner")
    description = forms.CharField(required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner_role"].choices = _roles_of(actor)  # type: ignore[attr-defined]
        self.fields["owner_role"].required = not actor.is_superuser

    @property
    def values(self) -> dict[str, Any]:
        return self.cleaned_data


class ApplicationSettingsForm(forms.Form):
    """`values` go to operations.applications.update."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    owner_email = forms.EmailField(required=False, label="E-mail of the owner")
    description = forms.CharField(required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))

    guards = forms.CharField(
        required=False,
        label="Traffic guards",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=(
            "One a line: account region stack detail, with * for any and - for none, off at the end to suspend it."
            " Nothing takes the last healthy, enabled server group of these clusters away."
        ),
    )

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        initial = {name: getattr(application, name) for name in ("version", "owner_email", "description")}
        initial["guards"] = "\n".join(map(_guard_line, application.traffic_guards.all()))
        super().__init__(*args, **{"initial": initial} | kwargs)

    def clean_guards(self) -> list[Guard]:
        return [_guard(line.strip()) for line in self.cleaned_data["guards"].splitlines() if line.strip()]

    @property
    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return given if "guards" in self.data else given | {"guards": None}


class PermissionsForm(forms.Form):
    """Who owns the application and what each other role may do; `values` go to operations.applications.update."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    owner_role = forms.ChoiceField(required=False, label="Owner")

    def __init__(self, *args: Any, application: Application, actor: Actor, **kwargs: Any) -> None:
        self._texts = {"owner_email": application.owner_email, "description": application.description}
        self._roles = {f"role_{group.pk}": group.name for group in Group.objects.order_by("name")}
        owner = application.owner_role.name if application.owner_role else ""
        initial: dict[str, Any] = {"version": application.version, "owner_role": owner}
        for role, authorization in application.permissions.values_list("role_id", "authorization"):
            initial.setdefault(f"role_{role}", []).append(authorization)
        super().__init__(*args, **{"initial": initial} | kwargs)
        self.fields["owner_role"].choices = _roles_of(actor)  # type: ignore[attr-defined]
        self.fields["owner_role"].required = not actor.is_superuser
        for key, name in self._roles.items():
            self.fields[key] = forms.MultipleChoiceField(
                label=name, required=False, choices=Authorization.choices, widget=forms.CheckboxSelectMultiple
            )
        self.authorizations = Authorization.labels

    @property
    def roles(self) -> list[forms.BoundField]:
        """A field a role: its boxes are the columns of a table."""
        return [self[key] for key in self._roles]

    @property
    def values(self) -> dict[str, Any]:
        grants = [
            (name, Authorization(authorization))
            for key, name in self._roles.items()
            for authorization in self.cleaned_data[key]
        ]
        own = {"version": self.cleaned_data["version"], "owner_role": self.cleaned_data["owner_role"]}
        return self._texts | own | {"grants": grants}


class _PlacedForm(forms.Form):
    """Something in an account and region; both are fixed once it exists."""

    place = forms.ChoiceField(label="Account and region")

    def __init__(self, *args: Any, actor: Actor, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = [  # type: ignore[attr-defined]
            (f"{account.name}/{region}", f"{account.name}, {region}")
            for account in Account.objects.writable_by(actor).enabled()
            for region in account.regions
        ]
        for name in ("place", "name"):
            self.fields[name].disabled = not is_new

    @property
    def account(self) -> str:
        return str(self.cleaned_data["place"].partition("/")[0])

    @property
    def region(self) -> str:
        return str(self.cleaned_data["place"].partition("/")[2])


class LoadBalancerForm(_PlacedForm):
    """`account` and `request` say what to make."""

    name = forms.CharField(
        max_length=naming.MAX_LOAD_BALANCER_LENGTH, help_text="application-stack, with hyphens only."
    )
    port = forms.IntegerField(min_value=0, max_value=65535, initial=0, help_text="0 takes a free one.")
    protocol = forms.ChoiceField(choices=[("HTTP", "HTTP"), ("TCP", "TCP")], help_text="Of all its ports.")
    more_ports = forms.CharField(
        label="Further ports", required=False, help_text="Numbers with spaces between; they lead to the same instances."
    )
    zones = forms.CharField(
        label="Availability zones",
        required=False,
        help_text="With spaces between. Only their instances get traffic. None: all, or those it has already.",
    )
    check_protocol = forms.ChoiceField(label="Asks by", choices=[("HTTP", "HTTP"), ("TCP", "TCP")])
    is_enabled = forms.BooleanField(
        initial=True, required=False, label="Check the health of instances", help_text="Off: each counts as healthy."
    )
    path = forms.CharField(initial="/", required=False, help_text="Asked for by HTTP health checks.")
    interval = forms.FloatField(initial=1.0, label="Interval", help_text="Seconds between checks.")
    timeout = forms.FloatField(initial=1.0, label="Timeout", help_text="Seconds an answer may take.")
    healthy_threshold = forms.IntegerField(initial=1, help_text="Good answers in a row until an instance is up.")
    unhealthy_threshold = forms.IntegerField(initial=2, help_text="Bad answers in a row until it is down.")
    security_groups = forms.CharField(label="Firewalls", required=False, help_text="Names with spaces between.")

    def __init__(self, *args: Any, actor: Actor, existing: LoadBalancer | None = None, **kwargs: Any) -> None:
        given = kwargs.pop("initial", None)
        initial = _of_load_balancer(existing) if existing else given
        super().__init__(*args, actor=actor, is_new=existing is None, initial=initial, **kwargs)

    def clean_more_ports(self) -> tuple[int, ...]:
        words = self.cleaned_data["more_ports"].replace(",", " ").split()
        if wrong := [word for word in words if not word.isdecimal() or not 1 <= int(word) <= 65535]:
            raise forms.ValidationError(f"“{wrong[0]}” is not a port between 1 and 65535.")
        return tuple(int(word) for word in words)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.errors:
            return given
        try:
            check = values.HealthCheck(
                given["check_protocol"],
                given["path"],
                given["interval"],
                given["timeout"],
                given["healthy_threshold"],
                given["unhealthy_threshold"],
                given["is_enabled"],
            )
            self.request = self._request(given, check)
        except InvalidValue as error:
            field = error.field.removeprefix("healthCheck.")
            names = {"protocol": "check_protocol", "listeners": "more_ports"}
            self.add_error(names.get(field, field), error.message)
        return given

    def _request(self, given: dict[str, Any], check: values.HealthCheck) -> values.LoadBalancerRequest:
        first, *more = (values.Listener(port, given["protocol"]) for port in (given["port"], *given["more_ports"]))
        names, zones = (tuple(given[name].replace(",", " ").split()) for name in ("security_groups", "zones"))
        return values.LoadBalancerRequest(self.region, given["name"], first, check, names, tuple(more), zones)


class SecurityGroupForm(_PlacedForm):
    """`account`, `region`, name, `rules` and description say what to make."""

    name = forms.CharField(max_length=255, help_text="application, or application-stack.")
    description = forms.CharField(required=False, max_length=255)
    rules = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One a line: 10.0.0.0/8 tcp 80-443, or group:shop-web tcp 80. What no rule allows is refused.",
    )

    def __init__(self, *args: Any, actor: Actor, existing: SecurityGroup | None = None, **kwargs: Any) -> None:
        given = kwargs.pop("initial", None)
        initial = _of_security_group(existing) if existing else given
        super().__init__(*args, actor=actor, is_new=existing is None, initial=initial, **kwargs)

    def clean_rules(self) -> tuple[values.Rule, ...]:
        return tuple(_rule(line.strip()) for line in self.cleaned_data["rules"].splitlines() if line.strip())


class PackageForm(forms.Form):
    """An upload for operations.packages.put."""

    account = forms.ChoiceField()
    name = forms.CharField(max_length=63)
    version = forms.CharField(max_length=63)
    archive = forms.FileField(help_text="A tar.gz or zip with an executable “run” that listens on $PORT.")

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Account.objects.writable_by(actor).enabled().values_list("name", flat=True)
        self.fields["account"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


def _roles_of(actor: Actor) -> list[tuple[str, str]]:
    """The roles the actor may make an owner; only superusers may leave it open."""
    if not actor.is_superuser:
        return [(role, role) for role in sorted(actor.roles)]
    names = Group.objects.order_by("name").values_list("name", flat=True)
    return [("", "Administrators only"), *((name, name) for name in names)]


def _guard(line: str) -> Guard:
    words = line.split()
    is_enabled = words[4:] != ["off"]
    words = words if is_enabled else words[:4]
    if len(words) != 4 or "-" in words[:2]:
        raise forms.ValidationError(f"“{line}” does not read like prod eu-west-1 web * (account region stack detail).")
    account, location, stack, detail = words
    stack, detail = ("" if word == "-" else word for word in (stack, detail))
    return Guard(account, location, stack, detail, is_enabled)


def _guard_line(guard: TrafficGuard) -> str:
    return str(guard) if guard.is_enabled else f"{guard} off"


def _rule(line: str) -> values.Rule:
    parts = _RULE.fullmatch(line)
    if parts is None:
        raise forms.ValidationError(f"“{line}” does not read like 10.0.0.0/8 tcp 80-443.")
    try:
        ports = int(parts["first"]), int(parts["last"] or parts["first"])
        return values.Rule(parts["cidr"] or "", *ports, parts["protocol"], parts["group"] or "")
    except InvalidValue as error:
        raise forms.ValidationError(f"“{line}”: {error.message}") from None


def _rule_line(rule: dict[str, Any]) -> str:
    source = f"group:{rule['group']}" if rule.get("group") else rule["cidr"]
    return f"{source} {rule['protocol']} {rule['from_port']}-{rule['to_port']}"


def _of_load_balancer(row: LoadBalancer) -> dict[str, Any]:
    check: dict[str, Any] = row.health_check | {"check_protocol": row.health_check["protocol"]}
    return check | {
        "place": f"{row.account_id}/{row.region}",
        "name": row.name,
        "port": row.port,
        "protocol": row.protocol,
        "more_ports": " ".join(map(str, row.ports[1:])),
        "zones": " ".join(row.zones),
        "security_groups": " ".join(row.security_groups),
    }


def _of_security_group(row: SecurityGroup) -> dict[str, Any]:
    lines = [_rule_line(rule) for rule in row.rules]
    return {
        "place": f"{row.account_id}/{row.region}",
        "name": row.name,
        "description": row.description,
        "rules": "\n".join(lines),
    }
