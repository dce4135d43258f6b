"""Forms of signing in and of a person's own page."""

from __future__ import annotations

from django import forms

from spinnaker_web.access.models import Preference


class SignInForm(forms.Form):
    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        max_length=1024, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=Preference.THEMES, required=False, widget=forms.RadioSelect)


class TokenForm(forms.Form):
    name = forms.CharField(label="What it is for", max_length=100)
