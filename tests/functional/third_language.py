"""Run beside a copy of the program that has one more file of texts, `fr`: is every word of every page out of it?"""

from __future__ import annotations

import re
import sys

from adapters.web.templating import TEMPLATES, page_environment
from bot.texts.sentences import keys, languages, voice
from tests.architecture.page_words import words_in
from tests.functional.browser.test_pages import PAGES


def foreign() -> dict[str, list[str]]:
    """By page, the words that are neither in the marks of the third language nor values of the page."""
    found = {}
    for name, (template, values) in PAGES.items():
        page = page_environment("fr").get_template(template).render(values)
        given = set(re.findall(r"[^\W\d_]{2,}", repr(values)))
        words = [word for word in words_in(re.sub(r"⟦[^⟧]*⟧", "", page)) if word not in {*given, "Doorward"}]
        if words or '<html lang="fr">' not in page:
            found[name] = words
    return found


def main() -> int:
    """0 where nothing is foreign."""
    sys.stdout.write(f"{', '.join(languages())} {TEMPLATES}\n")
    assert voice("fr-CA").language == "fr"
    assert keys("fr") == keys("en")
    assert voice("fr").say("pages.factors.recovery_left", count=1).startswith("⟦")
    found = foreign()
    sys.stdout.write(f"{found}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
