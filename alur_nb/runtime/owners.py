"""Who holds a lease: a process of a machine or a run of a Glue job, and whether it may still live."""

from __future__ import annotations

import os
import re
import socket
from datetime import timedelta
from pathlib import Path

# Courtesy only: safety rests on the epoch. A run renews every few seconds while it works.
LEASE_FRESH_SECONDS = 60

_GLUE = "glue/"
_works_for = ""


def work_for(what: str) -> None:
    """Say what this process works for, such as a notebook: whoever finds its lease taken is told."""
    global _works_for
    _works_for = what


def working_for() -> str:
    """Return what was said last; empty where nothing was."""
    return _works_for


def local_owner() -> str:
    """Return this process's name as a lease owner, so that a dead pid can be seen: `host/pid/start time`.

    Behind that stands what the process works for, where that was said.
    """
    own = f"{socket.gethostname()}/{os.getpid()}/{_process_start(os.getpid())}"
    return f"{own}/{_works_for}" if _works_for else own


def owner_text(holder: str) -> str:
    """Return a lease owner in words: the notebook or command where it is known, and the process."""
    host, pid, _, what = [*holder.split("/", 3), "", "", ""][:4]
    if holder.startswith(_GLUE) or not pid.isdigit():
        return holder
    return f"{what}, process {pid} on {host}" if what else f"process {pid} on {host}"


def lives_here(holder: str) -> bool | None:
    """Whether the holder is a living process of this machine; None where it is none of this machine's."""
    host, pid, started = [*holder.split("/"), "", ""][:3]
    if host != socket.gethostname() or not pid.isdigit():
        return None
    return started != "" and _process_start(int(pid)) == started


def glue_owner(job_run_id: str) -> str:
    """Return a Glue job run as a lease owner; `job_run_id` is Glue's own `--JOB_RUN_ID`."""
    return f"{_GLUE}{job_run_id}"


def may_live(holder: str, asking: str, age: timedelta) -> bool:
    """Tell whether `holder`, who renewed `age` ago, may still work while `asking` wants its lease.

    A process of this machine is looked up; an earlier attempt of the asking Glue run is over, or there would be
    no retry; everyone else lives while the lease is fresh.
    """
    here = lives_here(holder)
    if here is not None:
        return here
    if holder.startswith(_GLUE) and glue_run(holder) == glue_run(asking):
        return False
    return age < timedelta(seconds=LEASE_FRESH_SECONDS)


def glue_run(job_run_id: str) -> str:
    """Cut what Glue adds to a run's id when it tries the same run again (`jr_12ab_attempt_1`)."""
    return re.sub(r"_attempt_\d+$", "", job_run_id)


def _process_start(pid: int) -> str:
    """Return what tells this process from a later one with the same pid; empty where it does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "foreign"
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "running"  # macOS has no /proc: a living pid counts as the owner
    # Field 22 is the start time in clock ticks since boot; the name in field 2 may hold blanks (proc(5)).
    state, start = stat.rpartition(")")[2].split()[0], stat.rpartition(")")[2].split()[19]
    return "" if state == "Z" else start
