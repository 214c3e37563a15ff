"""The panel's controls: an environment, a field for each parameter, and two buttons. They hold no fact of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alur_nb.authoring.export_facts import ExportFacts, ParameterFact
from alur_nb.ui.export_panel_work import ExportWork

# The largest whole number that a browser's number field keeps (ECMAScript, Number.MAX_SAFE_INTEGER).
_LARGEST = 2**53 - 1
_STYLE = {"description_width": "initial"}


class Controls:
    """The widgets of one panel, wired to its work; raises ImportError where ipywidgets is not installed."""

    def __init__(self, facts: ExportFacts, work: ExportWork) -> None:
        import ipywidgets

        self._widgets: Any = ipywidgets
        self._facts, self._work = facts, work
        names = [one.name for one in facts.environments]
        self.environment = ipywidgets.Dropdown(
            options=names,
            value=facts.chosen or names[0],
            description="environment",
            tooltip="Where the bundle is for: an [env.NAME] of alur.toml",
            style=_STYLE,
        )
        self._environment = self.environment.value
        self.fields = {one.name: self._field(one) for one in facts.parameters}
        self.export = ipywidgets.Button(
            description="Export", tooltip="Run the saved notebook's declaration cells and write the bundle"
        )
        self.cancel = ipywidgets.Button(
            description="Cancel",
            tooltip="Stop the running export; the bundle on disk stays as it is",
            disabled=True,
        )
        buttons = ipywidgets.HBox([self.export, self.cancel])
        self.box = ipywidgets.VBox([self.environment, *self.fields.values(), buttons])
        self.environment.observe(self._changed, names="value")
        self.export.on_click(self._export)
        self.cancel.on_click(lambda button: work.cancel())
        work.on_change = self._running

    def given(self) -> dict[str, object]:
        """Return the parameters whose fields differ from what the environment takes by itself."""
        found = {}
        for one in self._facts.parameters:
            value = self.fields[one.name].value
            if value != self._shown(one, self.environment.value):
                found[one.name] = value
        return found

    def _field(self, parameter: ParameterFact) -> Any:
        shown = self._shown(parameter, self._environment)
        kinds = {
            bool: self._widgets.Checkbox,
            int: self._widgets.IntText,
            float: self._widgets.FloatText,
            str: self._widgets.Text,
        }
        named = {"value": shown, "description": parameter.name, "style": _STYLE}
        tooltip = f"{parameter.name}: {type(parameter.default).__name__}, by default {parameter.default!r}"
        return kinds[type(shown)](tooltip=tooltip, **named)

    def _shown(self, parameter: ParameterFact, environment: str) -> object:
        """Return a value as its field holds it; what no field can hold is text, and read by the default's type."""
        value = parameter.value_in(environment)
        match parameter.default, value:
            case bool(), bool():
                return value
            case int(), int() if not isinstance(value, bool) and abs(value) <= _LARGEST:
                return value
            case float(), int() | float():
                return float(value)
            case None, None:
                return ""
            case _:
                return value if isinstance(value, str) else json.dumps(value, default=str)

    def _changed(self, change: Mapping[str, Any]) -> None:
        """Let the fields that nobody has touched follow the environment."""
        before, self._environment = self._environment, change["new"]
        for one in self._facts.parameters:
            field = self.fields[one.name]
            if field.value == self._shown(one, before):
                field.value = self._shown(one, self._environment)

    def _export(self, button: Any) -> None:
        self._work.start(self.environment.value, self.given())

    def _running(self, is_running: bool) -> None:
        self.export.disabled, self.cancel.disabled = is_running, not is_running
