"""What a `scope` parameter asks for: which resource, and which of its permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from relay.sandbox.aadsts import RefusalError

OUTLOOK = "https://outlook.office365.com"
OUTLOOK_FOR_PEOPLE = "https://outlook.office.com"  # where Microsoft's delegated scopes live: the same service
GRAPH = "https://graph.microsoft.com"
SMTP_SEND = "SMTP.Send"
MAIL_SEND = "Mail.Send"
_OF_OUTLOOK = (SMTP_SEND, MAIL_SEND, "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "EWS.AccessAsUser.All")
_OF_GRAPH = (MAIL_SEND, "Mail.Send.Shared", "Mail.ReadWrite", "User.Read", "Application.Read.All", *_OF_OUTLOOK)
PERMISSIONS = {OUTLOOK: _OF_OUTLOOK, OUTLOOK_FOR_PEOPLE: _OF_OUTLOOK, GRAPH: _OF_GRAPH}
OF_SIGN_IN = ("openid", "profile", "email", "offline_access")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person is asked to allow: permissions of one resource, as short names and as they were asked for."""

    resource: str
    permissions: tuple[str, ...]
    asked: tuple[str, ...]
    of_sign_in: tuple[str, ...]

    @property
    def text(self) -> str:
        """The scope as a token answer names it."""
        return " ".join((*self.asked, *(word for word in self.of_sign_in if word != "offline_access")))


def wanted(scope: str, facts: Mapping[str, str]) -> Wanted:
    """What a delegated scope asks for; raise RefusalError: one known resource, and permissions that it has."""
    words = scope.split()
    of_sign_in = tuple(word for word in OF_SIGN_IN if word in words)
    asked = tuple(word for word in words if word not in OF_SIGN_IN)
    pairs = [_split(word, facts) for word in asked]
    resources = {resource for resource, _ in pairs}
    if len(resources) > 1:
        raise RefusalError(28000, facts)
    resource = known(resources.pop(), facts) if resources else GRAPH
    permissions: list[str] = []
    for _, permission in pairs:
        if permission != ".default" and permission not in PERMISSIONS[resource]:
            raise RefusalError(650053, {**facts, "scope": permission, "resource": resource})
        permissions += [SMTP_SEND, MAIL_SEND] if permission == ".default" else [permission]
    return Wanted(resource, tuple(dict.fromkeys(permissions)), asked, of_sign_in)


def _split(word: str, facts: Mapping[str, str]) -> tuple[str, str]:
    """A scope's resource and permission; a word without a resource is Graph's."""
    if "://" not in word:
        return GRAPH, word
    resource, _, permission = word.rpartition("/")
    if not permission or not urlsplit(word).netloc or resource.endswith(":/"):
        raise RefusalError(70011, {**facts, "scope": word})
    return resource.rstrip("/"), permission


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
    if resource not in PERMISSIONS:
        raise RefusalError(500011, {**facts, "resource": resource})
    return resource
