"""The crash simulator: the real protocol code over simulated rows, every side effect a numbered step."""
