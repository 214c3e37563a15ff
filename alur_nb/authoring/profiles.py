"""The `[profiles.NAME]` that a pipeline names: whether alur.toml has it."""

from __future__ import annotations

from alur_nb.runtime.errors import Place, SettingsError, suggest
from alur_nb.runtime.settings import Settings


def check_profile(profile: str, settings: Settings, place: Place | None = None) -> None:
    """Raise SettingsError where alur.toml has no such profile."""
    if profile not in settings.profiles:
        known = ", ".join(settings.profiles)
        raise SettingsError(
            f"There is no resource profile `{profile}`{suggest(profile, settings.profiles)}.",
            place=place,
            fix=f"Add [profiles.{profile}] to alur.toml, for example with number_of_workers = 10"
            + (f"; it has: {known}." if known else "."),
        )
