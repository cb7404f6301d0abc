"""`python -m bot` is `doorward`."""

from bot.cli import main

main()
