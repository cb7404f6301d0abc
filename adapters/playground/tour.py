"""What to try next, and the slash commands to complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One thing worth trying, as somebody, in their direct conversation."""

    person: str
    say: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command with what it does."""

    usage: str
    does: str


FIRST = Suggestion(person="john", say="my payslip", why="Your own payslip opens on a page of ours, after one code.")

TOUR = (
    FIRST,
    Suggestion(person="john", say="How many days of leave do I have?", why="Low risk: being signed in is enough."),
    Suggestion(
        person="john",
        say="I'd like to take 21 to 23 December off",
        why="Shown exactly, then sent to his manager.",
    ),
    Suggestion(person="mia", say="waiting", why="The manager decides John's leave with one code for exactly that."),
    Suggestion(person="john", say="Show me sarah's payslip", why="Refused, with the reason and what to do instead."),
    Suggestion(person="sue", say="Find customer Northwind", why="Support reads customers of her own region only."),
    Suggestion(
        person="sue", say="Find customer Lakeshore", why="Another region: refused, without saying whether it exists."
    ),
    Suggestion(
        person="raj",
        say="/doorward lock john",
        why="Administration takes a passkey; the page says how to have one here.",
    ),
    Suggestion(person="raj", say="/doorward audit search principal:john", why="Every attempt is written down."),
    Suggestion(person="raj", say="/doorward policy explain john ViewPayslip", why="Which rule decides, and why."),
)

COMMANDS = (
    Command(usage="help", does="What I can do for you"),
    Command(usage="whoami", does="Who I think you are"),
    Command(usage="sign-in", does="Sign in with your company account"),
    Command(usage="sign-out", does="End this session"),
    Command(usage="sign-out everywhere", does="End all your sessions"),
    Command(usage="balance", does="Your days of leave"),
    Command(usage="leave 2026-12-21 2026-12-23", does="Ask for leave"),
    Command(usage="my payslip", does="Open your latest payslip"),
    Command(usage="waiting", does="What waits for your decision"),
    Command(usage="sessions", does="Your own sessions"),
    Command(usage="sessions list", does="Everybody's sessions (administrators)"),
    Command(usage="sessions revoke PERSON", does="End somebody's sessions (administrators)"),
    Command(usage="roles list", does="Who has which role (administrators)"),
    Command(usage="roles grant PERSON ROLE", does="Give a role (administrators)"),
    Command(usage="roles revoke PERSON ROLE", does="Take a role away (administrators)"),
    Command(usage="lock PERSON", does="Lock a person out at once (administrators)"),
    Command(usage="unlock PERSON", does="Let a person in again (administrators)"),
    Command(usage="audit search", does="Search the audit trail (administrators, auditors)"),
    Command(usage="policy explain PERSON ACTION", does="Why something is allowed or not (administrators)"),
)


def guide(t: Callable[[str], str]) -> dict[str, object]:
    """Tour and commands for the page, in the language of `t`. What is typed counts in every language."""
    return {
        "first": asdict(_in(t, FIRST)),
        "tour": [asdict(_in(t, suggestion)) for suggestion in TOUR],
        "commands": [{"usage": f"/doorward {command.usage}", "does": t(command.does)} for command in COMMANDS],
    }


def _in(t: Callable[[str], str], suggestion: Suggestion) -> Suggestion:
    return replace(suggestion, say=t(suggestion.say), why=t(suggestion.why))
