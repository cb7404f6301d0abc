"""Names, numbers and kinds in a sentence: who, which customer, ticket, leave or month, and which role or state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from bot.domain.identity import Role
from bot.understanding.features import lexicon

NAME_LONGEST = 80

_TOKEN = re.compile(r"[^\s,;:!?\"“”„()<>]+")
_POSSESSIVE = re.compile(r"(?<![\w@.-])@?([^\W\d_][\w.-]*)(?:['’]s|s['’])(?!\w)")
_OF = re.compile(
    r"\b(?:of|for|von|für|fuer|user|benutzer|person|employee|mitarbeiter|mitarbeiterin)\s+@?([^\W\d_][\w.@+-]*)",
    re.IGNORECASE,
)
_MENTION = re.compile(r"(?<!\w)@([^\W\d_][\w.+-]*)")

_MONTH_NAMES = (
    "january januar", "february februar", "march märz maerz", "april", "may mai", "june juni", "july juli", "august",
    "september", "october oktober", "november", "december dezember",
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}
_MONTH_ISO = re.compile(r"(?<!\d)(\d{4})-(0[1-9]|1[0-2])(?![\d-])")
_MONTH_SLASH = re.compile(r"(?<![\d/.])(0?[1-9]|1[0-2])[/.](\d{4})(?!\d)")
_MONTH_NAMED = re.compile(rf"\b({'|'.join(_MONTHS)})\b(?:['’]s)?(?:\s+(\d{{4}}))?", re.IGNORECASE)
_MAY_ASKS = re.compile(r"\bmay\s+(?:i|we|he|she|they|you|[a-z]+\s+(?:see|view|open|have))\b", re.IGNORECASE)

_REFERENCE = re.compile(r"(?<![\w-])([A-Za-z]{1,5}-\d[\w-]{0,30})(?![\w-])")
_TICKET = re.compile(
    r"\b(?:ticket|tikcet|case|fall|nummer|number|nr\.?|no\.?)\s*#?\s*(\d{1,12})\b|#(\d{1,12})\b", re.IGNORECASE
)
_LEAVE = re.compile(
    r"(?:\b(?:leave|vacation|holiday|request|urlaub\w*|\w*antrag\w*|number|nummer|nr\.?|no\.?)\s*#?\s*|#)(\d{1,12})\b"
    r"(?![.:/-]?\d|\.|(?:st|nd|rd|th)\b|\s*(?:to|until|bis|-|–|of|days?|tage?|weeks?|wochen?|"
    rf"{'|'.join(_MONTHS)})\b)",
    re.IGNORECASE,
)
_ROLES: tuple[tuple[re.Pattern[str], Role], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), role)
    for pattern, role in (
        (r"\bline[ _-]?manager|\bführungskr\w+|\bvorgesetzte\w*|\bteamleit\w+", Role.LINE_MANAGER),
        (r"\bhr[ _-]?manager\w*|\bpersonalmanager\w*|\bpersonalleit\w+", Role.HR_MANAGER),
        (r"\bsupport[ _-]?rep\w*|\bsupport-?(?:role|rolle|mitarbeiter\w*)\b", Role.SUPPORT_REP),
        (r"\badmin(?:istrator\w*|rolle|rechte\w*|s)?\b", Role.ADMINISTRATOR),
        (r"\bauditor\w*", Role.AUDITOR),
        (r"\bemployee\b|\bmitarbeiterrolle\b", Role.EMPLOYEE),
    )
)
_EVERYWHERE = re.compile(
    r"(?<!\S)\*(?!\S)|\ball departments\b|\beverywhere\b|\balle abteilungen\b|\büberall\b", re.IGNORECASE
)
_SCOPE = re.compile(
    r"\b(?:in|for|für|of|im)\s+(?:the\s+|der\s+)?(?:department\s+|abteilung\s+)?([^\W\d_]\w+)\s*(?:department)?\W*$",
    re.IGNORECASE,
)
_STATUSES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), status)
    for pattern, status in (
        (r"\bin(?:[ _-]progress| (?:be)?arbeit(?:ung)?)\b|\b(?:start work|work(?:ing)? on|arbeite?)\b", "IN_PROGRESS"),
        (r"\bon[ _-]?hold\b|\bpaus\w+|\bzurück(?:stell\w+|gestellt)|\bwartend\b", "ON_HOLD"),
        (r"\breopen\w*|\bwieder (?:öffnen|auf)|\bre-open\w*|\bagain\b|\berneut\b|\bwieder\b", "OPEN"),
        (
            (
                r"\bclos\w+|\bclsoe\b|\bresolv\w+|\bsolved\b|\bdone\b|\bfinish\w*|\bcomplete\w*"
                r"|\b(?:ab)?schlie(?:ß|ss|s)\w*|\b(?:geschlossen|erledigt|gelöst|löse|zumachen|fertig)\b"
            ),
            "CLOSED",
        ),
        (r"\bopen\b|\boffen\b", "OPEN"),
    )
)  # fmt: skip
_SICK = re.compile(r"\bsick\w*|\bill\b|\bfever\b|\bflu\b|\bkrank\w*|\bfieber\b", re.IGNORECASE)
_UNPAID = re.compile(r"\bunpaid\b|\bunbezahlt\w*", re.IGNORECASE)
_MORNING = re.compile(r"\bmorning\b|\w*vormittag\w*|\bam morgen\b|\bfrüh\b|(?:tag|woch) ?morgen\b", re.IGNORECASE)
_AFTERNOON = re.compile(r"\bafternoon\b|\w*nachmittag\w*", re.IGNORECASE)
_HALF = re.compile(r"\bhalf (?:a |of )?(?:the )?day\b|\bhalf[ -]day\b|\bhalbe[nrs]? tag\b|\bhalbtags\b", re.IGNORECASE)
_REASON = re.compile(r"\b(?:because(?: of)?|since|reason:?|weil|wegen|grund:?|aus)\s+(.{1,200})$", re.IGNORECASE)
_CAPITAL = re.compile(r"[A-ZÄÖÜ]")
_SURNAME = re.compile(r"\s+([A-ZÄÖÜ][\w-]+)")


def may_be_name(word: str) -> bool:
    """Whether a word can name somebody: no function word, month or number."""
    return word.casefold() not in lexicon().not_people and word.casefold() not in _MONTHS and not word.isdigit()


def unknown_words(text: str, vocabulary: frozenset[str]) -> list[str]:
    """Words that mean nothing here, in order: most likely names."""
    return [word for word in _bare_words(text) if _is_unknown(word, vocabulary)]


def _bare_words(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        word = re.sub(r"['’]s?$", "", match.group().strip(".'’`*_")).removeprefix("@")
        if word and not word[0].isdigit() and not _REFERENCE.fullmatch(word):
            yield word


def _is_unknown(word: str, vocabulary: frozenset[str]) -> bool:
    low = word.casefold()
    return may_be_name(word) and low not in vocabulary and lexicon().concept(low) is None and not _is_role(low)


def _is_role(word: str) -> bool:
    return any(pattern.fullmatch(word) for pattern, _ in _ROLES)


def person(text: str, vocabulary: frozenset[str], *, guess: bool) -> str:
    """Who is named: `sarah's`, `of sarah`, `Sarahs …`, a mention; with `guess`, the one word without a meaning."""
    mention = _MENTION.search(text)
    if mention is not None:
        return mention[1].rstrip(".")
    for pattern in (_POSSESSIVE, _OF):
        for match in pattern.finditer(text):
            if (
                may_be_name(match[1])
                and not _is_role(match[1])
                and (pattern is _POSSESSIVE or _may_be_person(match[1]))
            ):
                return _with_surname(text, match)
    genitive = _genitive(text, vocabulary)
    if genitive or not guess:
        return genitive
    unknown = list(dict.fromkeys(unknown_words(text, vocabulary)))
    return unknown[0] if len(unknown) == 1 else ""


def _may_be_person(word: str) -> bool:
    concept = lexicon().concept(word.casefold())
    return concept is None or bool(_CAPITAL.match(word))


def _with_surname(text: str, match: re.Match[str]) -> str:
    first = match[1].rstrip(".")
    following = _SURNAME.match(text, match.end(1))
    joined = bool(following and _CAPITAL.match(first) and lexicon().concept(following[1].casefold()) is None)
    return f"{first} {following[1]}" if joined and following and may_be_name(following[1]) else first


def _genitive(text: str, vocabulary: frozenset[str]) -> str:
    """German `Sarahs Gehaltsabrechnung`: an unknown word ending in s before a word that means something."""
    words = list(_bare_words(text))
    for word, following in pairwise(words):
        if (
            len(word) > 3
            and word.endswith("s")
            and _is_unknown(word, vocabulary)
            and lexicon().concept(following.casefold())
        ):
            return word[:-1]
    return ""


def month(text: str, today: date) -> str:
    """The month spoken of as `YYYY-MM`, never one to come where no year is named; empty where none is."""
    iso, slash = _MONTH_ISO.search(text), _MONTH_SLASH.search(text)
    if iso is not None:
        return f"{iso[1]}-{iso[2]}"
    if slash is not None:
        return f"{slash[2]}-{int(slash[1]):02}"
    if re.search(r"\blast months?\b|\bletzte[nrms]? monats?\b|\bvormonat", text, re.IGNORECASE):
        before = today.replace(day=1) - timedelta(days=1)
        return f"{before:%Y-%m}"
    if re.search(r"\bthis month\b|\bdiese[nms] monats?\b", text, re.IGNORECASE):
        return f"{today:%Y-%m}"
    named = _MONTH_NAMED.search(_MAY_ASKS.sub(" ", text))
    if named is None:
        return ""
    number = _MONTHS[named[1].casefold()]
    return f"{named[2] or (today.year if number <= today.month else today.year - 1)}-{number:02}"


def ticket(text: str) -> str:
    """A ticket's number as typed, `T-1004` or `1004`."""
    return _first(_REFERENCE, text) or _first(_TICKET, text)


