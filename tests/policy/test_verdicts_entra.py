"""Every known answer of Entra has its meaning and its remedy, and none of them ever fails mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.outcome import Scope
from relay.policy.rows_entra_words import BUSY, DOWN, UNKNOWN, WORDS
from relay.policy.verdicts import TOKEN_ROWS, Class, Facts, judge_token

FACTS = Facts(profile="scans", mailbox="scanner@contoso.com", app="contoso", tenant="contoso.com", client_id="c1d2")
CONFIG, WAIT, SLOW = Class.CONFIGURATION, Class.TRANSIENT, Class.THROTTLE

NUMBERS = [
    ((7000215,), "entra.invalid-secret", CONFIG, "c1d2 → Certificates & secrets → New client secret"),
    ((7000222,), "entra.secret-expired", CONFIG, "apps.contoso.credential"),
    ((700016, 700011), "entra.app-not-found", CONFIG, "apps.contoso.client_id (c1d2)"),
    ((90002,), "entra.tenant-not-found", CONFIG, "apps.contoso.cloud"),
    ((900023,), "entra.tenant-malformed", CONFIG, "apps.contoso.tenant"),
    ((90038, 900382, 900432), "entra.wrong-cloud", CONFIG, "cloud of contoso.com"),
    ((50059, 50128), "entra.no-tenant", CONFIG, "apps.contoso.tenant"),
    ((50194, 9001023, 90124, 90130), "entra.tenant-needed", CONFIG, "take apps.contoso.authority out"),
    ((7000218, 7000216), "entra.no-credential", CONFIG, "Allow public client flows"),
    ((700025,), "entra.public-client", CONFIG, "Web platform"),
    ((700027, 50012), "entra.certificate-refused", CONFIG, "Upload certificate"),
    ((700024,), "entra.clock", CONFIG, "timedatectl"),
    ((700030,), "entra.subject-not-trusted", CONFIG, "trustedCertificateSubjects"),
    ((7000112, 70001), "entra.app-disabled", CONFIG, "Enabled for users to sign-in"),
    ((7000114, 700229), "entra.grant-not-allowed", CONFIG, "client secret or certificate"),
    ((700211, 700212, 700213, 70021), "entra.federation-mismatch", CONFIG, "Federated credentials"),
    ((500011,), "entra.resource-not-found", CONFIG, "outlook.office365.com/.default"),
    ((50001, 650054), "entra.resource-disabled", CONFIG, "Office 365 Exchange Online"),
    ((650052,), "entra.no-subscription", CONFIG, "Purchase services"),
    ((650056, 650057, 65005), "entra.permission-missing", CONFIG, "SMTP.SendAsApp"),
    ((65001,), "entra.no-consent", CONFIG, "Grant admin consent"),
    ((65004,), "entra.consent-declined", CONFIG, "accept"),
    ((90094, 90095, 90008), "entra.admin-consent", CONFIG, "Grant admin consent"),
    ((70011, 28002, 28003, 700023), "entra.scope-invalid", CONFIG, "apps.contoso.scope"),
    ((1002012,), "entra.scope-default", CONFIG, "https://outlook.office365.com/.default"),
    ((28000, 700022), "entra.scope-two-resources", CONFIG, "one resource"),
    ((50011,), "entra.redirect", CONFIG, "redirect URI"),
    ((501481, 50147), "entra.pkce", CONFIG, "Authorize profile scans again"),
    ((54005, 70000, 70008, 70002), "entra.code-used", CONFIG, "Authorize profile scans again"),
    ((700082,), "entra.refresh-inactive", CONFIG, "every week"),
    ((700084,), "entra.refresh-spa", CONFIG, "Mobile and desktop"),
    ((70043,), "entra.refresh-frequency", CONFIG, "sign-in frequency"),
    ((50173,), "entra.grant-revoked", CONFIG, "sign in as scanner@contoso.com"),
    ((50132, 50133, 50089), "entra.session-ended", CONFIG, "Authorize profile scans again"),
    ((50076, 50074, 50078, 50079, 50072, 50158), "entra.mfa", CONFIG, "with MFA"),
    ((53003,), "entra.conditional-access", CONFIG, "Conditional Access tab"),
    ((530032,), "entra.security-policy", CONFIG, "Sign-in logs"),
    ((530035,), "entra.security-defaults", CONFIG, "instead of the device code"),
    ((53000, 53001, 50097, 50129, 50155), "entra.device-compliance", CONFIG, "Conditional Access tab"),
    ((50126,), "entra.password-wrong", CONFIG, "apps.contoso.authority"),
    ((50034, 51004, 50020), "entra.user-unknown", CONFIG, "apps.contoso.tenant (contoso.com)"),
    ((50053,), "entra.account-locked", WAIT, "Sign-in logs"),
    ((50055, 50144), "entra.password-expired", CONFIG, "new password"),
    ((50057,), "entra.user-disabled", CONFIG, "app-only"),
    ((50105,), "entra.user-not-assigned", CONFIG, "Users and groups"),
    ((50196,), "entra.loop", SLOW, "ten minutes"),
    ((70016, 70018, 70019, 90119, 90120), "entra.device-code", CONFIG, "type the code"),
    ((50199,), "entra.confirmation", CONFIG, "Authorize profile scans again"),
    ((90055, 90024, 90033, 90006, 90012, 50033, 50000, 90090), "entra.service-trouble", WAIT, "tries again"),
    ((500021, 500022, 500212, 500213), "entra.tenant-restrictions", CONFIG, "Restrict-Access-To-Tenants"),
]
ONE_BY_ONE = [(code, rule, cls, remedy) for codes, rule, cls, remedy in NUMBERS for code in codes]

WORDED = [
    ("invalid_client", "", 401, "entra.client-refused", CONFIG, "make a new client secret"),
    ("unauthorized_client", "", 400, "entra.client-refused", CONFIG, "apps.contoso.credential"),
    ("invalid_resource", "", 400, "entra.request-refused", CONFIG, "apps.contoso"),
    ("invalid_scope", "", 400, "entra.request-refused", CONFIG, "scope"),
    ("invalid_request", "", 400, "entra.request-refused", CONFIG, "tenant"),
    ("unsupported_grant_type", "", 400, "entra.request-refused", CONFIG, "cloud"),
    ("unsupported_response_type", "", 400, "entra.request-refused", CONFIG, "cloud"),
    ("invalid_grant", "", 400, "entra.sign-in-again", CONFIG, "sign in as scanner@contoso.com"),
    ("interaction_required", "", 400, "entra.sign-in-again", CONFIG, "Authorize"),
    ("consent_required", "", 400, "entra.sign-in-again", CONFIG, "Grant admin consent"),
    ("login_required", "", 400, "entra.sign-in-again", CONFIG, "Authorize"),
    ("access_denied", "", 400, "entra.sign-in-again", CONFIG, "Authorize"),
    ("authorization_declined", "", 400, "entra.sign-in-again", CONFIG, "Authorize"),
    ("expired_token", "", 400, "entra.sign-in-again", CONFIG, "Authorize"),
    ("authorization_pending", "", 400, "entra.sign-in-pending", CONFIG, "type the code"),
    ("slow_down", "", 400, "entra.sign-in-pending", CONFIG, "type the code"),
    ("temporarily_unavailable", "", 400, "entra.service-trouble-word", WAIT, "tries again"),
    ("server_error", "", 400, "entra.service-trouble-word", WAIT, "tries again"),
    ("unreachable", "connection refused", 0, "entra.unreachable", WAIT, "TCP 443"),
    ("timeout", "", 0, "entra.unreachable", WAIT, "name service"),
    ("unreachable", "certificate verify failed", 0, "entra.certificate-untrusted", CONFIG, "apps.contoso.ca_file"),
    ("bad_answer", "<html>Sign in to the guest network</html>", 200, "entra.bad-answer", WAIT, "proxy"),
    ("secret_unreadable", "CONTOSO_SECRET is not set", 0, "entra.secret-unreadable", CONFIG, "relay check"),
    ("", "", 429, "entra.throttled", SLOW, "c1d2"),
    ("invalid_client", "AADSTS7000215: Invalid client secret", 429, "entra.throttled", SLOW, "waits"),
    ("bad_answer", "", 503, "entra.other-5xx", WAIT, "tries again"),
    ("invalid_client", "AADSTS7000215: Invalid client secret", 503, "entra.other-5xx", WAIT, "tries again"),
    ("odd", "", 0, "entra.other-5xx", WAIT, "tries again"),
    ("odd", "AADSTS123456789: news", 400, "entra.other", CONFIG, "login.microsoftonline.com/error"),
]


@pytest.mark.parametrize(("code", "rule", "cls", "remedy"), ONE_BY_ONE)
def test_a_number_has_its_verdict(code: int, rule: str, cls: Class, remedy: str) -> None:
    """AADSTS number in; rule, class, the profile as scope and a filled remedy out."""
    verdict = judge_token("invalid_client", "text", (code,), 400, FACTS)

    assert (rule, cls, Scope.PROFILE) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy


@pytest.mark.parametrize(("error", "description", "status", "rule", "cls", "remedy"), WORDED)
def test_without_a_number_word_and_status_decide(
    error: str, description: str, status: int, rule: str, cls: Class, remedy: str
) -> None:
    """OAuth word, description and HTTP status in; rule, class and a filled remedy out."""
    verdict = judge_token(error, description, (), status, FACTS)

    assert (rule, cls, Scope.PROFILE) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy


def test_every_row_is_judged_here() -> None:
    """Each row of the table, and each of its numbers, has its case above."""
    rows = [*TOKEN_ROWS, *WORDS, BUSY, DOWN, UNKNOWN]
    judged = {rule for _, rule, *_ in NUMBERS} | {rule for _, _, _, rule, *_ in WORDED}

    assert {row.rule for row in rows} == judged
    assert len(rows) == len(judged)
    assert sorted(code for row in TOKEN_ROWS for code in row.codes) == sorted(code for code, *_ in ONE_BY_ONE)


def test_the_number_is_read_from_the_text_when_it_came_alone() -> None:
    """MSAL does not always hand over the list of codes."""
    text = "AADSTS7000222: The provided client secret keys for app 'c1d2' are expired. Trace ID: 0"

    assert judge_token("invalid_client", text, (), 401, FACTS).rule == "entra.secret-expired"


def test_the_first_number_that_is_known_decides() -> None:
    """Entra lists several numbers; unknown ones are passed over."""
    assert judge_token("invalid_grant", "", (1, 53003, 65001), 400, FACTS).rule == "entra.conditional-access"


@given(
    st.one_of(st.text(max_size=30), st.sampled_from([word for row in WORDS for word in row.errors])),
    st.text(max_size=200),
    st.lists(st.integers(), max_size=3).map(tuple),
    st.integers(-1, 1000),
)
def test_no_token_answer_escapes_or_fails_mail(error: str, text: str, codes: tuple[int, ...], status: int) -> None:
    """Whatever Entra says, there is a verdict, and the mail is kept."""
    assert not judge_token(error, text, codes, status, FACTS).cls.fails_mail
