"""What a failed run must have told."""

from __future__ import annotations

from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.report import PipelineRun


def assert_told(run: PipelineRun, *fragments: str) -> None:
    """The run failed with an error of ours that says what, where and what next."""
    assert run.state == "failed"
    assert isinstance(run.error, AlurError), repr(run.error)
    assert run.error.fix
    for fragment in fragments:
        assert fragment in str(run.error_text)
