"""`flasky plugin stats`: what each plug-in costs in the processes of this site that run now."""

# ruff: noqa: PLC0415 - what starts a site is imported only when no process runs that could be asked.

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import counted
from flasky.cli.table import show_table

if TYPE_CHECKING:
    from flasky.statistics.meter import Total
    from flasky.statistics.numbers import PluginNumbers, ProcessNumbers

_HEADS = ("Plug-in", "Version", "Start ms", "Requests", "ms each", "SQL each", "Hooks", "ms each", "Jobs", "Errors")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def stats(context: Context, as_json: bool) -> None:
    """Show what each plug-in costs: at the start, for each request, in hooks and jobs; and its errors.

    The numbers are those of the servers of this site that run now, a few seconds old. When none runs, the site is
    started here, and only what the start costs is known.
    """
    from flasky.statistics.numbers import together

    processes = read(context)
    plugins = together(processes) if processes else _started_here(context)
    if as_json:
        told = {"processes": [_process(one) for one in processes], "plugins": [_row(one) for one in plugins.values()]}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    show_table(_HEADS, [_cells(one) for one in plugins.values()])
    if processes:
        told_of = ", ".join(f"{one.pid} since {one.since}" for one in processes)
        click.echo(f"\n{counted(len(processes), 'process', 'processes')}: {told_of}")
    else:
        click.echo(f"\nNo server of {context.path} runs: this is what the start costs here.")


def read(context: Context) -> list[ProcessNumbers]:
    """The numbers of the processes that run; they are read whether or not the site can be started now."""
    from flasky.settings import KERNEL_SETTINGS, resolve
    from flasky.statistics.sharing import folder_of, read_folder

    ini = context.ini
    settings, _ = resolve(KERNEL_SETTINGS, ini.settings, os.environ, str(ini.path))
    return read_folder(folder_of(str(ini.path), settings.get("flasky.statistics") or ""))


def _started_here(context: Context) -> dict[str, PluginNumbers]:
    from flasky.statistics.numbers import numbers_of

    return numbers_of(context.registry)


def _process(one: ProcessNumbers) -> dict[str, Any]:
    return {"pid": one.pid, "since": one.since}


def _row(one: PluginNumbers) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "start_ms": one.start_ms,
        "requests": _cost(one.requests),
        "hooks": _cost(one.hooks),
        "jobs": _cost(one.jobs),
        "errors": sum(one.errors.values()),
        "errors_by_kind": one.errors,
        "by_kind": {kind: _cost(total) for kind, total in sorted(one.runs.items())},
    }


def _cost(total: Total) -> dict[str, float]:
    runs = total.runs or 1
    return {
        "count": total.runs,
        "ms": round(total.seconds * 1000, 3),
        "statements": total.statements,
        "ms_each": round(total.seconds * 1000 / runs, 3),
        "statements_each": round(total.statements / runs, 3),
    }


def _cells(one: PluginNumbers) -> tuple[str, ...]:
    requests, hooks, jobs = _cost(one.requests), _cost(one.hooks), _cost(one.jobs)
    return (
        one.name,
        one.version,
        f"{one.start_ms:.1f}",
        *((str(requests["count"]), f"{requests['ms_each']:.2f}", f"{requests['statements_each']:.2f}")),
        *((str(hooks["count"]), f"{hooks['ms_each']:.3f}")),
        str(jobs["count"]),
        _errors(one.errors),
    )


def _errors(kinds: dict[str, int]) -> str:
    """How many, and of which kind each was."""
    split = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    return f"{sum(kinds.values())} ({split})" if kinds else "0"
