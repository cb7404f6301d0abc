"""The pages in German: for whom the provider calls German, and for a browser that asks for it; and a third language."""

from __future__ import annotations

import re
import shutil
import string
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.texts.sentences import keys, voice
from tests.architecture.spoken import ROOT
from tests.architecture.test_texts import FLAT
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, directory, web_stage

ENOUGH = 18
"""Characters of a sentence that are no coincidence."""


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


def _pieces(text: str | dict[str, str]) -> list[str]:
    """What stands between the values of a sentence."""
    forms = text.values() if isinstance(text, dict) else [text]
    return [piece for form in forms for piece, *_ in string.Formatter().parse(form)]


GERMAN = "\n".join(piece for key in keys("de") for piece in _pieces(FLAT["de"][key]))
ENGLISH = {
    piece
    for key in keys("en")
    if key.startswith(("pages.", "web.", "consent.", "factors."))
    for piece in _pieces(FLAT["en"][key])
    if len(piece) >= ENOUGH and piece not in GERMAN
}


assert len(ENGLISH) > 300


def german(page: httpx2.Response) -> httpx2.Response:
    """The page, seen to be in German, whole."""
    assert '<html lang="de">' in page.text, page.text
    assert page.headers["content-language"] == "de"
    text = unescape(page.text)
    assert [piece for piece in ENGLISH if piece in text] == []
    return page


async def test_whom_the_provider_calls_german_reads_german_on_every_page(stage: Stage) -> None:
    def claims(given: dict[str, Any]) -> dict[str, Any]:
        return {**directory(given), "locale": "de-AT", "zoneinfo": "Europe/Vienna"}

    stage.provider.manners.claims = claims
    john = stage.browser()
    await stage.link(john, "john")
    first = german(await john.get(await stage.payslip_page("john")))
    shown = german(await john.press(first))
    assert "Richte Codes auf deinem Telefon ein" in shown.text
    stage.keep_seed("john", shown)
    wrong = german(await john.press(shown, code=stage.wrong_code("john"), decision="yes"))
    assert wrong.status_code == 422
    opened = german(await john.press(wrong, code=stage.code("john"), decision="yes"))
    assert "Schließt in" in opened.text
    assert "4.100,00" in opened.text or re.search(r"\d\.\d{3},\d\d", opened.text), "amounts as Germans write them"
    own = german(await john.get("/me"))
    assert "Sitzungen im Chat" in own.text
    assert re.search(r"(Jan|Feb|März|Apr|Mai|Juni|Juli|Aug|Sept|Okt|Nov|Dez)", own.text)
    factors = german(await john.get("/enrol"))
    made = german(await john.press(factors, change="recovery:"))
    assert "Mach" in made.text
    german(await john.get("/enrol/recover"))
    german(await john.press(await john.get("/signout")))


async def test_a_browser_that_asks_for_german_gets_it_before_anybody_is_known(stage: Stage) -> None:
    browser = stage.browser()
    browser.client.headers["accept-language"] = "fr-FR, de-CH;q=0.8, en;q=0.5"
    offered = german(await browser.get(await stage.offer("john")))
    assert "Melde dich mit deinem Firmenkonto an" in offered.text
    begun = await browser.press(offered)
    named = german(await browser.get(stage.at_company(await browser.get(stage.at_chat(begun, "john")), "john")))
    assert "Bist du beide?" in named.text
    german(await browser.press(named, decision="not_me"))
    for path in ("/consent/" + "x" * 32, "/nowhere"):
        assert german(await browser.get(path)).status_code in {200, 403, 404}
    german(await browser.post("/signin/start", {"ticket": "x" * 32}))


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE-de,en;q=0.1", "de"),
        ("en;q=0.2,de;q=0.9", "de"),
        ("de;q=0", "en"),
        ("de;q=x,en", "en"),
        ("../de,*", "en"),
        ("x" * 10_000 + ",de", "en"),
    ],
)
async def test_what_a_browser_asks_for(stage: Stage, asked: str, language: str) -> None:
    page = await stage.browser().get("/enrol", **{"accept-language": asked})
    assert f'<html lang="{language}">' in page.text


async def test_whom_the_provider_names_no_language_keeps_the_browsers(stage: Stage) -> None:
    john = stage.browser()
    john.client.headers["accept-language"] = "de"
    await stage.link(john, "john")
    assert stage.cards("john")[-1].headline == "Angemeldet als John Carver."
    await stage.say("john", "whoami")
    assert stage.cards("john")[-1].headline == "Du bist John Carver."


async def test_the_persons_own_language_goes_before_the_browsers(stage: Stage) -> None:
    john = stage.browser()
    await stage.link(john, "john")

    async def speaks(locale: str) -> str:
        identity = stage.identity("john")

        def work(tx: Any) -> None:
            tx.persons.save(replace(tx.persons.find(identity), locale=locale))

        await stage.database.write(work)
        page = await john.get("/enrol", **{"accept-language": "de"})
        return page.headers["content-language"]

    assert await speaks("en") == "en"
    assert await speaks("") == "de", "the provider does not say"


def test_a_third_language_is_one_file(tmp_path: Path) -> None:
    """A made-up French, every sentence in marks: pages and cards say nothing that is not out of that file."""
    for package in ("bot", "adapters"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    english = (ROOT / "bot" / "texts" / "en.toml").read_text(encoding="utf-8")
    marked = re.sub(r'^(\S.*? = )"((?:[^"\\]|\\.)*)"$', r'\1"⟦\2⟧"', english, flags=re.MULTILINE)
    (tmp_path / "bot" / "texts" / "fr.toml").write_text(marked, encoding="utf-8")
    done = _beside(tmp_path, "-m", "tests.functional.third_language")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "en, fr" in done.stdout
    assert voice("fr").language == "en", "and here there is no such file"
    _lacks_some(tmp_path, marked)


def _lacks_some(tmp_path: Path, marked: str) -> None:
    """A file that is not complete yet: what it has is said, the rest in English, and the check names it."""
    told = "from bot.bootstrap.shell_settings import checked; from bot.settings.tree import load; import datetime;"
    told += "found = checked(load({}), datetime.datetime.now(datetime.UTC));"
    told += "print([one.note for one in found if one.part == 'texts']);"
    told += "from bot.texts.sentences import voice; print(voice('fr').say('admin.search_audit.older'))"
    shutil.copytree(ROOT / "policy", tmp_path / "policy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "storage", tmp_path / "storage", ignore=shutil.ignore_patterns("__pycache__"))
    assert _beside(tmp_path, "-c", told).stdout == "[]\n⟦Older⟧\n"
    partial = marked.replace('older = "⟦Older⟧"\n', "")
    assert partial != marked
    (tmp_path / "bot" / "texts" / "fr.toml").write_text(partial, encoding="utf-8")
    said = _beside(tmp_path, "-c", told)
    lacking = "bot/texts/fr.toml lacks 1 sentence(s), which are in English: admin.search_audit.older"
    assert said.stdout == f"['{lacking}']\nOlder\n", said.stderr


def _beside(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
