import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.trust.redaction import MASK, masked, redact


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "xoxb-123456789012-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_well_known_credentials_are_masked_anywhere(secret: str) -> None:
    assert redact(f"error near {secret} in line 3") == f"error near {MASK} in line 3"


def test_headers_and_urls_keep_all_but_the_credential() -> None:
    assert redact("Authorization: Bearer abcdef123456 sent") == f"Authorization: Bearer {MASK} sent"
    assert redact("git clone https://ann:hunter2@example.org/x") == f"git clone https://{MASK}@example.org/x"


@given(st.text(min_size=6, alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"])), st.text(max_size=20))
def test_a_known_secret_is_masked_in_every_spelling(secret: str, around: str) -> None:
    spellings = [secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe="")]
    for spelling in spellings:
        assert spelling not in redact(f"{around} {spelling} {around}", [secret]) or spelling in MASK


def test_telling_fields_are_masked_and_references_are_not() -> None:
    value = {
        "credentials": "main",
        "password": "hunter2",
        "nested": [{"apiKey": "k", "api_key": "secret:key", "size": 3, "token": ""}],
        "base64UserData": "aGk=",
    }
    assert masked(value) == {
        "credentials": "main",
        "password": MASK,
        "nested": [{"apiKey": MASK, "api_key": "secret:key", "size": 3, "token": ""}],
        "base64UserData": MASK,
    }


def test_what_is_no_text_stays_as_it_is() -> None:
    assert masked(None) is None
    assert masked([1, True, 2.5]) == [1, True, 2.5]
