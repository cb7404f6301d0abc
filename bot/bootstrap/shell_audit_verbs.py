"""`doorward audit …`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from bot.bootstrap.shell import Group, Json, Limit, fail, now, telling
from bot.settings.tree import load

audit = Group()


class Form(StrEnum):
    """What an export is written as; the same words as `bot.bootstrap.shell_audit.Form`."""

    JSONL = "jsonl"
    CSV = "csv"


def _moment(text: str) -> datetime:
    """A date or a time as typed, UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write 2026-11-30 or 2026-11-30T08:00:00+01:00 (without a zone it is UTC)") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@audit.command("search")
def audit_search(
    principal: Annotated[str | None, typer.Option(help="Who: a user name, or issuer#subject.")] = None,
    type: Annotated[str | None, typer.Option(help="What kind, or how it starts: access.decided, link.")] = None,  # noqa: A002 - the contract's word
    resource: Annotated[str | None, typer.Option(help="On what: Payslip::E1003.")] = None,
    decision: Annotated[str | None, typer.Option(help="How it came out: allow, deny, step_up, …")] = None,
    correlation: Annotated[str | None, typer.Option(help="Everything of one message.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="DATE", help="From this moment on (UTC unless it says otherwise)."),
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=_moment, metavar="DATE", help="Before this moment.")] = None,
    before: Annotated[
        int | None, typer.Option(metavar="SEQ", min=1, help="Older than the record of this number: the next page.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Print the latest records that match, newest first.

    Where there are more than --limit, it says how to print the older ones (--before).
    """
    from bot.bootstrap.shell_audit import Filters, search
    from bot.bootstrap.shell_output import show, talk

    filters = Filters(
        principal=principal,
        type_prefix=type,
        resource=resource,
        decision=decision,
        correlation=correlation,
        since=since,
        until=until,
        before=before,
    )
    with telling():
        found = search(load(), filters, limit + 1, now())
    rows = found[:limit]
    columns = ("seq", "time", "type", "decision", "principal", "action", "resource", "rules", "code")
    show(rows, columns, as_json=as_json)
    if len(found) > limit:
        talk(f"There are older ones: the same with --before {rows[-1]['seq']}")


@audit.command("export")
def audit_export(
    form: Annotated[Form, typer.Option("--format", help="JSON lines, or CSV for a spreadsheet.")] = Form.JSONL,
    from_seq: Annotated[int, typer.Option("--from", metavar="SEQ", min=1, help="Start at this record.")] = 1,
    chain: Annotated[bool, typer.Option("--chain", help="Also the hashes that join the records.")] = False,
) -> None:
    """Print the whole log in order, as JSON lines or for a spreadsheet."""
    from bot.bootstrap.shell_audit import Form as ExportForm
    from bot.bootstrap.shell_audit import export
    from bot.bootstrap.shell_output import progress

    with telling(), progress("Exporting", "records") as advance:
        bad = export(load(), sys.stdout.write, form=ExportForm(form), from_seq=from_seq, chain=chain, advance=advance)
    if bad is not None:
        fail(f"record {bad.seq} cannot be read: the export ends before it; `doorward audit verify` says more", code=1)


@audit.command("verify")
def audit_verify(
    state: Annotated[
        bool, typer.Option("--state", help="Also every link, role, session, lock, factor and consent of today.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prove that no record was edited, dropped, put in or moved, and that what was done is what was shown and proven;
    or name the first bad one and exit with 1.

    With --state, also rebuild from the log which rows carry authority, and name each that was put in, is missing, or
    is an older one put back: what somebody with access to the database alone can still do.

    Needs no keys. What was cut off at the end shows in no chain: compare head with one you kept.
    """
    from bot.bootstrap.shell_audit import SAID, STATE_SAID, verify_log, verify_state
    from bot.bootstrap.shell_output import progress, show_one

    with telling(), progress("Verifying", "records") as advance:
        result = verify_log(load(), advance)
    rows = []
    if state and result.fault is None:  # a log that is not as it was written says nothing about anything else
        with telling(), progress("Comparing", "records") as advance:
            rows = verify_state(load(), advance)
    bad = None if result.fault is None else {"seq": result.fault.seq, "kind": result.fault.kind.value}
    if as_json:
        named = [{"table": row.table, "row": row.row, "kind": row.kind.value, "seq": row.seq} for row in rows]
        shown = {"state": named} if state and bad is None else {}
        show_one({"records": result.records, "head": result.head, "fault": bad, **shown}, as_json=True)
    elif result.fault is not None:
        typer.echo(f"record {result.fault.seq} {SAID[result.fault.kind]}")
    else:
        typer.echo(f"{result.records} records, all as they were written; head {result.head or 'none'}")
        for row in rows:
            since = f" (record {row.seq})" if row.seq is not None else ""
            typer.echo(f"{row.table} {row.row} {STATE_SAID[row.kind]}{since}")
        if state and not rows:
            typer.echo("every row that carries authority is as the log says")
    raise typer.Exit(0 if result.fault is None and not rows else 1)
