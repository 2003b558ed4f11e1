"""What all sections of the settings share: no unknown option, no change after loading, an empty value is a default."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """One section of the settings; its field texts are the manual."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        """`spool:` with every line under it commented out means the defaults, not a mistake."""
        if not isinstance(value, dict):
            return value
        known = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
        return {key: item for key, item in value.items() if item is not None or key not in known}


Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
Patience = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]  # a wait of 0 would be a storm
Delay = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]  # of mail: what is due later was dated wrongly
Positive = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Mail = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", max_length=320)]
# Names go into log lines and queue listings: one word, no spaces, nothing a terminal would obey.
_NAME, _LONGEST_NAME = r"^\w[\w.@-]*$", 64
Name = Annotated[str, Field(pattern=_NAME, max_length=_LONGEST_NAME)]
NAME_FORM = "a name has at most 64 letters, digits and _ . @ - and no space, and begins with a letter, a digit or _"


def is_name(text: str) -> bool:
    """Whether that can be a name."""
    return len(text) <= _LONGEST_NAME and re.fullmatch(_NAME.rstrip("$"), text) is not None


def can_match(patterns: tuple[str, ...], *others: str) -> tuple[str, ...]:
    """Address patterns as they are; raises ValueError for one that no address and none of `others` could match."""
    for pattern in patterns:
        if "@" not in pattern and "*" not in pattern and pattern not in others:
            raise ValueError(f"'{pattern}' matches no address; for a whole domain write *@{pattern}")
    return patterns
