"""Entra's sentences about people: their sign-in, consent, codes and refresh tokens, and the policies in their way.

Sentences and suberrors: learn.microsoft.com/entra/identity-platform/reference-error-codes and bodies seen in the
field; where a body was never seen, the sentence is Microsoft's explanation of the number.
"""

from collections.abc import Mapping

from relay.sandbox.aadsts_app import Sentence

_NEW_PLACE = (
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
)
_NOT_IN_DIRECTORY = "does not exist in the {tenant} directory. To sign into this application, the account must be added"
_DEVICE_STATE = "Device is not in required device state: {state}. Conditional Access policy requires a "


def _grant(text: str, suberror: str = "") -> Sentence:
    return Sentence(400, "invalid_grant", text, suberror)


def _interaction(text: str, suberror: str = "") -> Sentence:
    return Sentence(400, "interaction_required", text, suberror)


_CODES = {
    50011: Sentence(
        400,
        "invalid_request",
        "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for "
        "the application '{client_id}'. Make sure the redirect URI sent in the request matches one added to your "
        "application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how "
        "to troubleshoot this error.",
    ),
    500112: _grant(
        "The reply address '{redirect_uri}' does not match the reply address '{expected}' provided when requesting "
        "Authorization code."
    ),
    501481: _grant("The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    50147: Sentence(400, "invalid_request", "The size of the code challenge parameter is not valid."),
    54005: _grant(
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing "
        "refresh token."
    ),
    70000: _grant("Provided grant is invalid or malformed.", "bad_token"),
    70002: Sentence(400, "invalid_client", "Error validating credentials."),
    70008: _grant(
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive "
        "authorization request for this user and resource.",
        "bad_token",
    ),
    700082: _grant(
        "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for "
        "90.00:00:00.",
        "bad_token",
    ),
    700084: _grant(
        "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of "
        "1.00:00:00, which can not be extended. It is now expired and a new sign in request must be sent by the SPA "
        "to the sign in page. The token was issued on {issued}.",
        "bad_token",
    ),
    70043: _grant(
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token "
        "was issued on {issued} and the maximum allowed lifetime for this request is 86400.",
        "token_expired",
    ),
    50173: _grant(
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have "
        "changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before "
        "which tokens are not valid) for this user is '{valid_from}'.",
        "bad_token",
    ),
    50132: _grant("The session is not valid due to password expiration or recent password change.", "bad_token"),
    50133: _grant("Session is invalid due to expiration or recent password change.", "bad_token"),
    50089: _grant("Authentication failed due to flow token expired.", "bad_token"),
    9002313: Sentence(400, "invalid_request", "Invalid request. Request is malformed or invalid."),
}

_DEVICE_CODES = {
    70016: Sentence(
        400,
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    ),
    70018: Sentence(
        400,
        "bad_verification_code",
        "Invalid verification code due to User typing in wrong user code for device code flow.",
    ),
    70019: Sentence(400, "expired_token", "Verification code expired."),
    90119: Sentence(400, "invalid_request", "The user code is null or empty."),
    90120: Sentence(400, "invalid_request", "The request was already authorized or declined."),
    50199: _interaction(
        "For security reasons, user confirmation is required for this request. Please repeat the request allowing user "
        "interaction."
    ),
}

_CONSENT = {
    65001: _grant(
        "The user or administrator has not consented to use the application with ID '{client_id}' named 'sandbox "
        "relay'. Send an interactive authorization request for this user and resource.",
        "consent_required",
    ),
    65004: Sentence(400, "access_denied", "User declined to consent to access the app."),
    90094: Sentence(400, "consent_required", "The grant requires admin permission."),
    90095: Sentence(400, "consent_required", "Admin consent is required; the user may ask an administrator for it."),
    90008: Sentence(
        400,
        "invalid_request",
        "The user or administrator has not consented to use the application with ID '{client_id}'. This happened "
        "because application is misconfigured: it must require access to Windows Azure Active Directory by specifying "
        "at least 'Sign in and read user profile' permission.",
    ),
}

_POLICY = {
    50076: _grant(_NEW_PLACE + "use multi-factor authentication to access '{resource}'.", "basic_action"),
    50074: _interaction("Strong Authentication is required.", "basic_action"),
    50078: _grant(
        "Presented multi-factor authentication has expired due to policies configured by your administrator, you must "
        "refresh your multi-factor authentication to access '{resource}'.",
        "basic_action",
    ),
    50079: _grant(_NEW_PLACE + "enroll in multi-factor authentication to access '{resource}'.", "basic_action"),
    50072: _interaction(_NEW_PLACE + "enroll in multi-factor authentication to access '{resource}'.", "basic_action"),
    50158: _interaction(
        "External security challenge not satisfied. User will be redirected to another page or authentication "
        "provider to satisfy additional authentication challenges.",
        "basic_action",
    ),
    53003: _grant(
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        "message_only",
    ),
    530032: _grant("Blocked by security policy. The tenant admin has configured a security policy that blocks this "
                   "request.", "message_only"),
    530035: _grant(
        "Access has been blocked by security defaults. This is due to the request using legacy auth or being deemed "
        "unsafe by security defaults policies. https://aka.ms/sdautherror",
        "message_only",
    ),
    53000: _grant(
        _DEVICE_STATE + "compliant device, and the device is not compliant. The user must enroll their device with an "
        "approved MDM provider like Intune.",
        "message_only",
    ),
    53001: _grant(_DEVICE_STATE + "domain joined device, and the device is not domain joined.", "message_only"),
    50097: _interaction("Device authentication is required.", "device_authentication_failed"),
    50129: _interaction("Device is not workplace joined. Workplace join is required to register the device."),
    50155: _interaction("Device authentication failed for this user.", "device_authentication_failed"),
}  # fmt: skip

_ACCOUNT = {
    50058: Sentence(400, "login_required", "A silent sign-in request was sent but no user is signed in."),
    50126: _grant("Error validating credentials due to invalid username or password."),
    50034: _grant("The user account {user} " + _NOT_IN_DIRECTORY + " to the directory.", "bad_token"),
    51004: _grant("The user account {user} " + _NOT_IN_DIRECTORY + " to the directory."),
    50020: _grant(
        "User account '{user}' from identity provider '{issuer}' does not exist in tenant '{tenant}' and cannot access "
        "the application '{client_id}'(sandbox relay) in that tenant. The account needs to be added as an external "
        "user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account."
    ),
    50053: _grant(
        "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."
    ),
    50055: _grant("The password is expired.", "user_password_expired"),
    50144: _grant("The user's Active Directory password has expired.", "user_password_expired"),
    50057: _grant("The user account is disabled."),
    50105: _grant(
        "Your administrator has configured the application sandbox relay ('{client_id}') to block users unless they "
        "are specifically granted ('assigned') access to the application. The signed in user '{user}' is blocked "
        "because they are not a direct member of a group with access, nor had access directly assigned by an "
        "administrator. Please contact your administrator to assign access to this application."
    ),
}

OF_USERS: Mapping[int, Sentence] = _CODES | _DEVICE_CODES | _CONSENT | _POLICY | _ACCOUNT
