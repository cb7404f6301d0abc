"""`docs/chat-session.md`, made from the policies: what an open chat session alone can do, and what takes a proof.

`python -m tests.architecture.chat_session` writes it; a test compares, and another lives it with a stolen session.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from bot.capabilities.catalogue import CATALOGUE
from bot.texts.sentences import voice
from policy.cedar import load
from policy.rules import Rule
from policy.sources import POLICIES

PAGE = Path(__file__).parents[2] / "docs" / "chat-session.md"

HEAD = """# What an open chat session can do

Made from the policies (`python -m tests.architecture.chat_session`). Whoever holds every token of a chat platform and
an open session of a person can do what stands under "alone" and "with a press", as that person, and nothing else
(`tests/security/test_stolen_session.py` does all of it with a stolen session). Nothing of it is confidential; what is,
opens on a page of ours, in a browser session of the same company account, after a proof.

Both together are the low tier of `policy/schema.cedarschema`, no more and no less; policies that permit anything else
without a proof are refused when they are loaded.

A proof by TOTP shows possession and can be relayed by a look-alike page; what says "a passkey" takes a proof that
cannot. A company raises a line by writing its own policy, and this page shows it then; it lowers one only by putting
the action into that tier too.
"""


class Takes(StrEnum):
    """What a permit wants besides the session."""

    NOTHING = "alone"
    PRESS = "with a press"
    PROOF = "a code, a passkey or the provider"
    STRONG = "a passkey, or a provider's phishing-resistant sign-in"


def takes(rule: Rule) -> Takes:
    """What one permit wants."""
    if rule.takes_proof:
        return Takes.STRONG if "context.proof.phishing_resistant" in _text(rule) else Takes.PROOF
    return Takes.PRESS if rule.obligations.confirm else Takes.NOTHING


def _text(rule: Rule) -> str:
    """The policy as it is written."""
    for file in sorted(POLICIES.glob("*.cedar")):
        for block in re.split(r"(?=@id\()", file.read_text(encoding="utf-8")):
            if block.startswith(f'@id("{rule.id}")'):
                return re.sub(r"//.*", "", block)
    raise KeyError(rule.id)


def without_proof(roles: frozenset[str]) -> set[str]:
    """The Cedar actions of capabilities that some permit gives to these roles without a proof."""
    engine = load(POLICIES)
    return {
        entry.action
        for entry in CATALOGUE
        for rule in engine.rules_for(entry.action)
        if rule.permits and not rule.takes_proof and (rule.role is None or rule.role in roles)
    }


def page() -> str:
    """The page as it has to be."""
    engine, say = load(POLICIES), voice(None).say
    rows: dict[Takes, list[str]] = {kind: [] for kind in Takes}
    for entry in CATALOGUE:
        for rule in engine.rules_for(entry.action):
            if rule.permits:
                row = f"| {say(entry.title_key)} | `{entry.action}` | {rule.role or 'everybody'} | `{rule.id}` |"
                rows[takes(rule)].append(row)
    parts = [HEAD]
    for kind, lines in rows.items():
        parts.append(f"\n## {kind.capitalize()}\n\n| what | Cedar action | who | policy |\n|---|---|---|---|")
        parts += lines
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
