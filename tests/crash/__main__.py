"""Play all schedules and print how many there were: `python -m tests.crash [KIND...]`, such as `singles pairs`."""

from __future__ import annotations

import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.crash import schedules
from tests.crash.rollback import rollbacks
from tests.crash.schedules import Tally, play_all
from tests.crash.superseding import anew, beside
from tests.crash.world import World
from tests.crash.world_aws import AwsWorld
from tests.crash.world_iceberg import IcebergWorld, MergingWorld

KINDS = {
    "singles": schedules.singles,
    "crossroads": schedules.crossroads,
    "overlaps": schedules.overlaps,
    "handovers": schedules.handovers,
    "pairs": schedules.pairs,
    "rollbacks": rollbacks,
    "anew": anew,
    "beside": beside,
}


WORLDS = {world.__name__: world for world in (World, AwsWorld, IcebergWorld, MergingWorld)}


def main(names: list[str]) -> None:
    """Play the kinds in every world, as many at once as there are cores, and print a line each in this order."""
    chosen = [(world, name) for world in WORLDS for name in names or KINDS]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for (world, name), line in zip(chosen, pool.map(play, *zip(*chosen, strict=True)), strict=True):
            if name == (names or [*KINDS])[0]:
                steps = len(schedules.clean_trace(WORLDS[world], schedules.ALL))
                sys.stdout.write(f"{world}: {steps} steps in a run\n")
            sys.stdout.write(f"  {line}\n")
            sys.stdout.flush()


def play(world: str, name: str) -> str:
    """Play one kind in one world; return its tally and how long it took."""
    logging.disable()  # each fault is told in a warning
    begin = time.monotonic()
    tally = play_all(WORLDS[world], KINDS[name](WORLDS[world]), Tally(name))
    return f"{tally}   {time.monotonic() - begin:.0f} s"


if __name__ == "__main__":
    main(sys.argv[1:])
