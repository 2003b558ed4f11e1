"""Arguments of MAIL and RCPT as devices write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.address import AddressError
from relay.message.command import mail_from, rcpt_to

ADDRESSES = st.from_regex(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,20}@[a-z0-9.-]{1,20}", fullmatch=True)
SPACES = st.sampled_from(["", " ", "  ", "\t"])


@given(ADDRESSES, SPACES, SPACES, st.sampled_from(["FROM", "from", "From"]), st.booleans(), st.integers(0, 10**12))
def test_the_dress_of_a_command_does_not_matter(
    address: str, before: str, behind: str, keyword: str, brackets: bool, size: int
) -> None:
    """Case, spaces, brackets, and parameters nobody announced."""
    path = f"<{address}>" if brackets else address
    argument = f"{keyword}{before}:{behind}{path} BODY=8BITMIME size={size} AUTH=<> X-NEW"
    assert mail_from(argument) == (address, size)


@pytest.mark.parametrize("argument", ["FROM:<>", "FROM: <>", "FROM:", "FROM: ", "from:<> SIZE=10"])
def test_the_null_path_is_a_value(argument: str) -> None:
    """Notices come from nobody."""
    assert mail_from(argument)[0].is_null


@pytest.mark.parametrize(
    "argument", ["", "FROM", "FROM<a@b>", "TO:<a@b>", "FROM a@b", "FROM:<a@b", "FROM:a@b<c@d>", "FROM:< a b >"]
)
def test_what_is_no_command_is_told_so(argument: str) -> None:
    """`AddressError`, in ASCII."""
    with pytest.raises(AddressError):
        mail_from(argument)


def test_a_size_hidden_in_another_parameter_is_not_the_size() -> None:
    """Nor one that is not a number."""
    assert mail_from("FROM:<a@b> XSIZE=5")[1] is None
    assert mail_from("FROM:<a@b> SIZE=big")[1] is None
    assert mail_from("FROM:<SIZE=7@b>")[1] is None


@given(st.text(max_size=100))
def test_any_argument_is_an_address_or_an_address_error(text: str) -> None:
    """No other exception reaches a session, and no control character gets through."""
    with contextlib.suppress(AddressError):
        assert not any(ord(character) < 32 for character in rcpt_to("TO:" + text))
