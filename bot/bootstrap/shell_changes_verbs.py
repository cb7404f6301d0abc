"""The verbs that change authority: of roles, locks, sessions and links; each only makes a proposal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from bot.bootstrap.shell import Group, Json, now, telling

changes = Group()
Person = Annotated[str, typer.Argument(metavar="PERSON", help="A user name, or ISSUER#SUBJECT.")]
COLUMNS = ("id", "change", "about", "role", "scope", "account", "proposed_by", "yes", "needed", "done_at")


Role = Annotated[
    str,
    typer.Argument(metavar="ROLE", help="employee, line_manager, hr_manager, support_rep, administrator or auditor."),
]


def add_to(app: typer.Typer, roles: typer.Typer, sessions: typer.Typer, links: typer.Typer) -> None:
    """Put the verbs where people look for them."""
    app.add_typer(changes, name="changes", help="Changes of rights that wait for an administrator.")
    app.command("lock")(lock)
    app.command("unlock")(unlock)
    roles.command("grant")(grant)
    roles.command("revoke")(revoke)
    sessions.command("revoke")(end_sessions)
    links.command("revoke")(unlink)


def grant(
    person: Person,
    role: Role,
    scope: Annotated[str, typer.Option(metavar="DEPARTMENT", help="Only there.", show_default="everywhere")] = "",
    as_json: Json = False,
) -> None:
    """Propose a role for somebody. An administrator says yes in chat, two for administrator, auditor and hr_manager."""
    from bot.bootstrap.shell_changes import propose_role
    from bot.settings.tree import load

    _tell(lambda: propose_role(load(), now(), person, role, scope), as_json=as_json)


def revoke(
    person: Person,
    role: Role,
    as_json: Json = False,
) -> None:
    """Propose to take a role away that was given inside Doorward. Administrators say yes in chat."""
    _propose("revoke_role", person, as_json=as_json, role=role)


def lock(person: Person, as_json: Json = False) -> None:
    """Propose to lock somebody out, everywhere. An administrator says yes in chat."""
    _propose("lock_person", person, as_json=as_json)


def unlock(person: Person, as_json: Json = False) -> None:
    """Propose to let somebody in again. An administrator says yes in chat."""
    _propose("unlock_person", person, as_json=as_json)


def end_sessions(
    person: Annotated[str, typer.Argument(metavar="[PERSON]", help="A user name, or ISSUER#SUBJECT.")] = "",
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Everybody's, in this workspace or tenant.")] = "",
    as_json: Json = False,
) -> None:
    """Propose to end all sessions of a person, or of a whole workspace or tenant. An administrator says yes in chat."""
    from bot.bootstrap.shell_changes import propose_tenant
    from bot.settings.tree import load

    if bool(person) == bool(tenant):
        raise typer.BadParameter("name a person or --tenant, one of them")
    if tenant:
        _tell(lambda: propose_tenant(load(), now(), tenant), as_json=as_json)
    else:
        _propose("revoke_sessions", person, as_json=as_json)


def unlink(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="As `doorward links list` shows it.")],
    as_json: Json = False,
) -> None:
    """Propose to take a chat account away from whoever it is linked to. An administrator says yes in chat."""
    from bot.bootstrap.shell_changes import propose_unlinking
    from bot.settings.tree import load

    _tell(lambda: propose_unlinking(load(), now(), channel), as_json=as_json)


@changes.command("list")
def list_changes(as_json: Json = False) -> None:
    """Print what waits, for whose yes, and when it is done by itself where there is one administrator alone."""
    from bot.bootstrap.shell_changes import listed
    from bot.bootstrap.shell_output import show
    from bot.settings.tree import load

    with telling():
        rows = listed(load(), now())
    show(rows, COLUMNS, as_json=as_json)


@changes.command("cancel")
def cancel_change(
    change: Annotated[str, typer.Argument(metavar="ID", help="As `doorward changes list` shows it.")],
) -> None:
    """Cancel a change that waits, at once."""
    from bot.bootstrap.shell_changes import cancelled
    from bot.bootstrap.shell_output import talk
    from bot.settings.tree import load

    with telling():
        cancelled(load(), now(), change)
    talk(f"Change {change} is cancelled. Nothing was done.")


def _propose(capability: str, person: str, *, as_json: bool, **arguments: str) -> None:
    from bot.bootstrap.shell_changes import propose
    from bot.settings.tree import load

    _tell(lambda: propose(load(), now(), capability, person, **arguments), as_json=as_json)


def _tell(make: Callable[[], dict[str, object]], *, as_json: bool) -> None:
    from bot.bootstrap.shell_output import show, talk

    with telling():
        row = make()
    show([row], COLUMNS, as_json=as_json)
    talk("Nothing is changed yet: the administrators are asked in chat. `doorward changes list` shows how far it is.")
