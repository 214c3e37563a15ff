"""`alur build`, `infra generate`, `deploy` and `destroy`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.cli_console import FAILED, OK, answer, is_sure, show, tell
from alur_nb.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from alur_nb.authoring.deploy import Deployment


def build(options: argparse.Namespace) -> int:
    """Write the bundle."""
    from alur_nb.authoring import operate

    made = operate.export(options.notebook, options.env)
    show(options, made.to_dict(), str(made))
    return OK


def infra(options: argparse.Namespace) -> int:
    """Write the bundle, and name its Terraform."""
    from alur_nb.authoring import operate

    made = operate.export(options.notebook, options.env)
    files = sorted(path for path in (made.path / "terraform").iterdir() if path.is_file())
    listed = "\n".join(f"  {path.relative_to(made.path).as_posix()}" for path in files)
    show(options, {**made.to_dict(), "terraform": [str(path) for path in files]}, f"{made.head}\n{listed}")
    return OK


def deploy(options: argparse.Namespace) -> int:
    """Look, check, export, plan, ask, apply."""
    from alur_nb.authoring.loading import load_project

    settings = load_settings()
    under_way = _deployment(settings, options)
    if not options.skip_terraform:
        _progress(str(under_way.look()))
    under_way.check(load_project(settings))
    made = under_way.build(_notebook(settings, options), only_check=options.skip_build)
    if options.skip_terraform:
        show(options, made.to_dict(), str(made))
        return OK
    _progress(str(made))
    plan = under_way.plan(is_last=options.plan)
    if options.plan or not plan.changes:
        show(options, plan.to_dict(), str(plan))
        return OK
    # With --json the one document on stdout is the report of what was done.
    tell(str(plan), stream="stderr" if options.json else "stdout")
    if plan.risks and not options.allow_data_loss:
        tell(
            "Nothing was done: the plan puts data at risk. To accept that: --allow-data-loss", stream="stderr"
        )
        return FAILED
    if not options.auto_approve and not is_sure(f"Apply this to {plan.environment}? [y/N] "):
        tell("Nothing was done. Where nobody can answer, add --auto-approve.", stream="stderr")
        return FAILED
    report = under_way.apply()
    show(options, report.to_dict(), str(report))
    return OK


def destroy(options: argparse.Namespace) -> int:
    """Tell what would be lost, ask for the environment's name, take everything down."""
    from alur_nb.authoring import destroy as destroying

    under_way = _deployment(load_settings(), options)
    under_way.look()
    plan, held = destroying.plan_destroy(under_way)
    listed = [f"holds data: {one.place}: {one.what}" for one in held]
    text = "\n".join([str(plan), *listed])
    if options.plan or not plan.changes:
        holding = [{"place": one.place, "what": one.what} for one in held]
        show(options, {**plan.to_dict(), "holds_data": holding}, text)
        return OK
    tell(text, stream="stderr" if options.json else "stdout")
    if not options.delete_data:
        destroying.refuse_data(held, under_way.environment)
    typed = options.confirm or answer(
        f"Type the environment's name ({under_way.environment}) to destroy it: "
    )
    if typed != under_way.environment:
        tell(
            f"Nothing was destroyed. Where nobody can answer, add --confirm {under_way.environment}.",
            stream="stderr",
        )
        return FAILED
    report = destroying.destroy(under_way, plan)
    show(options, report.to_dict(), str(report))
    return OK


def _deployment(settings: Settings, options: argparse.Namespace) -> Deployment:
    from alur_nb.authoring.aws import Cloud, deployed_environment
    from alur_nb.authoring.deploy import Deployment

    cloud = Cloud(settings, deployed_environment(settings, options.env))
    return Deployment(cloud, tell=_progress)


def _notebook(settings: Settings, options: argparse.Namespace) -> Path:
    from alur_nb.authoring.operate import find_notebook

    return find_notebook(settings, options.notebook)


def _progress(text: str) -> None:
    tell(text, stream="stderr")
