"""Sessions are bounded, and nobody's end because of somebody else."""

from __future__ import annotations

from relay.web.sessions import Session, Sessions


def test_who_signs_in_again_and_again_pushes_out_only_their_own() -> None:
    """The oldest of their sessions ends; another person's stays."""
    sessions = Sessions()
    other = sessions.begin(Session("vic", "password"), 60)
    own = [sessions.begin(Session("ada", "password"), 60) for _ in range(1100)]
    assert sessions.of(other) is not None
    assert sessions.of(own[0]) is None
    assert sessions.of(own[-1]) is not None


def test_a_session_ends_with_its_time() -> None:
    """And what is over makes room."""
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    cookie = sessions.begin(Session("ada", "password"), 60)
    now[0] = 59.0
    assert sessions.of(cookie) is not None
    now[0] = 60.0
    assert sessions.of(cookie) is None
