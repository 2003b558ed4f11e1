"""The API as a whole: its document, who may, and what is said to nonsense."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relay.control.who import Role
from relay.web import api_page, openapi
from relay.web.answering import PREFIX
from relay.web.calls import CALLS
from tests.e2e.configuration import COPIER
from tests.web.programs import Program, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.web.call import Call
    from tests.e2e.pretend import PretendCloud
    from tests.web.conftest import Shown

REFERENCE = Path(__file__).parents[2] / "docs/reference"
ACTS = [call for call in CALLS if call.scope is Role.OPERATOR]
POSITIVE = "positive_data_acceptance"  # texts such as times and states have a meaning that no schema tells


@pytest.fixture(scope="module")
def shown(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One relay for the module, with a message; whatever is done to it here harms nobody."""
    for shown in running(cloud, tmp_path_factory.mktemp("api")):
        with shown.relay.device(COPIER) as device:
            device.hello()
            shown.relay.journal.wait("message.delivered", id=device.deliver("x@contoso.test"))
        yield shown


@pytest.fixture(scope="module")
def program(shown: Shown) -> Program:
    return Program(shown, Role.OPERATOR)


def address(call: Call) -> str:
    """Its path with something in each place."""
    return re.sub(r"\{[^}]*\}", "retry", call.path)


def post(program: Program, path: str, body: bytes, kind: str = "application/json") -> Any:
    return program.ask("POST", path, body, Content_Type=kind)


@pytest.mark.parametrize(("name", "printed"), [("openapi.json", openapi.text), ("api.md", api_page.page)])
def test_the_reference_is_current(name: str, printed: Any) -> None:
    """`make docs` prints it from the table of calls."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == printed()


def test_every_field_of_the_document_has_words() -> None:
    """And no two dataclasses share a name, so that each is told by its own."""
    document = openapi.document()
    schemas = document["components"]["schemas"]
    assert not [name for name in schemas if "__" in name]
    properties = [(name, key, prop) for name, one in schemas.items() for key, prop in one.get("properties", {}).items()]
    assert not [(name, key) for name, key, prop in properties if not prop.get("description")]
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert not [(one["operationId"], asked["name"]) for one in operations for asked in one["parameters"]
                if not asked["description"]]  # fmt: skip
    assert len({one["operationId"] for one in operations}) == len(operations) == len(CALLS)


def test_the_relay_serves_its_document(shown: Shown, program: Program) -> None:
    """The one that is printed, for whoever is signed in."""
    assert program.get("/openapi.json") == openapi.document()
    assert shown.get(f"{PREFIX}/openapi.json").status == 401


def test_nobody_gets_anything_without_a_token(shown: Shown) -> None:
    """Every call, and what is none, says the same: 401, and what to send."""
    nobody = Program(shown, None)
    paths = [(call.method, address(call)) for call in CALLS] + [("GET", "/nothing"), ("PUT", "/status")]
    answers = {path: nobody.ask(*path) for path in paths}
    assert {answer.status for answer in answers.values()} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers.values()} == {"Bearer"}
    assert all(answer.json["remedy"] for answer in answers.values())
    wrong = nobody.ask("GET", "/status", Authorization="Bearer relay_nonsense")
    assert wrong.status == 401


def test_a_viewer_may_not_act(shown: Shown) -> None:
    """Every call of an operator is refused before anything else is looked at."""
    viewer = Program(shown, Role.VIEWER)
    answers = [viewer.ask(call.method, address(call), b"nonsense") for call in ACTS]
    assert {answer.status for answer in answers} == {403}
    assert all("operator" in answer.json["remedy"] for answer in answers)


def test_what_there_is_not_is_said_as_json(program: Program) -> None:
    """A path, a method, a message; with what there is instead."""
    assert program.ask("GET", "/nothing").status == 404
    refused = program.ask("DELETE", "/status")
    assert (refused.status, refused.headers["allow"], refused.json["remedy"]) == (405, "GET, HEAD", "use GET, HEAD")
    assert program.ask("BREW", "/orders/retry").headers["allow"] == "POST"
    assert program.ask("GET", "/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV").status == 404
    head = program.ask("HEAD", "/status")
    assert (head.status, head.body, head.headers["content-type"]) == (200, "", "application/json")


NONSENSE = [
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b'{"limit": ' + b"9" * 5000 + b"}", "application/json", 400),
    (b'{"limit": 99999999999999999999, "all": true}', "application/json", 400),
    (b'{"all": true, "limit": NaN}', "application/json", 400),
    (b'{"all": "true"}', "application/json", 400),
    (b'{"all": true, "what": 1}', "application/json", 400),
    (b'{"device": "\\u0000"}', "application/json", 200),
    (b'{"device": "\\ud800"}', "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b'{"all": true}', "text/plain", 415),
    (b"all=true", "application/x-www-form-urlencoded", 415),
    (b'{"device": "' + b"x" * (1 << 20) + b'"}', "application/json", 413),
]


@pytest.mark.parametrize(("body", "kind", "status"), NONSENSE)
def test_a_body_that_makes_no_sense_is_refused_with_words(
    program: Program, body: bytes, kind: str, status: int
) -> None:
    """Never with a mistake of ours; the fixture sees that the journal tells of none."""
    answer = post(program, "/orders/release", body, kind)
    assert answer.status == status, answer
    assert status == 200 or (answer.json["error"] and answer.json["remedy"])


@pytest.mark.parametrize("query", [
    "limit=0", "limit=501", "limit=x", "what=1", "state=nonsense", "since=yesterday", "since=99999-01-01",
    "cursor=99999999999999999999-0", "id=%00", "order=up", "subject=a&subject_hash=0000000000000000",
])  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused_with_words(program: Program, query: str) -> None:
    """And names what is wrong."""
    answer = program.ask("GET", f"/messages?{query}")
    assert answer.status == 400
    assert query.partition("=")[0] in answer.json["error"]


@pytest.mark.timeout(300)
def test_schemathesis_finds_nothing(shown: Shown, program: Program, tmp_path: Path) -> None:
    """Thousands of strange requests by the relay's own document: no 5xx, every answer is as the document says."""
    schema = f"http://127.0.0.1:{shown.port}{PREFIX}/openapi.json"
    known = program.get("/messages?state=all")["messages"][0]["id"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.id" = ["{known}", "nobody"]\n')
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run",
        schema, "--workers", "2", "--seed", "1",
        "--header", f"Authorization: {program.headers['Authorization']}", "--phases", "coverage,fuzzing",
        "--max-examples", "3", "--checks", "all", "--exclude-checks", POSITIVE, "--no-color",
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
