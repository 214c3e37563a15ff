"""Play all schedules and print how many there were: `python -m tests.crash [quick]`."""

from __future__ import annotations

import sys
import time

from tests.crash import schedules
from tests.crash.rollback import rollbacks
from tests.crash.schedules import Tally, play_all
from tests.crash.world import World
from tests.crash.world_aws import AwsWorld

QUICK = (schedules.singles, schedules.crossroads)
ALL = (*QUICK, schedules.overlaps, schedules.handovers, schedules.pairs, rollbacks)


def main(arguments: list[str]) -> None:
    for world in (World, AwsWorld):
        sys.stdout.write(
            f"{world.__name__}: {len(schedules.clean_trace(world, schedules.ALL))} steps in a run\n"
        )
        for kind in QUICK if "quick" in arguments else ALL:
            begin = time.monotonic()
            tally = play_all(world, kind(world), Tally(kind.__name__))
            sys.stdout.write(f"  {tally}   {time.monotonic() - begin:.0f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
