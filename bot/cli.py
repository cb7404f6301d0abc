"""The command line: `doorward …`, the same as `python -m bot`. Data on stdout, talk on stderr, exit 0, 1 or 2.

A verb reads its settings, calls one function of the composition, and prints what that gives.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from bot.bootstrap.shell import Group, Json, Limit, fail, now, telling
from bot.bootstrap.shell_audit_verbs import audit
from bot.bootstrap.shell_changes_verbs import add_to
from bot.bootstrap.shell_examples import teach
from bot.bootstrap.shell_keys_verbs import keys
from bot.bootstrap.shell_policy_verbs import policy
from bot.bootstrap.shell_setup_verbs import print_link, setup
from bot.settings.tree import load

app = Group(
    name="doorward",
    pretty_exceptions_enable=False,
    epilog="Exit status: 0 done, 1 done and the answer is no, 2 it could not be done.",
)
config, manifest = Group(), Group()
roles, links, sessions, effects, admin, ssf = Group(), Group(), Group(), Group(), Group(), Group()
app.add_typer(config, name="config", help="The settings in force.")
app.add_typer(manifest, name="manifest", help="What a chat platform is told about this app.")
app.add_typer(policy, name="policy", help="Who may do what: check, test and compare policies before they are in force.")
app.add_typer(audit, name="audit", help="The audit log: search it, take it out, prove that nothing was altered.")
app.add_typer(keys, name="keys")
app.add_typer(admin, name="admin", help="For whoever runs this host.")
app.add_typer(roles, name="roles", help="Roles given inside Doorward.")
app.add_typer(links, name="links", help="Which chat account belongs to which company account.")
app.add_typer(sessions, name="sessions", help="Who is signed in.")
app.add_typer(ssf, name="ssf", help="Security events of the company's directory (Shared Signals).")
app.add_typer(effects, name="effects", help="What was done in the HR and CRM systems.")
add_to(app, roles, sessions, links)


@app.callback()
def doorward() -> None:
    """The doorkeeper between a company's chat and its sensitive systems.

    Start with `doorward demo`: it needs no account and nothing leaves this computer.
    For your own: `doorward setup all`, `doorward keys init`, `doorward migrate`, `doorward check`, `doorward serve`;
    docs/slack.md and docs/teams.md go through it in thirty minutes each.
    """


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", show_default="8080")
    ] = None,
) -> None:
    """Run the demonstration: playground, provider and demo systems on this computer; nothing leaves it."""
    from bot.bootstrap.serving import run_demo

    with telling():
        run_demo(load(), port=port)


@app.command()
def serve() -> None:
    """Serve Slack and Teams, the pages behind their links, and /healthz and /readyz, until it is interrupted.

    Refuses to start half-configured; `doorward check` tells everything that is missing at once.
    """
    from bot.bootstrap.serving import run_serve

    with telling():
        run_serve(load())


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; make it first where there is none.

    Runs alone among replicas, in one transaction. Run it again as often as you like.
    """
    from bot.bootstrap.shell_output import talk
    from bot.bootstrap.upgrading import upgrade

    with telling():
        adopted = upgrade(load(), now())
    if adopted:
        talk(f"{adopted} people who were here before are in the ledger now: whose row is deleted is not made again.")
    talk("The database has the newest schema.")


app.command("setup")(setup)


@admin.command("recover")
def admin_recover() -> None:
    """Print a link for a colleague where the last administrator is lost: once, 15 minutes, claimed with a passkey.

    The claim raises an alarm and makes an administrator a day later. Until then any administrator can cancel it, and so
    can you: `doorward changes list`, `doorward changes cancel ID`.
    """
    with telling():
        print_link("recovery")


