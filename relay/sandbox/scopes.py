"""What a `scope` parameter asks for: which resource, and which of its permissions."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from relay.sandbox.aadsts import RefusalError

OUTLOOK = "https://outlook.office365.com"
OUTLOOK_FOR_PEOPLE = "https://outlook.office.com"  # where Microsoft's delegated scopes live: the same service
GRAPH = "https://graph.microsoft.com"
RESOURCES = (OUTLOOK, OUTLOOK_FOR_PEOPLE, GRAPH)


def resource_for_app(scope: str, facts: Mapping[str, str]) -> str:
    """The audience an app-only scope asks for; refused unless it is exactly one known resource with /.default."""
    scopes = scope.split()
    wrong = [word for word in scopes if not word.endswith("/.default")]
    if wrong:
        code = 1002012 if urlsplit(wrong[0]).scheme else 70011
        raise RefusalError(code, {**facts, "scope": wrong[0]})
    if len(scopes) > 1:
        raise RefusalError(28000, facts)
    return known(scopes[0].removesuffix("/.default"), facts)


def known(resource: str, facts: Mapping[str, str]) -> str:
    """The resource if the tenant has it; raise RefusalError otherwise."""
    resource = resource.rstrip("/")
    if resource not in RESOURCES:
        raise RefusalError(500011, {**facts, "resource": resource})
    return resource
