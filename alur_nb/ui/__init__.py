"""The notebook's face: magics and cards over `alur_nb.authoring` and `alur_nb.runtime`."""