def leave(text: str) -> str:
    """A leave request's id as typed."""
    return _first(_REFERENCE, text) or _first(_LEAVE, text)


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return "" if match is None else next(group for group in match.groups() if group)


def role(text: str) -> str:
    """The role named, in the policy's words."""
    return next((str(role) for pattern, role in _ROLES if pattern.search(text)), "")


def scope(text: str) -> str:
    """The department a role is meant for, `*` for all, empty where none is named."""
    if _EVERYWHERE.search(text):
        return "*"
    named = _SCOPE.search(text.strip())
    return named[1] if named and may_be_name(named[1]) and not _is_role(named[1]) else ""


def status(text: str) -> str:
    """The state a ticket is to have."""
    return next((status for pattern, status in _STATUSES if pattern.search(text)), "")


def leave_type(text: str) -> str:
    """The kind of leave: sick, unpaid, or paid where nothing else is said."""
    return "sick" if _SICK.search(text) else "unpaid" if _UNPAID.search(text) else "paid"


def portion(text: str) -> str:
    """Full, morning or afternoon; empty where half a day is wanted without saying which half."""
    if _AFTERNOON.search(text):
        return "afternoon"
    if _MORNING.search(text):
        return "morning"
    return "" if _HALF.search(text) else "full"


def reason(text: str) -> str:
    """The reason given for a lock, as typed."""
    match = _REASON.search(text.strip())
    return "" if match is None else match[1].strip()
