"""What `--help` of every verb ends in: an example, what it needs, and what its exit status says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import typer

NOTHING = "nothing: neither settings nor a network."
SETTINGS = "the settings; no database and no network."
DATABASE = "the settings and the database (DOORWARD_DATABASE_URL)."
KEYS = "the settings, the database and the installation's keys (DOORWARD_KEYS__FILE)."
LIVE = "the settings, and a network that reaches what they name."
SERVING = "the settings, database and keys, and a `doorward serve` that is running."


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How one verb is used."""

    example: str
    """What may be typed behind `doorward `, as it stands."""
    needs: str
    one: str = ""
    """What exit status 1 says; empty where it never comes."""

    def epilog(self) -> str:
        """The end of the help."""
        status = f"0 done, 1 {self.one}, 2 it could not be done" if self.one else "0 done, 2 it could not be done"
        return f"\b\nFor example: doorward {self.example}\n\nNeeds: {self.needs}\n\nExit status: {status}."


ALTERED = "a row is not as we wrote it"
"""Of verbs that read rows which carry authority."""
USAGES = {
    "demo": Usage(example="demo --port 8081", needs=NOTHING),
    "serve": Usage(example="serve", needs=f"{KEYS} A provider may be away.", one=ALTERED),
    "migrate": Usage(example="migrate", needs=KEYS, one=ALTERED),
    "setup": Usage(
        example="setup all",
        needs="DOORWARD_CONFIG, the file to write; for the link without a part: " + KEYS,
        one="a part is not good yet, or it was stopped",
    ),
    "check": Usage(example="check --json", needs=KEYS, one="something is wrong, and is named"),
    "doctor": Usage(example="doctor", needs=f"{KEYS} And the network.", one="something is wrong, and is named"),
    "lock": Usage(example="lock mia", needs=KEYS, one=ALTERED),
    "unlock": Usage(example="unlock mia@okta", needs=KEYS, one=ALTERED),
    "config show": Usage(example="config show --json", needs=SETTINGS),
    "manifest slack": Usage(
        example="manifest slack --url https://doorward.example.com > slack.json", needs="DOORWARD_PUBLIC_URL, or --url."
    ),
    "manifest teams": Usage(
        example="manifest teams doorward-teams.zip --url https://doorward.example.com",
        needs="DOORWARD_TEAMS__APP_ID, and DOORWARD_PUBLIC_URL or --url.",
    ),
    "policy validate": Usage(
        example="policy validate --policies new", needs=NOTHING, one="there are problems, a line each"
    ),
    "policy test": Usage(
        example="policy test --policies new --cases tests/policy", needs=NOTHING, one="a case is decided otherwise"
    ),
    "policy explain": Usage(example="policy explain john_may_not_open_sarahs_payslip", needs=NOTHING),
    "policy diff": Usage(example="policy diff --policies new", needs=NOTHING, one="there are differences"),
    "policy replay": Usage(
        example="policy replay decisions.jsonl --policies new", needs=NOTHING, one="there are differences"
    ),
    "audit search": Usage(
        example="audit search --principal john --decision deny --since 2026-11-01",
        needs=f"{DATABASE} A user name takes the keys, too.",
        one=ALTERED,
    ),
    "audit export": Usage(
        example="audit export --format csv > audit.csv", needs=DATABASE, one="a record cannot be read: it ends there"
    ),
    "audit verify": Usage(example="audit verify --state", needs=DATABASE, one="something was altered, and is named"),
    "keys init": Usage(example="keys init doorward-keys.json", needs="a place for the file."),
    "keys list": Usage(example="keys list", needs=KEYS, one=ALTERED),
    "keys rotate": Usage(example="keys rotate seal row_mac", needs=KEYS, one="rows are left that cannot be read"),
    "keys remove": Usage(example="keys remove seal 2f9c31", needs=KEYS, one=ALTERED),
    "keys wrap": Usage(example="keys wrap", needs="DOORWARD_KEYS__FILE in the clear, and AWS KMS."),
    "admin recover": Usage(example="admin recover", needs=KEYS, one=ALTERED),
    "roles list": Usage(example="roles list --json", needs=KEYS, one=ALTERED),
    "roles grant": Usage(example="roles grant mia hr_manager --scope support", needs=KEYS, one=ALTERED),
    "roles revoke": Usage(example="roles revoke mia hr_manager", needs=KEYS, one=ALTERED),
    "links list": Usage(example="links list --limit 50", needs=KEYS, one=ALTERED),
    "links check": Usage(
        example="links check --preview", needs=f"{KEYS} And the HR system.", one="somebody's record has a problem"
    ),
    "links revoke": Usage(example="links revoke slack:T0COMPANY:U1MIA", needs=KEYS, one=ALTERED),
    "sessions list": Usage(example="sessions list --limit 50", needs=KEYS, one=ALTERED),
    "sessions revoke": Usage(example="sessions revoke mia", needs=KEYS, one=ALTERED),
    "changes list": Usage(example="changes list", needs=KEYS, one=ALTERED),
    "changes cancel": Usage(example="changes cancel 4d1f", needs=KEYS, one=ALTERED),
    "ssf status": Usage(
        example="ssf status", needs=f"{DATABASE} And {LIVE}", one="a stream is not enabled, or nobody answers"
    ),
    "ssf verify": Usage(example="ssf verify okta --wait 30", needs=SERVING),
    "effects show": Usage(
        example="effects show 0192f0c4", needs=KEYS, one="there is no such effect, or its parts do not agree"
    ),
}
"""By the verb as it is typed; a test holds that every verb is here, and that each example can be typed."""


def teach(app: typer.Typer) -> None:
    """Put the end of its help under every verb."""
    for name, command in _verbs(app, ""):
        command.epilog = USAGES[name].epilog()


def _verbs(app: typer.Typer, before: str) -> Iterator[tuple[str, typer.models.CommandInfo]]:
    for command in app.registered_commands:
        yield f"{before}{command.name or command.callback.__name__}", command  # type: ignore[union-attr]  # every one has it
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _verbs(group.typer_instance, f"{before}{group.name or group.typer_instance.info.name} ")
