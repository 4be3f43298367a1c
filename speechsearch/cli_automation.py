"""The verbs under ``automation``: how much answers may do by themselves."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from speechsearch.cli_shared import Asked, IndexOption, JsonOption, output, reports

if TYPE_CHECKING:
    from speechsearch.automation import Catalogue, Kept

automation_app = typer.Typer(
    no_args_is_help=True,
    help="How much an answer does by itself, for each catalogue: human_only, shadow, assistance, "
    "partial, full. automation.degree in the settings says where to begin.",
)


@automation_app.command()
@reports
def status(index: IndexOption = "", as_json: JsonOption = False) -> None:
    """Say the catalogue's degree, what people made of its answers, and what is proposed.

    Example: speechsearch automation status --index ./films
    """
    catalogue = _catalogue(index)
    _show(catalogue, catalogue.load(), as_json)


@automation_app.command()
@reports
def up(index: IndexOption = "", as_json: JsonOption = False) -> None:
    """Take on the step up that is proposed.

    Example: speechsearch automation up --index ./films
    """
    catalogue = _catalogue(index)
    _show(catalogue, catalogue.step_up(getpass.getuser()), as_json)


def _catalogue(index: str) -> Catalogue:
    from speechsearch.automation import Catalogue

    return Catalogue.of(Asked(index=index).settings())


def _show(catalogue: Catalogue, kept: Kept, as_json: bool) -> None:
    ladder = kept.ladder
    proposal = ladder.proposal.name.lower() if ladder.proposal is not None else None
    rows = {
        degree: {
            "answers": tally.answers,
            "acceptance": round(tally.acceptance, 4),
            "override": round(tally.override, 4),
            "opened": tally.opened,
            "wrong_open": round(tally.wrong_open, 4),
        }
        for degree, tally in kept.by_degree.items()
    }
    if as_json:
        found = {"catalogue": catalogue.name, "degree": ladder.degree.name.lower(),
                 "proposed": proposal, "by_degree": rows}  # fmt: skip
        typer.echo(json.dumps(found))
        return
    output.print(
        f"{catalogue.name}: {ladder.degree.name.lower()}"
        + (f"; {proposal} is proposed: speechsearch automation up" if proposal else "")
    )
    if rows:
        table = Table("degree", *next(iter(rows.values())), box=None)
        for degree, values in rows.items():
            table.add_row(degree, *map(str, values.values()))
        output.print(table)
