"""The few pages a browser sees: who signs in, the device's code, an error, and the form that posts an answer home."""

from collections.abc import Iterable, Mapping
from html import escape

from relay.sandbox.httpd import Response
from relay.sandbox.people import User

_HTML = "text/html; charset=utf-8"


def choose(users: Iterable[User], hidden: Mapping[str, str], *, hint: str = "") -> Response:
    """The sign-in page: one button for each user, and one to decline."""
    buttons = "".join(
        f'<p><button name="user" value="{escape(user.upn)}"{" autofocus" if user.upn == hint else ""}>'
        f"{escape(user.name)} &lt;{escape(user.upn)}&gt;</button></p>\n"
        for user in users
    )
    form = f'<form method="post">\n{_hidden(hidden)}{buttons}{_DECLINE}</form>'
    return _page("Sign in", f"<p>The application <b>sandbox relay</b> wants to send mail as you.</p>\n{form}")


def device(users: Iterable[User], user_code: str = "") -> Response:
    """The page that a device's user code is typed into."""
    options = "".join(f"<option>{escape(user.upn)}</option>" for user in users)
    form = (
        f'<form method="post">\n<p>Code <input name="user_code" value="{escape(user_code)}" required></p>\n'
        f'<p>Sign in as <select name="user">{options}</select></p>\n<p><button>Sign in</button></p>\n{_DECLINE}</form>'
    )
    return _page("Enter code", form)


def told(title: str, text: str, status: int = 200) -> Response:
    """A page that only says something."""
    return _page(title, f"<p>{escape(text)}</p>", status)


def post_home(redirect_uri: str, answer: Mapping[str, str]) -> Response:
    """response_mode=form_post: the browser posts the answer to the application by itself."""
    form = (
        f'<form method="post" action="{escape(redirect_uri)}">\n{_hidden(answer)}'
        "<noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>"
    )
    return _page("Working...", form)


_DECLINE = '<p><button name="decline" value="1" formnovalidate>Cancel</button></p>\n'


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n' for name, value in fields.items()
    )


def _page(title: str, body: str, status: int = 200) -> Response:
    text = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body><h1>{escape(title)}</h1>\n{body}\n<p><small>A pretend Entra: nothing here is real.</small></p>"
        "</body></html>\n"
    )
    return Response(status, text.encode(), _HTML)
