"""How long `terraform plan` takes over so many pipelines, by the stand-in for its provider: seconds of CPU.

A third of the pipelines bring files in, each of them with a schedule; the others read what those write. The stand-in's
own time is in it, too.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alur_nb.authoring.manifest import Manifest
from tests.authoring.terraform_cases import DEV, at, manifest, pipeline, source
from tests.terraform.rehearsal import Rehearsal, make_mirror


def lake(count: int) -> Manifest:
    """Return a lake of so many pipelines, in threes: ingest, clean, sum up."""
    made = {}
    for number in range(count):
        name, kind, first = f"p{number:04}", number % 3, number - number % 3
        if kind == 0:
            made[name] = pipeline(
                name, f"bronze.t{number:04}", source(patterns=[f"{name}/*.csv"]), schedule=at("0 6 * * ? *")
            )
        else:
            layer, before = (
                ("silver", f"bronze.t{first:04}") if kind == 1 else ("gold", f"silver.t{first + 1:04}")
            )
            made[name] = pipeline(name, f"{layer}.t{number:04}", source("new", table=before))
    iceberg = tuple(entry["target"] for entry in made.values() if not entry["target"].startswith("bronze."))
    return manifest(iceberg=iceberg, **made)


def measured(count: int, scratch: Path, settings: Path) -> dict[str, float]:
    """Plan a lake of `count` pipelines, and return what it took."""
    rehearsal = Rehearsal(scratch / str(count), settings)
    rehearsal.write(lake(count), DEV)
    rehearsal.init()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    rehearsal.run("plan", "-input=false", "-no-color", "-out=plan")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "pipelines": count,
        "cpu_seconds": round(cpu, 1),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    """Print one line of JSON a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipelines", default="50,200,500", help="sizes, with commas between (50,200,500)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = make_mirror(Path(scratch, "mirror"))
        for count in map(int, options.pipelines.split(",")):
            print(json.dumps(measured(count, Path(scratch), settings)), flush=True)


if __name__ == "__main__":
    main()
