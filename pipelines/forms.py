"""Forms of the pipeline pages. They read what was typed; operations decide whether it will do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms

from pipelines.core.definition import Problem
from pipelines.core.expressions.limits import MOST_EXPRESSION
from pipelines.core.parameters import options_of

REASON = "Seen by everybody in the history"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        required=False, max_length=1000, widget=forms.Textarea({"rows": 2}), help_text=REASON, label="Reason"
    )


class JudgeForm(ReasonForm):
    """`judgment` comes from the button pressed, so it has no field on the page."""

    def __init__(self, data: Any = None, *, choices: Sequence[str] = ()) -> None:
        super().__init__(data)
        if choices:
            inputs = forms.ChoiceField(
                label="Choice",
                choices=[(choice, choice) for choice in choices],
                widget=forms.RadioSelect,
                required=False,
                initial=choices[0],
            )
            self.fields = {"input": inputs, **self.fields}


class ExpressionForm(forms.Form):
    text = forms.CharField(
        label="Text",
        max_length=MOST_EXPRESSION,
        strip=False,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text="As in a stage's field, with its expressions in ${ }.",
    )
    stage = forms.ChoiceField(label="As seen by", required=False)

    def __init__(self, data: Any = None, *, stages: list[tuple[str, str]], initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        choice = self.fields["stage"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", "the execution as it stands"), *stages]


class SourceForm(forms.Form):
    """A pipeline as JSON; `version` is the revision it was opened at."""

    source = forms.CharField(
        label="Pipeline as JSON",
        strip=False,
        required=False,
        widget=forms.Textarea(
            {"rows": 28, "spellcheck": "false", "autocapitalize": "off", "wrap": "off", "class": "code"}
        ),
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)


class StartForm(forms.Form):
    """A field for each parameter of a pipeline. Fields are numbered, since a parameter's name may be any text."""

    def __init__(
        self, parameters: Iterable[Mapping[str, Any]], data: Any = None, *, earlier: Mapping[str, Any] | None = None
    ):
        super().__init__(data)
        self.names: dict[str, str] = {}
        for number, parameter in enumerate(parameters):
            self.names[f"p{number}"] = parameter["name"]
            self.fields[f"p{number}"] = _field(parameter, (earlier or {}).get(parameter["name"]))
        self.fields["note"] = forms.CharField(required=False, max_length=1000, label="Why", help_text=REASON)

    @property
    def parameters(self) -> dict[str, str]:
        return {name: self.cleaned_data.get(key, "") for key, name in self.names.items()}

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Put each problem at the field it names, else above the form."""
        keys = {name: key for key, name in self.names.items()}
        for problem in problems:
            key = keys.get(problem.path)
            self.add_error(key, problem.message if key else f"{problem.path}: {problem.message}".lstrip(": "))


def _field(parameter: Mapping[str, Any], earlier: Any) -> forms.Field:
    initial = parameter.get("default") if earlier is None else earlier
    common = {
        # An empty required field is the operation's to refuse, so that API and page say the same.
        "required": False,
        "label": parameter.get("label") or parameter["name"],
        "help_text": parameter.get("description") or "",
        "initial": "" if initial is None else str(initial),
    }
    field: forms.Field
    if options := options_of(parameter):
        blank = [] if common["initial"] in options else [("", "Choose one")]
        choices = [*blank, *((option, option) for option in options)]
        # Not a ChoiceField: which values will do is the operation's to say, together with all else that is wrong.
        field = forms.CharField(widget=forms.Select(choices=choices), **common)
    else:
        kind = "date" if parameter.get("constraint") == "date" else "text"
        field = forms.CharField(strip=False, widget=forms.TextInput({"type": kind}), **common)
    field.widget.is_required = False
    field.is_needed = parameter.get("required") in (True, "true")  # type: ignore[attr-defined]
    return field
