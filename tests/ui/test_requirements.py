"""What the notebook layer promises, and the tests that prove each promise: none can lose its test in silence.

The fifteen requirements go beyond what the tools before it do; the eight complaints were made about them.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "1. Cancel is real: Spark's jobs end, the lease is released, nothing is published, the next cell works": (
        "ui/test_kernel.py::test_an_interrupt_stops_spark_and_the_next_cell_works",
        "ui/test_kernel.py::test_an_interrupted_preview_ends_too",
        "ui/test_kernel.py::test_a_run_that_was_interrupted_in_a_spark_job_loads_each_row_once_when_it_runs_again",
        "ui/test_work.py::test_an_interrupt_cancels_the_jobs_and_waits_for_the_work",
        "browser/test_cells.py::test_the_stop_button_ends_a_spark_job_and_the_next_run_is_right",
    ),
    "2. Any text survives the command line; names are replaced only where an option says so": (
        "ui/test_any_text.py::test_a_quoted_text_arrives_as_it_was_typed",
        "ui/test_any_text.py::test_a_text_reaches_the_declared_table",
        "ui/test_any_text.py::test_names_are_replaced_in_the_options_that_are_listed_and_in_no_other",
        "ui/test_magics.py::test_names_in_patterns_are_the_notebooks",
    ),
    "3. Every output has its readings: text on a page, and HTML that a sanitizer leaves whole": (
        "ui/test_readings.py::test_an_object_has_its_readings_and_they_say_the_same",
        "ui/test_cards.py::test_the_card_has_every_fact_of_the_text",
        "browser/test_newcomer.py::test_a_saved_notebook_reads_the_same_without_its_kernel",
    ),
    "4. The result is never only in a widget": (
        "ui/test_kernel_saved.py::test_nothing_but_controls_is_lost_without_the_widgets",
        "ui/test_kernel_saved.py::test_nbconvert_shows_the_same_with_and_without_the_state_of_widgets",
        "ui/test_forms.py::test_without_ipywidgets_there_is_a_cell_to_start_from",
    ),
    "5. Re-run, rename, delete and duplicate are told apart by cell": (
        "ui/test_session.py::test_the_same_cell_again_replaces",
        "ui/test_session.py::test_a_renamed_table_retracts_the_old_name",
        "ui/test_session.py::test_a_cell_that_declares_nothing_any_more_retracts",
        "ui/test_session.py::test_the_same_name_in_another_cell_is_a_warning_and_then_an_error",
        "ui/test_session.py::test_without_cell_ids_a_name_is_the_identity",
        "browser/test_cells.py::test_a_changed_cell_replaces_and_another_cell_warns",
    ),
    "6. Stale is said, not guessed": (
        "ui/test_glance.py::test_what_was_declared_again_since_a_run_is_told_with_its_cell",
        "ui/test_glance.py::test_nothing_is_stale_after_a_run",
        "ui/test_glance.py::test_the_kernel_is_compared_with_the_saved_notebook",
        "ui/test_memory.py::test_a_preview_and_a_run_are_told_together_where_they_saw_the_same",
    ),
    "7. Progress stays: one output a run, five updates a second at most, the last state is kept": (
        "ui/test_kernel.py::test_a_run_shows_one_progress_and_its_report",
        "ui/test_kernel.py::test_progress_stays_in_its_cell_while_another_ones_thread_prints",
        "ui/test_work.py::test_progress_is_shown_at_most_five_times_a_second",
        "ui/test_work.py::test_progress_is_one_output_and_its_last_state_stays",
        "ui/test_work.py::test_what_spark_does_is_told_by_its_running_job",
        "ui/test_places.py::test_long_work_shows_where_it_is_and_how_it_ended",
    ),
    "8. An error is a card, an error output of six lines at most, and a next step": (
        "ui/test_mistakes.py::test_a_mistake_ends_its_cell_in_the_golden_lines",
        "ui/test_kernel.py::test_an_error_ends_its_cell_with_an_error_output",
        "ui/test_kernel.py::test_cells_after_an_error_do_not_run",
        "ui/test_magics.py::test_debug_shows_the_whole_traceback_until_it_is_off",
    ),
    "9. Completion is quick, never wrong, and ours alone on our lines": (
        "ui/test_kernel_completion.py::test_the_main_forms_are_completed_in_a_kernel",
        "ui/test_kernel_completion.py::test_the_kernel_offers_nothing_but_ours_on_our_lines",
        "ui/test_kernel_completion.py::test_an_answer_comes_long_before_a_front_end_gives_up",
        "ui/test_completions_line.py::test_every_option_of_every_magic_is_offered",
        "ui/test_completions.py::test_no_completion_lists_more_than_one_folder",
    ),
    "10. Wrong use teaches: usage, the nearest word, an example that runs": (
        "ui/test_mistakes.py::test_a_mistake_ends_its_cell_in_the_golden_lines",
        "ui/test_did_you_mean.py::test_a_name_that_nearly_fits_is_suggested",
        "ui/test_magics.py::test_a_question_mark_shows_usage_and_example",
        "ui/test_magics.py::test_a_question_mark_speaks_of_what_is_declared_by_then",
        "ui/test_misspelt.py::test_a_misspelt_magic_is_answered_with_the_nearest",
        "ui/test_lake_magics.py::test_each_example_of_the_help_runs",
    ),
    "11. The same bytes twice, and `alur clean` takes the rest away": (
        "ui/test_kernel_saved.py::test_two_runs_are_the_same_bytes_when_cleaned",
        "ui/test_readings.py::test_a_reading_names_no_address_and_is_the_same_twice",
        "authoring/test_clean.py::test_as_gits_filter_what_is_committed_is_clean_and_the_file_stays",
        "authoring/test_clean.py::test_the_check_names_what_is_not_clean_and_changes_nothing",
    ),
    "12. It works the same in seven places, with what each degrades to": (
        "ui/test_places.py::test_the_result_reads_the_same_everywhere",
        "ui/test_places.py::test_a_cell_again_replaces_and_another_cell_warns_where_cells_are_told_apart",
        "ui/test_places.py::test_a_cell_below_is_written_and_its_text_is_in_the_card_as_well",
        "ui/test_places.py::test_a_mistake_ends_the_cell_everywhere",
        "ui/test_places.py::test_plain_python_previews_and_runs",
        "ui/test_places.py::test_a_real_terminal_shows_text_and_one_error",
    ),
    "13. A preview says what it did not see, and nothing is capped in silence": (
        "ui/test_truncation.py::test_what_is_left_out_is_said_in_each_reading",
        "ui/test_cards.py::test_a_preview_says_what_it_found_and_what_it_did_not_see",
        "ui/test_cards.py::test_a_query_says_that_there_are_more_rows",
    ),
    "14. It feels immediate: nothing heavy is imported, and a long command shows a sign of life first": (
        "ui/test_magics.py::test_loading_imports_nothing_heavy",
        "ui/test_magics.py::test_declaring_and_looking_import_nothing_heavy_and_start_no_java",
        "ui/test_work.py::test_a_long_command_shows_a_sign_of_life_before_the_first_tick_of_its_work",
        "ui/test_work.py::test_a_cell_that_waits_for_spark_says_how_far_its_start_is",
    ),
    "15. It is read without colour, without a mouse, and in the dark": (
        "browser/test_looks.py::test_the_words_stand_out",
        "browser/test_looks.py::test_axe_finds_nothing_serious",
        "browser/test_newcomer.py::test_what_is_folded_opens_by_keys_alone",
        "ui/test_html.py::test_tables_have_captions_and_scopes",
        "ui/test_dag_picture.py::test_there_is_no_colour_but_that_of_the_text",
        "ui/test_forms.py::test_every_control_has_words",
    ),
}

COMPLAINTS: dict[str, tuple[str, ...]] = {
    "1. The interrupt shows idle while the job goes on and blocks the next cell": (
        "ui/test_kernel.py::test_an_interrupt_stops_spark_and_the_next_cell_works",
        "ui/test_work.py::test_jobs_that_come_after_the_cell_has_ended_are_cancelled_too",
    ),
    "2. My table has 2,500 rows; where are the others": (
        "ui/test_truncation.py::test_what_is_left_out_is_said_in_each_reading",
        "ui/test_lake_magics.py::test_a_query_keeps_its_quotes_on_a_line_and_says_what_it_left_out",
    ),
    "3. Loading for ever, or model not found, in a notebook that is opened again": (
        "browser/test_newcomer.py::test_a_saved_notebook_reads_the_same_without_its_kernel",
        "ui/test_kernel_saved.py::test_nothing_but_controls_is_lost_without_the_widgets",
    ),
    "4. The output went to the wrong cell, or vanished": (
        "ui/test_kernel.py::test_progress_stays_in_its_cell_while_another_ones_thread_prints",
        "ui/test_kernel_declaring.py::test_a_look_in_a_thread_reaches_the_forms_output",
    ),
    "5. A screen of traceback for a typo; or an error printed, and Run All went on": (
        "ui/test_mistakes.py::test_a_mistake_ends_its_cell_in_the_golden_lines",
        "ui/test_kernel.py::test_cells_after_an_error_do_not_run",
    ),
    "6. Works in the notebook, fails in the pipeline": (
        "test_parity.py::test_every_table_holds_the_same_rows",
        "test_parity.py::test_the_jobs_have_the_wheel_and_what_glue_has",
        "ui/test_magics.py::test_the_source_shown_is_what_was_executed",
    ),
    "7. The tool changed my text, or expanded my query": (
        "ui/test_any_text.py::test_a_quoted_text_arrives_as_it_was_typed",
        "ui/test_mistakes.py::test_mistakes_change_nothing",
        "ui/test_inferring.py::test_the_cell_is_written_below_once",
    ),
    "8. Progress is not shown, and it needs a jar, an extension and a conf": (
        "ui/test_kernel.py::test_a_run_shows_one_progress_and_its_report",
        "ui/test_work.py::test_a_long_command_shows_a_sign_of_life_before_the_first_tick_of_its_work",
        "ui/test_places.py::test_long_work_shows_where_it_is_and_how_it_ended",
    ),
}


def names_in(path: Path) -> set[str]:
    """Return the names of a file's test functions, those in classes too; by its text, so that nothing is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def is_switched_off(path: Path, name: str) -> bool:
    """Whether the test carries a mark that always skips it or expects it to fail."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    marks = [
        ast.unparse(mark)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == name
        for mark in node.decorator_list
    ]
    return any("mark.skip" in mark or "mark.xfail" in mark for mark in marks)


@pytest.mark.parametrize("promise", [*REQUIREMENTS, *COMPLAINTS])
def test_each_promise_has_its_tests(promise: str) -> None:
    named = REQUIREMENTS.get(promise) or COMPLAINTS[promise]
    assert named
    for one in named:
        file, _, name = one.partition("::")
        assert name in names_in(TESTS / file), one
        assert not is_switched_off(TESTS / file, name), one


def test_all_of_them_are_there() -> None:
    for promises, count in ((REQUIREMENTS, 15), (COMPLAINTS, 8)):
        assert [promise.partition(".")[0] for promise in promises] == [str(n) for n in range(1, count + 1)]
