"""Forms of signing in and of a person's own page."""

from __future__ import annotations

from datetime import timedelta

from django import forms

from spinnaker_web.access.models import Preference
from spinnaker_web.access.tokens import LASTS


class SignInForm(forms.Form):
    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        max_length=1024, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=Preference.THEMES, required=False, widget=forms.RadioSelect)


class TokenForm(forms.Form):
    name = forms.CharField(label="What it is for", max_length=100)
    days = forms.ChoiceField(
        label="How long it opens something",
        choices=[("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("never", "Until revoked")],
        initial=str(LASTS.days),
        required=False,
    )

    @property
    def lasts(self) -> timedelta | None:
        """None: until it is revoked."""
        days = self.cleaned_data["days"] or str(LASTS.days)
        return None if days == "never" else timedelta(days=int(days))
