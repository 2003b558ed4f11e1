"""From samples to the table, and from /proc to figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import document, machine, measure, postfix
from bench.machine import PlaceError, make_work_folder
from bench.peer import PeerError
from bench.scenarios import steady_rate
from bench.table import render, results

SAMPLES = {
    "accept": {
        "relay": [{"per_s": 300.0, "cpu_ms": 1.0}, {"per_s": 900.0, "cpu_ms": 1.2}, {"per_s": 400.0, "cpu_ms": 0.1}],
        "postfix": [{"per_s": 100.0, "cpu_ms": 3.0}, {"per_s": 600.0, "cpu_ms": 2.0}, {"per_s": 200.0, "cpu_ms": 1.0}],
    },
    "start": {"relay": [{"seconds": 0.7}]},
}


def test_a_ratio_is_taken_within_each_round():
    """3, 1.5 and 2 make a median of 2, whatever the medians of the rates are."""
    accepted = results(SAMPLES)[0]
    assert (accepted.value, accepted.lowest, accepted.highest) == (2.0, 1.5, 3.0)
    assert (accepted.relay, accepted.postfix) == (400.0, 200.0)


def test_each_result_says_what_it_reached():
    """1.5 is the target and 2.5 the aim; where less is better the comparison turns; what was not measured is absent."""
    verdicts = {result.row.figure: result.verdict for result in results(SAMPLES)}
    assert verdicts == {"per_s": "target", "cpu_ms": "target", "seconds": "target"}


def test_a_missed_target_shows_in_the_table():
    """In capitals, with the bound beside it."""
    text = render(results({"start": {"relay": [{"seconds": 1.3}]}}))
    assert text.splitlines()[1].endswith("MISSED")
    assert "<= 1" in text


def test_without_postfix_only_our_own_rows_are_left():
    """A ratio to nothing is no result."""
    assert results({"accept": {"relay": SAMPLES["accept"]["relay"]}}) == []


def test_the_first_second_is_left_out_of_a_steady_rate():
    """Ten a second from the first second on, after a slow beginning."""
    assert steady_rate((0.0, 0.9, *(1.05 + n / 10 for n in range(20)))) == pytest.approx(10, rel=0.05)


def test_too_few_arrivals_make_no_rate():
    """An error, not a number."""
    with pytest.raises(PeerError, match="too few"):
        steady_rate((0.0, 0.5))


def test_processor_time_of_children_that_have_ended_is_counted():
    """Postfix's work is done by processes that come and go."""
    before = measure.cpu_seconds(os.getpid())
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert measure.cpu_seconds(os.getpid()) - before >= 0.18


def test_memory_of_children_is_counted_at_its_peak():
    """A grandchild with 30 MB of its own shows while it lives."""
    grandchild = "import sys; held = b'x' * 30_000_000; print(flush=True); sys.stdin.read()"
    shell = ["sh", "-c", '"$0" -c "$1"; read wait', sys.executable, grandchild]
    with subprocess.Popen(shell, stdin=-1, stdout=-1) as process, measure.PeakMemory(process.pid) as peak:
        process.stdout.readline()
        during = measure.pss_octets(process.pid)
        peak.sample()
        process.stdin.close()
    assert during > 30_000_000
    assert peak.octets >= 30_000_000


def test_a_file_system_in_memory_is_refused(monkeypatch, tmp_path):
    """An fsync costs nothing there, and every figure would be a lie."""
    monkeypatch.setattr(machine, "file_system", lambda _path: "tmpfs")
    with pytest.raises(PlaceError, match="--work"):
        make_work_folder(tmp_path)


def test_the_file_system_is_that_of_the_longest_mount_point():
    """/proc is on proc even though / is on something else."""
    assert machine.file_system(Path("/proc/self")) == "proc"


def test_only_the_listener_and_the_chroots_of_the_packaged_services_change():
    """Everything else of master.cf is Debian's."""
    packaged = "# c\nsmtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n  -o x=y\n"
    expected = "# c\n127.0.0.1:25001\tinet\tn\t-\tn\t-\t-\tsmtpd\nsmtp\tunix\t-\t-\tn\t-\t-\tsmtp\n  -o x=y\n"
    assert postfix.services(packaged, 25001) == expected


def test_the_figures_of_a_run_replace_those_of_the_last(tmp_path):
    """What stands around them stays."""
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n{document.PAGE.read_text()}\nAfter\n")
    document.write_figures("the last table", page)
    document.write_figures("the table", page)
    text = page.read_text()
    assert "```\nthe table\n```" in text
    assert "the last table" not in text
    assert text.startswith("# Before\n")
    assert text.endswith("After\n")


def test_a_page_without_the_marks_is_left_alone(tmp_path):
    """Better no figures than figures in the wrong place."""
    page = tmp_path / "performance.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="marks"):
        document.write_figures("the table", page)
    assert page.read_text() == "nothing"
