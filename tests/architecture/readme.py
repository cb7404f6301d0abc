"""The README's tables, made from the program: `python -m tests.architecture.readme` writes, a test compares."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import typer
from pydantic import BaseModel

from bot.capabilities.catalogue import CATALOGUE
from bot.cli import app
from bot.settings import tree as settings
from bot.texts.sentences import voice

README = Path(__file__).parents[2] / "README.md"


def actions() -> str:
    """Every capability: what it is, how it is asked for, its Cedar action, whether it changes anything."""
    say = voice(None).say
    rows = [
        f"| {say(entry.title_key)} | {_command(entry.command)} | `{entry.action}` | {entry.effect} |"
        for entry in CATALOGUE
    ]
    return "\n".join(["| what | command | Cedar action | effect |", "|---|---|---|---|", *rows])


def _command(name: str) -> str:
    return f"`/doorward {name}`" if name else "on its page"


def help_text() -> str:
    """What `doorward --help` prints of its verbs."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="doorward")
    verbs = [(name, group.get_command(context, name)) for name in group.list_commands(context)]  # type: ignore[attr-defined]  # a group, as everybody can see
    rows = [f"| `doorward {name}` | {verb.get_short_help_str(120) if verb else ''} |" for name, verb in verbs]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def settings_table() -> str:
    """Every setting with its default."""
    rows = [f"| `{name}` | {_default(name)} |" for name in sorted(settings.names())]
    return "\n".join(["| setting | default |", "|---|---|", *rows])


def _default(name: str) -> str:
    model: type[BaseModel] = settings.Settings
    parts = [part.lower() for part in name.removeprefix(settings.PREFIX).split("__")]
    if parts[0] in settings.NAMED:
        model, parts = settings.NAMED[parts[0]], parts[2:]
    for part in parts[:-1]:
        annotation = model.model_fields[part].annotation
        groups = [item for item in (annotation, *getattr(annotation, "__args__", ())) if _is_group(item)]
        model = groups[0]
    found = model.model_fields[parts[-1]]
    if found.is_required():
        return "required"
    value = found.get_default(call_default_factory=True)
    shown = getattr(value, "get_secret_value", lambda: value)()
    return f"`{shown}`" if shown not in (None, "", (), {}) else ""


def _is_group(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, BaseModel)


TABLES: dict[str, Callable[[], str]] = {"actions": actions, "help": help_text, "settings": settings_table}


def with_tables(text: str) -> str:
    """The README as it has to be."""
    for name, table in TABLES.items():
        between = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        assert between.search(text), f"the README has no place for {name}"
        text = between.sub(lambda found, table=table: f"{found[1]}{table()}\n{found[2]}", text)  # type: ignore[misc]  # a closure over the loop
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
