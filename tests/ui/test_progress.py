"""What progress says: parts with their numbers, Spark's job, and a time left that is only told once it can be judged."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.calling import Event
from alur_nb.ui.progress import Pace, Part, Shown, SparkNow, span_text


def job(done: int, tasks: int = 100, number: int = 1) -> SparkNow:
    """Return a job of one stage."""
    return SparkNow(number, int(done == tasks), 1, done, tasks)


def test_the_time_left_is_told_once_a_rate_can_be_judged() -> None:
    pace = Pace()
    said = [pace.time_left(job(done), now) for done, now in ((0, 0.0), (1, 1.0), (2, 1.5), (10, 10.0))]
    assert said == ["not known yet"] * 3 + ["about 90 s of this Spark job".replace("90 s", "2 min")]
    assert pace.time_left(job(60), 60.0) == "about 40 s of this Spark job"
    assert pace.time_left(job(60), 75.0) == "about 25 s of this Spark job"


def test_a_job_that_stalls_is_not_promised_an_end() -> None:
    pace = Pace()
    pace.time_left(job(0, 4), 0.0)
    assert pace.time_left(job(2, 4), 4.0) == "about 4 s of this Spark job"
    assert pace.time_left(job(2, 4), 60.0) == "not known: slower than before"


def test_another_job_is_judged_anew() -> None:
    pace = Pace()
    pace.time_left(job(0), 0.0)
    pace.time_left(job(50), 50.0)
    assert pace.time_left(job(1, number=2), 51.0) == "not known yet"
    assert pace.time_left(job(2, tasks=300, number=2), 52.0) == "not known yet"


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 50)), max_size=30), st.integers(1, 500))
def test_the_time_left_is_words_or_at_least_a_second(steps: list[tuple[float, int]], tasks: int) -> None:
    pace, now, done = Pace(), 0.0, 0
    for seconds, more in steps:
        now, done = now + seconds, min(done + more, tasks)
        said = pace.time_left(job(done, tasks), now)
        found = re.fullmatch(r"about (\d+) (s|min|h) of this Spark job", said)
        assert found or said.startswith("not known")
        assert not found or int(found[1]) >= 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "1 s"),
        (0.2, "1 s"),
        (7.4, "7 s"),
        (42, "40 s"),
        (57, "55 s"),
        (58, "1 min"),
        (3600, "1 h"),
        (9e3, "2 h"),
    ],
)
def test_a_span_is_as_coarse_as_it_is_known(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def test_a_part_keeps_the_numbers_that_a_step_does_not_tell() -> None:
    part = Part("").after(Event("a", "planned", "3 new files", files_found=3, bytes_found=2_048))
    assert str(part) == "planned: 3 new files, 2.0 KB"
    part = part.after(Event("a", "read", "1 of 3 files, 5 rows", files_found=3, files_done=1, rows=5))
    assert str(part) == "read: 1 of 3 files, 5 rows"
    assert str(part.after(Event("a", "staged"))) == "staged, 1 of 3 files, 2.0 KB, 5 rows"
    assert str(Part("").after(Event("a", "ended", "nothing new"))) == "nothing new"
    assert str(part.after(Event("a", "ended", "loaded"))) == "loaded, 1 of 3 files, 2.0 KB, 5 rows"
    assert str(Part("").after(Event("a", "ended"))) == "ended"


def test_the_words_and_the_bars_say_the_same() -> None:
    shown = Shown("run: running", ("a <b>: started",), 1, 3, job(2, 8), "about 40 s of this Spark job")
    assert shown.text(3.21) == (
        "run: running\n"
        "  pipelines: 1 of 3 ended\n"
        "  a <b>: started\n"
        "  Spark: job 1, stages 0 of 1 done, 2 of 8 tasks done\n"
        "  time left: about 40 s of this Spark job\n"
        "  elapsed: 3.2 s"
    )
    html = str(shown.html(3.21))
    assert '<progress value="1" max="3">1 of 3</progress>' in html
    assert '<progress value="2" max="8">2 of 8</progress>' in html
    assert "a &lt;b&gt;: started" in html
    assert all(line.strip().replace("<b>", "&lt;b&gt;") in html for line in shown.text(3.21).splitlines())


def test_what_is_over_says_so_in_one_line_and_what_is_done_folds_the_rest() -> None:
    done = Shown("run: done", ("a: loaded, 5 rows",), state="done")
    assert done.text(3.21) == "run: done, elapsed: 3.2 s\n  a: loaded, 5 rows"
    folded = (
        "<details><summary>run: done, elapsed: 3.2 s</summary><ul><li>a: loaded, 5 rows</li></ul></details>"
    )
    assert folded in str(done.html(3.21))
    failed = str(Shown("run: failed", ("a: failed",), state="failed").html(3.21))
    assert "<p>run: failed, elapsed: 3.2 s</p><ul><li>a: failed</li></ul>" in failed
    alone = Shown("preview of a: done", state="done")
    assert alone.text(3.21) == "preview of a: done, elapsed: 3.2 s"
    assert "<p>preview of a: done, elapsed: 3.2 s</p>" in str(alone.html(3.21)), "nothing to unfold"


def test_a_head_with_many_names_fits_a_page() -> None:
    text = Shown(f"run of {', '.join(f'pipeline_{n}' for n in range(30))}: done").text(1)
    assert max(map(len, text.splitlines())) <= 100
    assert "pipeline_29: done" in text


def test_of_many_parts_the_latest_are_shown_and_the_others_counted() -> None:
    shown = Shown("run: done", tuple(f"p{n}: ended" for n in range(500)), 500, 500)
    lines = shown.text(1).splitlines()
    assert lines[1:3] == ["  pipelines: 500 of 500 ended", "  480 more before these"]
    assert len(lines) == 24