@app.command()
def check(as_json: Json = False) -> None:
    """Say what `serve` stands on and whether it holds: settings, policies, keys, database. Changes nothing."""
    from bot.bootstrap.shell_output import show
    from bot.bootstrap.shell_settings import checked

    with telling():
        findings = checked(load(), now())
    rows = [{"part": one.part, "good": one.good, "problem": one.problem, "note": one.note} for one in findings]
    show(rows, ("part", "good", "problem", "note"), as_json=as_json)
    if not all(one.good for one in findings):
        raise typer.Exit(1)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Ask everything Doorward talks to whether it would work now: what `check` says, and a live word of each part.

    Asks the database, Slack, Teams and every identity provider (discovery, our credential, the clocks). Changes nothing
    and signs nobody in. Exits 1 where something is wrong, with what to do about it.
    """
    from bot.bootstrap.setting_up import reader
    from bot.bootstrap.shell_doctor import examined
    from bot.bootstrap.shell_output import show, talk

    with telling():
        findings = examined(load(), now, reader(os.environ), lambda part: talk(f"asking: {part}"))
    rows = [{"part": one.part, "good": one.good, "problem": one.problem, "note": one.note} for one in findings]
    show(rows, ("part", "good", "problem", "note"), as_json=as_json)
    if not all(one.good for one in findings):
        raise typer.Exit(1)


@config.command("show")
def config_show(as_json: Json = False) -> None:
    """Print every setting in force and where its value comes from; secrets are masked.

    Each is an environment variable, or the same name in the TOML file that DOORWARD_CONFIG names.
    """
    from bot.bootstrap.shell_output import show
    from bot.bootstrap.shell_settings import shown

    with telling():
        show(shown(os.environ), ("setting", "value", "from"), as_json=as_json)


@manifest.command("slack")
def manifest_slack(
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Slack reaches us.", show_default="DOORWARD_PUBLIC_URL")
    ] = None,
    socket_mode: Annotated[
        bool, typer.Option("--socket-mode", help="We connect to Slack; Slack need not reach us. Browsers still must.")
    ] = False,
    several_workspaces: Annotated[
        bool,
        typer.Option(
            "--several-workspaces", help="Installed at /slack/install in several, or in a whole organisation."
        ),
    ] = False,
    directory_emails: Annotated[
        bool,
        typer.Option(
            "--directory-emails",
            help="Also the scope users:read.email; so are the settings with DOORWARD_SLACK__DIRECTORY_EMAILS.",
        ),
    ] = False,
) -> None:
    """Print the manifest to paste at https://api.slack.com/apps under “From a manifest”.

    It asks for the least scopes that the code needs. Changed later: paste it at the app's App Manifest page, and
    install the app again where that says so.
    """
    from bot.bootstrap.shell_output import show_json
    from bot.bootstrap.shell_settings import slack_manifest

    with telling():
        settings = load()
        show_json(
            slack_manifest(
                settings.public_url if url is None else url,
                socket_mode=socket_mode,
                several_workspaces=several_workspaces,
                directory_emails=directory_emails or (settings.slack is not None and settings.slack.directory_emails),
            )
        )


@manifest.command("teams")
def manifest_teams(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The zip to write; never over another.")] = Path(
        "doorward-teams.zip"
    ),
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Teams reaches us.", show_default="DOORWARD_PUBLIC_URL")
    ] = None,
    company: Annotated[str, typer.Option(help="Who offers the app, as Teams shows it.")] = "Doorward",
    privacy_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Your privacy statement.", show_default="the same as --url")
    ] = None,
    terms_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Your terms of use.", show_default="the same as --url")
    ] = None,
) -> None:
    """Write the app package to upload at https://admin.teams.microsoft.com under “Manage apps”.

    It holds the manifest, checked against Microsoft's schema, and two icons. Upload a new one after changing
    the address or the registration.
    """
    from bot.bootstrap.shell_output import talk
    from bot.bootstrap.shell_teams import write_teams_package

    with telling():
        commands = write_teams_package(
            load(), file, url=url, company=company, privacy_url=privacy_url, terms_url=terms_url
        )
    typer.echo(file)
    talk(f"Good by Microsoft's schema. Teams will suggest: {', '.join(commands)}")


@roles.command("list")
def roles_list(as_json: Json = False) -> None:
    """Print the roles given inside Doorward; those that the identity provider asserts are not among them."""
    from bot.bootstrap.shell_output import show
    from bot.bootstrap.shell_records import roles as given

    with telling():
        rows = given(load(), now())
    columns = ("username", "role", "scope", "in_force", "granted_at", "until", "granted_by", "principal")
    show(rows, columns, as_json=as_json)


@links.command("list")
def links_list(limit: Limit = 1000, as_json: Json = False) -> None:
    """Print which chat account was proven to belong to which company account, the oldest link first."""
    from bot.bootstrap.shell_output import show
    from bot.bootstrap.shell_records import links as made

    with telling():
        rows = made(load(), now(), limit)
    show(rows, ("channel", "username", "provider", "linked_at", "principal"), as_json=as_json)


@links.command("check")
def links_check(
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Also whom SCIM and the groups in Entra would bring, before they ever sign in."),
    ] = False,
    limit: Limit = 1000,
    as_json: Json = False,
) -> None:
    """Print real people: the role each gets and why, their HR record, and what is wrong. Changes nothing.

    Wrong are: no role, no employee number, no HR record or one that is not theirs alone, left, locked, and attributes
    that the provider and HR tell differently. With any of that the exit status is 1. See docs/identity.md.
    """
    from bot.bootstrap.shell_output import progress, show
    from bot.bootstrap.shell_people import people

    with telling(), progress("People looked at", "people") as advance:
        rows = people(load(), now(), limit, preview=preview, advance=advance)
    show(rows, ("username", "known_by", "roles", "why", "hr", "problems"), as_json=as_json)
    if any(row["problems"] for row in rows):
        raise typer.Exit(1)


@sessions.command("list")
def sessions_list(limit: Limit = 1000, as_json: Json = False) -> None:
    """Print the sessions that were not ended, the latest used first."""
    from bot.bootstrap.shell_output import show
    from bot.bootstrap.shell_records import sessions as opened

    with telling():
        rows = opened(load(), now(), limit)
    columns = ("channel", "username", "alive", "opened_at", "last_used_at", "absolute_until", "principal")
    show(rows, columns, as_json=as_json)


@ssf.command("status")
def ssf_status(as_json: Json = False) -> None:
    """Print every transmitter of the settings, when it was last heard, and the stream's status as it tells it.

    The exit status is 1 where a transmitter says that a stream is not enabled, or does not answer.
    """
    from bot.bootstrap.shell_output import show
    from bot.bootstrap.shell_signals import status

    with telling():
        rows = status(load(), now())
    show(rows, ("name", "way", "last_heard", "last_verified", "stream", "problem"), as_json=as_json)
    if any(row["problem"] for row in rows):
        raise typer.Exit(1)


@ssf.command("verify")
def ssf_verify(
    name: Annotated[str, typer.Argument(help="The transmitter's name in DOORWARD_SIGNALS__<NAME>, in lower case.")],
    wait: Annotated[int, typer.Option(min=1, help="Seconds to wait for the event.")] = 60,
) -> None:
    """Have a transmitter send a verification event, and see it arrive at a serving process."""
    from bot.bootstrap.shell_output import talk
    from bot.bootstrap.shell_signals import verify

    with telling():
        at = verify(load(), now(), name, timedelta(seconds=wait))
    typer.echo(at)
    talk(f"The verification event of {name} came, was proven, and is stored.")


@effects.command("show")
def effects_show(
    effect_id: Annotated[str, typer.Argument(metavar="ID", help="The effect's id.")], as_json: Json = False
) -> None:
    """Print the whole story of an effect: who asked, what they were shown, who consented with what and when, the
    decision and its policy, the grant, what the HR or CRM system answered, and the records in the log.

    Arguments are left out but where they stand in what was shown. The digests of what was shown, proven, granted and
    written down are compared: where they differ, it exits with 1.
    """
    from bot.bootstrap.shell_effects import agrees, effect
    from bot.bootstrap.shell_output import show_parts

    with telling():
        found = effect(load(), now(), effect_id)
    if found is None:
        fail(f"there is no effect {effect_id}", code=1)
    show_parts(found, as_json=as_json)
    if not agrees(found):
        fail("what was shown, proven, granted and written down is not one and the same action", code=1)


teach(app)


def main() -> None:
    """The entry point."""
    app(prog_name="doorward")


if __name__ == "__main__":
    main()
