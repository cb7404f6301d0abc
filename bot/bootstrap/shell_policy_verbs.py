"""`doorward policy …`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bot.bootstrap.shell import Group, Json, Limit, telling

policy = Group()

Policies = Annotated[Path, typer.Option(metavar="DIR", help="A directory of *.cedar files.", show_default="in force")]
Cases = Annotated[Path, typer.Option(metavar="DIR", help="Where the cases are.", show_default="tests/policy")]
IN_FORCE = Path(__file__).resolve().parents[2] / "policy" / "policies"
CASES = Path(__file__).resolve().parents[2] / "tests" / "policy"


@policy.command("validate")
def policy_validate(policies: Policies = IN_FORCE, as_json: Json = False) -> None:
    """Check policies against the schema and the rules for annotations; print each problem with file and line."""
    from bot.bootstrap.shell_output import show_json, talk
    from bot.bootstrap.shell_policy import validate

    problems = validate(policies)
    if as_json:
        show_json(problems)
    for problem in () if as_json else problems:
        typer.echo(problem)
    talk(f"{len(problems)} problem(s) in {policies}" if problems else f"{policies} may be put in force")
    raise typer.Exit(1 if problems else 0)


@policy.command("test")
def policy_test(
    policies: Policies = IN_FORCE,
    cases: Cases = CASES,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Also change every policy a little: each change must fail a case.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold policies to their cases (ALLOW, DENY and STEP_UP, one sentence a file) and print what differs."""
    from bot.bootstrap.shell_output import progress, show_json, talk
    from bot.bootstrap.shell_policy import test

    with telling(), progress("Testing", "") if mutants else nullcontext():
        report = test(policies, cases, mutants=mutants)
    told = {"failures": report.failures, "undecided": report.undecided, "survivors": report.survivors}
    if as_json:
        show_json({"cases": report.cases, "passed": report.passed, **told})
    else:
        for line in (*report.failures, *(f"{rule}: decides no case" for rule in report.undecided)):
            typer.echo(line)
        for line in report.survivors:
            typer.echo(f"{line}: no case notices")
    talk(f"{report.cases} cases, {sum(map(len, told.values()))} complaint(s)")
    raise typer.Exit(0 if report.passed else 1)


@policy.command("explain")
def policy_explain(
    question: Annotated[str, typer.Argument(metavar="CASE", help="A case's name, or a .json file of the same form.")],
    policies: Policies = IN_FORCE,
    cases: Cases = CASES,
    as_json: Json = False,
) -> None:
    """Say how a request is decided and how each policy stands to it."""
    from bot.bootstrap.shell_output import show, show_json, show_one
    from bot.bootstrap.shell_policy import why

    with telling():
        decision, rules = why(policies, cases, question)
    if as_json:
        show_json({**decision, "policies": rules})
    else:
        show_one(decision, as_json=False)
        typer.echo()
        show(rules, ("rule", "standing", "policy", "source"), as_json=False)


@policy.command("diff")
def policy_diff(
    policies: Annotated[Path, typer.Option(metavar="DIR", help="The policies that would come into force.")],
    before: Annotated[
        Path, typer.Option(metavar="DIR", help="What to compare with.", show_default="in force")
    ] = IN_FORCE,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show requests that other policies would answer differently, reasons and obligations included; 1 if there are any.

    It searches around every literal, role and relation the policies name: a search, not a proof.
    """
    from bot.bootstrap.shell_output import progress, show
    from bot.bootstrap.shell_policy import differences

    with telling(), progress("Comparing", ""):
        rows = differences(before, policies, limit)
    columns = ("roles", "action", "resource", "facts", "circumstances", "before", "after")
    show(rows, columns, as_json=as_json)
    raise typer.Exit(1 if rows else 0)


@policy.command("replay")
def policy_replay(
    recorded: Annotated[Path, typer.Argument(metavar="FILE", help="Recorded decisions, one JSON case a line.")],
    policies: Policies = IN_FORCE,
    as_json: Json = False,
) -> None:
    """Show recorded decisions that these policies would answer differently; 1 if there are any."""
    from bot.bootstrap.shell_output import progress, show
    from bot.bootstrap.shell_policy import replayed

    with telling(), progress("Replaying", ""):
        rows = replayed(policies, recorded)
    show(rows, ("line", "roles", "action", "resource", "before", "after"), as_json=as_json)
    raise typer.Exit(1 if rows else 0)
