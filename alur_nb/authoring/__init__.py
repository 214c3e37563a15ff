"""What turns notebooks into previews and bundles; it has no front end, so the notebook, the CLI and CI share it."""
