from __future__ import annotations

from django import forms

from spinnaker_web.access.models import ApiToken, Preference


class SignInForm(forms.Form):
    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        max_length=1024, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class ThemeForm(forms.ModelForm):
    class Meta:
        model = Preference
        fields = ["theme"]
        widgets = {"theme": forms.RadioSelect}


class TokenForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ["name"]
        labels = {"name": "What it is for"}
