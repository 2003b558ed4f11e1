"""The help of every verb: examples that parse, completion in real shells, man pages that are well formed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from relay.cli import cli_page, manpages
from relay.cli.examples import EXAMPLES, typed
from relay.cli.pages import Page, all_pages
from relay.cli.verbs import EXIT_CODES
from relay.config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in all_pages().all() if len(page.words) > 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_verb_has_examples_that_parse(run, monkeypatch: pytest.MonkeyPatch, page: Page) -> None:
    """Each begins with the verb, and its options and choices exist; files need not."""
    assert page.examples, f"relay/cli/examples.py has none for {page.path}"
    monkeypatch.setattr(click.Command, "invoke", lambda _self, _context: 0)
    monkeypatch.setattr(click.Path, "convert", lambda _self, value, _parameter, _context: value)
    begins = f"relay {page.words[1]}"
    for example in page.examples:
        line = typed(example).rpartition("| ")[2].partition(" > ")[0].partition(" < ")[0]
        assert line.startswith(begins)
        ended = run(*shlex.split(line)[1:])
        assert ended.returncode == 0, ended.stderr


def test_there_is_no_example_without_a_verb() -> None:
    """A verb that goes takes its examples along."""
    assert set(EXAMPLES) == {" ".join(page.words[1:]) for page in PAGES}


def test_help_shows_the_examples(run) -> None:
    """Below the options, line by line as they are typed."""
    text = run("queue", "list", "--help").stdout
    assert "\n  Examples:\n    relay queue list\n    relay queue list --state failed" in text
    assert "Examples:\n    relay import csv printers.csv" in run("import", "csv", "--help").stdout


def test_the_shell_completes_verbs_options_and_choices(tmp_path: Path, write_config) -> None:
    """In a real bash, with the script that `relay completion bash` prints."""
    words = [("relay queue r", "retry release"), ("relay status --j", "--json"), ("relay completion f", "fish")]
    words += [(f"relay doctor --config {write_config()} s", "scans"), ("relay queue list --device x", "")]
    asked = "\n".join(
        f"COMPREPLY=(); COMP_WORDS=({line}); COMP_CWORD={len(line.split()) - 1}\n"
        "_relay_completion relay; echo ${COMPREPLY[@]}"
        for line, _ in words
    )
    (tmp_path / "relay").write_text(f'#!/bin/sh\nexec {sys.executable} -m relay "$@"\n')
    (tmp_path / "relay").chmod(0o755)
    script = f'PATH={tmp_path}:$PATH; eval "$(relay completion bash)"\n{asked}\n'
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert [set(line.split()) for line in ended.stdout.splitlines()] == [set(found.split()) for _, found in words]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_take_their_scripts(run, tmp_path: Path, shell: str) -> None:
    """The script names the command and asks it; where the shell is there, it finds no mistake in it."""
    script = tmp_path / f"relay.{shell}"
    script.write_text(run("completion", shell).stdout)
    assert f"_RELAY_COMPLETE={shell}_complete" in script.read_text()
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True, timeout=60)


def test_man_pages_say_what_the_help_says() -> None:
    """One for each verb, with every option, every example and every exit code."""
    made = manpages.pages()
    assert set(made) == {"relay.1", "relay.yaml.5", *(f"relay-{one.words[1]}.1" for one in all_pages().below)}
    for verb in all_pages().below:
        text = made[f"relay-{verb.words[1]}.1"].replace("\\-", "-").replace("\\e", "\\")
        for page in verb.all():
            assert all(name in text for name, _ in page.options)
            assert all(line in text for example in page.examples for line in example.splitlines())
        assert all(f"\\fB{code}\\fR" in text for code in EXIT_CODES)
    assert all(f"\\fB{name}\\fR" in made["relay.yaml.5"] for name in Settings.model_fields)


def test_man_pages_are_well_formed(tmp_path: Path) -> None:
    """groff formats each without a warning."""
    assert manpages.main([str(tmp_path)]) == 0
    groff = shutil.which("groff")
    assert groff or not shutil.which("man"), "man without groff can't be tested here"
    if groff:
        command = [groff, "-man", "-ww", "-z", "-K", "utf8", *sorted(map(str, tmp_path.iterdir()))]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert ended.stderr == ""


def test_the_reference_page_is_up_to_date() -> None:
    """`make docs` was run after the last change."""
    assert (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8") == cli_page.text()


def test_the_usage_of_the_healthcheck_is_told_twice_alike(run) -> None:
    """Its own help, which needs no click, has the options that the reference has."""
    from relay.cli.healthcheck import USAGE

    page = next(one for one in all_pages().below if one.words[1] == "healthcheck")
    assert all(
        re.search(rf"^ +{name.split(',')[-1].split()[0]}\b", USAGE, re.MULTILINE) for name, _ in page.options[:2]
    )
