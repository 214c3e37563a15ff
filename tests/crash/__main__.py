"""Play all schedules and print how many there were: `python -m tests.crash [KIND...]`, such as `singles pairs`."""

from __future__ import annotations

import logging
import sys
import time

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


def main(names: list[str]) -> None:
    logging.disable()  # each fault is told in a warning
    for world in (World, AwsWorld, IcebergWorld, MergingWorld):
        sys.stdout.write(
            f"{world.__name__}: {len(schedules.clean_trace(world, schedules.ALL))} steps in a run\n"
        )
        for name in names or KINDS:
            begin = time.monotonic()
            tally = play_all(world, KINDS[name](world), Tally(name))
            sys.stdout.write(f"  {tally}   {time.monotonic() - begin:.0f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
