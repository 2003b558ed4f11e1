"""The few header fields Exchange looks at, read from the raw head of a message."""

from email.utils import getaddresses


def fields(head: bytes) -> list[tuple[str, str]]:
    """The header fields in order, names in lower case, folds undone (RFC 5322 §2.2.3)."""
    found: list[tuple[str, str]] = []
    for line in head.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n"):
        if line[:1] in (" ", "\t") and found:
            name, value = found.pop()
            found.append((name, f"{value} {line.strip()}"))
        elif ":" in line:
            name, _, value = line.partition(":")
            found.append((name.strip().lower(), value.strip()))
    return found


def senders(head: bytes) -> tuple[list[str], str]:
    """The addresses of From, and the one of Sender or an empty text."""
    given = fields(head)
    return _addresses(given, "from"), next(iter(_addresses(given, "sender")), "")


def message_id(head: bytes) -> str:
    """The Message-ID, or an empty text."""
    return next((value for name, value in fields(head) if name == "message-id"), "")


def _addresses(given: list[tuple[str, str]], wanted: str) -> list[str]:
    pairs = getaddresses([value for name, value in given if name == wanted])
    return [address for _, address in pairs if "@" in address]
