"""XML of other products, read without what a hostile file could do with it: no document type, so no entities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

if TYPE_CHECKING:
    from collections.abc import Iterator

_DECLARED = re.compile(r"<!DOCTYPE|<!ENTITY", re.IGNORECASE)
_HEAD = re.compile(r"\A\s*<\?xml[^>]*\?>")


class XmlRefused(ValueError):  # noqa: N818  (named for what is the case)
    """The text declares entities."""


def elements(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every element: its name without namespace, and its attributes. Raises `XmlRefused`, `ParseError`."""
    bare = _HEAD.sub("", text.removeprefix("\ufeff"))
    if _DECLARED.search(bare):
        raise XmlRefused("it has a document type")
    for element in fromstring(bare).iter():  # noqa: S314  (without a document type there are no entities)
        yield element.tag.rpartition("}")[2], dict(element.attrib)
