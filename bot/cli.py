"""The command line: `doorward …`, the same as `python -m bot`. Data on stdout, talk on stderr, exit 0, 1 or 2."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from bot.errors import DoorwardError
from bot.settings import load

app = typer.Typer(
    name="doorward",
    help="The doorkeeper between a company's chat and its sensitive systems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def doorward() -> None:
    """The doorkeeper between a company's chat and its sensitive systems."""


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong on stderr, and stop."""
    typer.echo(f"doorward: {message}", err=True)
    raise typer.Exit(code)


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", show_default="8080")
    ] = None,
) -> None:
    """Run the demonstration: playground, provider and demo systems on this computer; nothing leaves it."""
    from bot.bootstrap.serving import run_demo

    try:
        run_demo(load(), port=port)
    except DoorwardError as error:
        fail(error.detail or error.code)


def main() -> None:
    """The entry point."""
    app(prog_name="doorward")


if __name__ == "__main__":
    main()
