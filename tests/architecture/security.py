"""`docs/security.md`, made from the requirements and the tests that are marked with them.

`python -m tests.architecture.security` writes it, and `docs/chat-session.md` with it; a test compares.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.architecture import chat_session

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
REQUIREMENTS = Path(__file__).with_name("requirements.toml")
SHOWN = 3
"""Files named in a row of the table; the rest are counted."""

HEAD = """# Security requirements, and the tests that prove them

Made from the marks in the tests (`python -m tests.architecture.security`); a row without a test is not proven.

Sources: A = OWASP ASVS 5.0.0; N = NIST SP 800-63B-4; T = RFC 6238; H = RFC 4226; O = RFC 9700; R = RFC 7009;
I = RFC 7662; L = OWASP LLM Top 10 2025; AG = OWASP Agentic Top 10; AIA, CS-… = OWASP cheat sheets;
S = Slack's request verification; B = Bot Connector authentication; M = measured; E = engineering rule.

A thief with every chat token and an open session gets what the policy lets a session do without a proof, and no more:
[that list](chat-session.md) is made from the policies, and a test does all of it with a stolen session. Nothing
confidential is among it.

A database administrator can do what deleting does, and no more: rows they make or edit are refused, whoever is
locked stays out whatever is deleted of them, and no code gets more tries ([how](sessions.md#what-deleting-rows-gives)).
Without a witness elsewhere two things remain. Emptying the whole installation, audit log and all, makes it a new one; a
checkpoint kept elsewhere contradicts that. Putting older rows back that we wrote ourselves is believed until
`doorward audit verify --state` names them, and, if the log is put back too, until a checkpoint is compared. Whoever
writes the log anew makes its chain fit; `doorward audit verify` therefore also compares what was shown, proven, begun
and done.

## Tests of the tests

138 guards behind rows 34, 38, 47, 57 and 61 were taken out or weakened one at a time (a check gone or inverted, `<`
made `<=`, no MAC, no count, nothing spent), and the tests near them run (24 November 2026):

| row | guards | a test fails without | not seen to |
|---|---|---|---|
| 34 | 18 | 15 | 3 |
| 38 | 24 | 19 | 5 |
| 47 | 32 | 30 | 2 |
| 57 | 31 | 21 | 10 |
| 61 | 33 | 32 | 1 |

Not seen to: no test near them failed, which may be another guard behind them or a test that is missing. Of row 57 they
are the weighing anew of approvals, one person or authority counted twice, and the days of a substitute.
"""


def marks() -> dict[str, set[str]]:
    """Which files prove a requirement."""
    proven: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for row in _rows(ast.parse(path.read_text(encoding="utf-8"))):
            proven[row].add(str(path.relative_to(ROOT)))
    return proven


def _rows(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def page() -> str:
    """The page as it has to be."""
    proven = marks()
    lines, section = [HEAD], ""
    for number, row in tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8")).items():
        if row["section"] != section:
            section = row["section"]
            lines.append(f"\n## {section}\n\n| # | level | requirement | source | proven by |\n|---|---|---|---|---|")
        files = sorted(proven.get(number, ()))
        more = f", and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        by = ", ".join(f"`{name}`" for name in files[:SHOWN]) + more if files else "not proven yet"
        lines.append(f"| {number} | {row['level']} | {row['text']} | {row['source']} | {by} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    chat_session.PAGE.write_text(chat_session.page(), encoding="utf-8")
