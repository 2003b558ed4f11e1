"""Entra's sentences about applications, tenants, scopes and the service itself.

Sentences: learn.microsoft.com/entra/identity-platform/reference-error-codes and bodies seen in the field; `{...}` is
filled in from the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_NOT_INSTALLED = (
    "This can happen if the application has not been installed by the administrator of the tenant or consented to by "
    "any user in the tenant. You may have sent your authentication request to the wrong tenant."
)
_NO_RECORD = "No matching federated identity record found for presented assertion "
_LOOK_AT_RECORD = (
    " Please check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)
_ON_ASSERTIONS = (
    "Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials"
)
_PERMISSION_MISSING = (
    "The client has requested access to a resource which is not listed in the requested permissions in the client's "
    "application registration. Client app ID: {client_id}(sandbox relay)."
)
_TENANT_DENIED = "Access to '{tenant}' tenant is denied."
_PLEASE_RETRY = "Please try again later."


@dataclass(frozen=True, slots=True)
class Sentence:
    """One refusal: HTTP status, OAuth error, the sentence behind AADSTSn:, and Entra's suberror if it has one."""

    status: int
    error: str
    text: str
    suberror: str = ""


_CLIENT = {
    7000215: Sentence(
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
        "not the client secret ID, for a secret added to app '{client_id}'.",
    ),
    7000222: Sentence(
        401,
        "invalid_client",
        "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new "
        "keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added "
        "security: https://aka.ms/certCreds.",
    ),
    7000216: Sentence(
        401,
        "invalid_client",
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    ),
    7000218: Sentence(
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    700025: Sentence(
        401,
        "invalid_client",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    700027: Sentence(
        401,
        "invalid_client",
        "{claim} [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}'{found}, Please visit the Azure "
        "Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{client_id}'. Review the "
        "documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service "
        "endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to "
        "build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{client_id}'].",
    ),
    700024: Sentence(
        401,
        "invalid_client",
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {begin}, "
        "expiry time of assertion {end}. " + _ON_ASSERTIONS + " .",
    ),
    700023: Sentence(
        401,
        "invalid_client",
        "Client assertion audience claim does not match Realm issuer. " + _ON_ASSERTIONS + ".",
    ),
    700030: Sentence(
        401,
        "invalid_client",
        "Invalid certificate - subject name in certificate is not authorized. SubjectNames/SubjectAlternativeNames "
        "(up to 10) in token certificate are: {subject}.",
    ),
    50012: Sentence(401, "invalid_client", "Authentication failed. {reason}."),
    50027: Sentence(400, "invalid_request", "JWT token is invalid or malformed: {reason}."),
    70025: Sentence(
        401,
        "invalid_client",
        "The client '{client_id}'(sandbox relay) has no configured federated identity credentials.",
    ),
    70021: Sentence(
        401,
        "invalid_client",
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. "
        "Assertion Subject: '{subject}'. Assertion Audience: '{audience}'.",
    ),
    700211: Sentence(401, "invalid_client", _NO_RECORD + "issuer '{issuer}'." + _LOOK_AT_RECORD),
    700212: Sentence(401, "invalid_client", _NO_RECORD + "audience '{audience}'." + _LOOK_AT_RECORD),
    700213: Sentence(401, "invalid_client", _NO_RECORD + "subject '{subject}'." + _LOOK_AT_RECORD),
    700229: Sentence(401, "invalid_client", "Only app tokens can be used as Federated Identity Credentials for AAD."),
    7000112: Sentence(401, "unauthorized_client", "Application '{client_id}'(sandbox relay) is disabled."),
    7000114: Sentence(
        401, "unauthorized_client", "Application '{client_id}' is not allowed to make application on-behalf-of calls."
    ),
    70001: Sentence(
        400,
        "unauthorized_client",
        "Application with identifier '{client_id}' is disabled or was not found in the directory '{tenant}'.",
    ),
    700054: Sentence(
        400,
        "unsupported_response_type",
        "response_type '{response_type}' is not enabled for the application.",
    ),
    700016: Sentence(
        400,
        "unauthorized_client",
        "Application with identifier '{client_id}' was not found in the directory '{tenant}'. " + _NOT_INSTALLED,
    ),
    700011: Sentence(
        400,
        "unauthorized_client",
        "Application with identifier '{client_id}' was not found in the directory '{tenant}'.",
    ),
}

_TENANT = {
    90002: Sentence(
        400,
        "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
    ),
    900023: Sentence(
        400,
        "invalid_request",
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
    ),
    90038: Sentence(
        400,
        "invalid_request",
        "Tenant '{tenant}' request is being redirected to the National Cloud 'MicrosoftOnline.US'.",
    ),
    900382: Sentence(400, "invalid_client", "Confidential Client is not supported in Cross Cloud request."),
    900432: Sentence(400, "invalid_client", "Confidential Client is not supported in Cross Cloud request."),
    50059: Sentence(
        400,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    50128: Sentence(
        400,
        "invalid_request",
        "Invalid domain name - No tenant-identifying information found in either the request or implied by any "
        "provided credentials.",
    ),
    50194: Sentence(
        400,
        "invalid_request",
        "Application '{client_id}'(sandbox relay) is not configured as a multi-tenant application. Usage of the "
        "/common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint "
        "or configure the application to be multi-tenant.",
    ),
    9001023: Sentence(
        400,
        "invalid_request",
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or "
        "tenant-specific endpoint.",
    ),
    90124: Sentence(
        400,
        "invalid_request",
        "Resource '{resource}' is not supported over the /common or /consumers endpoints. Please use the "
        "/organizations or tenant-specific endpoint.",
    ),
    90130: Sentence(
        400,
        "invalid_request",
        "Application '{client_id}' (sandbox relay) is not supported over the /common or /consumers endpoints. Please "
        "use the /organizations or tenant-specific endpoint.",
    ),
    500021: Sentence(400, "invalid_request", _TENANT_DENIED),
    500022: Sentence(400, "invalid_request", _TENANT_DENIED),
    500212: Sentence(
        400,
        "invalid_request",
        "The user's administrator has set an outbound access policy that does not allow access to the resource tenant.",
    ),
    500213: Sentence(
        400,
        "invalid_request",
        "The resource tenant's cross-tenant access policy does not allow this user to access this tenant.",
    ),
}

_RESOURCE = {
    500011: Sentence(
        400,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}. " + _NOT_INSTALLED,
    ),
    50001: Sentence(
        400, "invalid_resource", "The application named {resource} was not found in the tenant named {tenant}."
    ),
    650054: Sentence(
        400,
        "invalid_resource",
        "The application asked for permissions to access a resource that has been removed or is no longer available.",
    ),
    650052: Sentence(
        400,
        "invalid_client",
        "The app is trying to access a service '{resource}' that your organization '{tenant}' lacks a service "
        "principal for. Contact your IT Admin to review the configuration of your service subscriptions or consent "
        "to the application in order to create the required service principal.",
    ),
    650053: Sentence(
        400,
        "invalid_client",
        "The application 'sandbox relay' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. "
        "Contact the app vendor.",
    ),
    650056: Sentence(
        400,
        "invalid_client",
        "Misconfigured application. This could be due to one of the following: the client has not listed any "
        "permissions for '{resource}' in the requested permissions in the client's application registration. Or, the "
        "admin has not consented in the tenant. Or, check the application identifier in the request to ensure it "
        "matches the configured client application identifier.",
    ),
    650057: Sentence(400, "invalid_resource", "Invalid resource. " + _PERMISSION_MISSING),
    65005: Sentence(400, "invalid_client", _PERMISSION_MISSING),
    70011: Sentence(
        400,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
        "'scope' is not valid. The scope {scope} is not valid.",
    ),
    1002012: Sentence(
        400,
        "invalid_scope",
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
        "/.default suffixed to the resource identifier (application ID URI).",
    ),
    28000: Sentence(
        400,
        "invalid_request",
        "Provided value for the input parameter scope is not valid because it contains more than one resource. "
        "Scope {scope} is not valid.",
    ),
    700022: Sentence(
        400,
        "invalid_scope",
        "The provided value for the input parameter scope is not valid because it contains more than one resource.",
    ),
    28002: Sentence(
        400,
        "invalid_scope",
        "Provided value for the input parameter scope '{scope}' is not valid when requesting an access token. Please "
        "specify a valid scope.",
    ),
    28003: Sentence(
        400,
        "invalid_scope",
        "Provided value for the input parameter scope cannot be empty when requesting an access token using the "
        "provided authorization code. Please specify a valid scope.",
    ),
    900144: Sentence(400, "invalid_request", "The request body must contain the following parameter: '{parameter}'."),
    70003: Sentence(400, "unsupported_grant_type", "The app requested an unsupported grant type '{grant_type}'."),
}

_SERVICE = {
    50196: Sentence(
        400,
        "invalid_grant",
        "The server terminated an operation because it encountered a client request loop. Please contact your app "
        "vendor.",
    ),
    90055: Sentence(429, "temporarily_unavailable", "The request was throttled. " + _PLEASE_RETRY),
    90033: Sentence(503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    90024: Sentence(503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    90006: Sentence(503, "temporarily_unavailable", "The external server is temporarily unavailable. " + _PLEASE_RETRY),
    90012: Sentence(503, "temporarily_unavailable", "The request timed out. " + _PLEASE_RETRY),
    90090: Sentence(503, "temporarily_unavailable", "Graph returned a retryable error. " + _PLEASE_RETRY),
    50033: Sentence(503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    50000: Sentence(500, "server_error", "There was an error issuing a token or an issue with our sign-in service."),
}

OF_APPS: Mapping[int, Sentence] = _CLIENT | _TENANT | _RESOURCE | _SERVICE
