"""Days in a sentence: finds the expressions and their range; what a day is called is dateparser's matter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from dateparser.date import DateDataParser

CHARACTERS_READ = 400
_FAR = timedelta(days=3 * 366)
_LONGEST = timedelta(days=183)
"""A range without years that comes out longer than half a year was meant backwards."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner",
            "february feb februar",
            "march mar märz maerz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sept sep",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH_NAMES = {number: name for name, number in reversed(_MONTHS.items())}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thu(?:rs?)?|fri|"
    "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag"
)
_NUMBER_WORDS = {
    word: number
    for number, words in enumerate((
            "one a an ein eine einer einem",
            "two zwei",
            "three drei",
            "four vier",
            "five fünf",
            "six sechs",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_COUNT = r"(?:\d{1,2}|" + "|".join(_NUMBER_WORDS) + ")"

_DAY = re.compile(
    rf"""(?<![\w.])(?:
    (?P<iso>\d{{4}}-\d{{1,2}}-\d{{1,2}})
  | (?P<numeric>\d{{1,2}}(?P<mark>[./])\d{{1,2}}(?:(?P=mark)(?:\d{{4}}|\d{{2}})?)?)(?![\d/])
  | (?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\ ?(?:of\ |-)?(?P<month>{_MONTH})\b\.?(?:,?\ (?P<year>\d{{4}}))?
  | (?P<month2>{_MONTH})\.?\ (?:the\ )?(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?![\d.:])(?:,?\ (?P<year2>\d{{4}}))?
  | (?P<relative>day\ after\ tomorrow|day\ before\ yesterday|today|tonight|tomorrow|yesterday
      |heute|übermorgen|vorgestern|gestern|(?<!am\ )morgen)(?=\b|nachmittag|vormittag)
  | in\ (?P<ahead>{_COUNT})\ (?P<unit>days?|weeks?|tagen?|wochen?)\b
  | (?P<which>(?:next|this|coming|last|past|(?:nächste|kommende|diese|letzte|vergangene)[nrms]?)\ )?
      (?P<weekday>{_WEEKDAYS})s?(?=\b|nachmittag|vormittag|morgen)
  | (?<![a-z]-)(?P<bare>\d{{1,2}})(?P<ordinal>st|nd|rd|th|\.)?(?![\w:%€$/-]|[.,]\d)
    )""",
    re.VERBOSE,
)  # fmt: skip
_BETWEEN = re.compile(
    r"(?:nachmittag|vormittag|morgen)?[ ,]*"
    r"(?P<word>up to|to|until|till|til|through|thru|bis(?: zum| zu| einschliesslich)?|and|und|&|-|–|—)[ ]*"
    r"(?:on |am )?(?:the |zum |den |dem )?"
)
_PLURAL_AND = frozenset({"and", "und", "&"})
_FROM = re.compile(r"(?:\bbetween|\bzwischen)(?: the| dem)? *$")
_PAST = re.compile(r"\b(?:was|were|have been|had|war|waren|hatte|last|letzte\w*|past|vergangene\w*)\b")
_CHRISTMAS_WEEK = re.compile(
    r"\bchristmas week\b|\bweek of christmas\b|\bweihnachtswoche\b|\bwoche (?:um|von|über) weihnachten\b"
)
_WEEK = re.compile(
    r"\b(?:(?P<next>next week|nächste[rn]? woche|kommende[rn]? woche)|this week|diese[rn]? woche|rest of the week)\b"
)
_LENGTH = re.compile(
    rf"\b(?P<count>{_COUNT}) (?P<unit>days?|weeks?|tage?|wochen?)\b[^.;]{{0,40}}?"
    r"\b(?:from|starting|beginning|as of|ab|von)\b"
)


class DaysProblem(StrEnum):
    """Why a sentence gives no days."""

    NONE = "none"
    UNCLEAR = "unclear"
    BACKWARDS = "backwards"


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A range of days, both ends included."""

    start: date
    end: date


def days_in(text: str, *, today: date, locale: str) -> Days | DaysProblem:
    """The days a sentence speaks of, relative to `today`; or why there are none."""
    plain = re.sub(r"\s+", " ", text[:CHARACTERS_READ].casefold().replace("ß", "ss")).strip()
    return _Reader(today=today, locale=locale, past=bool(_PAST.search(plain))).read(plain)


def warm() -> None:
    """Have the library load its languages now, which takes a tenth of a second, and not at the first request."""
    for text in ("1 january", "1. dezember", "morgen"):
        days_in(text, today=date(2000, 1, 1), locale="en")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    today: date
    locale: str
    past: bool

    def read(self, plain: str) -> Days | DaysProblem:
        if _CHRISTMAS_WEEK.search(plain):
            christmas = date(self.today.year, 12, 25)
            return _working_week(christmas if self.today <= christmas else date(self.today.year + 1, 12, 25))
        found = self._expressions(plain)
        if not found:
            return self._week(plain)
        length = _LENGTH.search(plain)
        if length is not None and len(found) == 1:
            return self._counted(length, found[0])
        return self._range(plain, found)

    def _week(self, plain: str) -> Days | DaysProblem:
        week = _WEEK.search(plain)
        if week is None:
            return DaysProblem.NONE
        if week["next"]:
            return _working_week(self.today + timedelta(days=7))
        this = _working_week(self.today)
        return Days(start=self.today, end=this.end) if self.today <= this.end else DaysProblem.UNCLEAR

    def _expressions(self, plain: str) -> list[re.Match[str]]:
        """Expressions of days in order; a bare number counts as one only in a range, or written as an ordinal."""
        found = list(_DAY.finditer(plain))
        kept = [match for at, match in enumerate(found) if not match["bare"] or _stands(plain, found, at)]
        lengths = [match.span() for match in _LENGTH.finditer(plain)]
        days = [match for match in kept if not any(at <= match.start() < end for at, end in lengths)]
        # "Freitag morgen" is a morning, not the day after today.
        return [
            match
            for at, match in enumerate(days)
            if not (
                at and match["relative"] == "morgen" and days[at - 1]["weekday"] and _touch(plain, days[at - 1], match)
            )
        ]

    def _counted(self, length: re.Match[str], first: re.Match[str]) -> Days | DaysProblem:
        start = self._day(first, self.today)
        if start is None:
            return DaysProblem.UNCLEAR
        weeks = length["unit"].startswith(("week", "woche"))
        return Days(start=start, end=start + timedelta(days=_number(length["count"]) * (7 if weeks else 1) - 1))

    def _range(self, plain: str, found: list[re.Match[str]]) -> Days | DaysProblem:
        first = found[0]
        if len(found) == 1:
            day = self._day(first, self.today)
            return DaysProblem.UNCLEAR if day is None else Days(start=day, end=day)
        second = found[1]
        between = _BETWEEN.fullmatch(plain, first.end(), second.start())
        listed = first["iso"] and second["iso"] and not plain[first.end() : second.start()].strip()
        if len(found) > 2 or (between is None and not listed):
            return DaysProblem.UNCLEAR
        days = self._ends(first, second)
        joined = between is not None and between["word"] in _PLURAL_AND and not _FROM.search(plain, 0, first.start())
        if joined and isinstance(days, Days) and (days.end - days.start).days != 1:
            return DaysProblem.UNCLEAR
        return days

    def _ends(self, first: re.Match[str], second: re.Match[str]) -> Days | DaysProblem:
        if first["bare"] and not second["bare"]:
            end = self._day(second, self.today)
            start = None if end is None else _with_day(end, int(first["bare"]))
        else:
            start = self._day(first, self.today)
            end = None if start is None else self._later(second, start)
        if start is None or end is None:
            return DaysProblem.UNCLEAR
        # Without years, "23 to 21 December" would otherwise be a leave of a year.
        dated = second["iso"] or second["year"] or second["year2"] or (second["numeric"] and _years(second["numeric"]))
        if end < start or (not dated and end - start > _LONGEST):
            return DaysProblem.BACKWARDS
        return Days(start=start, end=end)

    def _later(self, second: re.Match[str], start: date) -> date | None:
        if second["bare"]:
            return _with_day(start, int(second["bare"]))
        if second["relative"] or second["ahead"]:
            return self._day(second, self.today)
        # The day before, since "future" excludes the day itself and "Monday to Monday" would be a week.
        return self._parsed(self._named(second), start - timedelta(days=1), past=False)

    def _day(self, match: re.Match[str], base: date) -> date | None:
        if match["bare"]:
            return _next_with_day(base, int(match["bare"]))
        last = (match["which"] or "").startswith(("last", "past", "letzte", "vergangene"))
        return self._parsed(self._named(match), base, past=self.past or last)

    def _named(self, match: re.Match[str]) -> str:
        """The expression in the one form that dateparser cannot take for anything else."""
        if match["numeric"]:
            return self._numeric(match["numeric"])
        if match["month"] or match["month2"]:
            month = _MONTH_NAMES[_MONTHS[match["month"] or match["month2"]]]
            return f"{match['day'] or match['day2']} {month} {match['year'] or match['year2'] or ''}".strip()
        if match["ahead"]:
            weeks = match["unit"].startswith(("week", "woche"))
            return f"in {_number(match['ahead']) * (7 if weeks else 1)} days"
        if match["relative"]:
            return "today" if match["relative"] == "tonight" else match["relative"]
        return str(match["iso"] or match["weekday"])

    def _numeric(self, written: str) -> str:
        first, second, *rest = [part for part in re.split(r"[./]", written) if part]
        american = "/" in written and self.locale.replace("_", "-").casefold() == "en-us"
        day, month = (int(second), int(first)) if american else (int(first), int(second))
        if not 1 <= month <= 12:
            return ""
        year = f"20{rest[0]}" if rest and len(rest[0]) == 2 else "".join(rest)
        return f"{day} {_MONTH_NAMES[month]} {year}".strip()

    def _parsed(self, named: str, base: date, *, past: bool) -> date | None:
        if not named:
            return None
        parser = DateDataParser(
            languages=["en", "de"],
            settings={
                "PREFER_DATES_FROM": "past" if past else "future",
                "RELATIVE_BASE": datetime.combine(base, time()),
                "DATE_ORDER": "YMD" if named[:4].isdigit() else "DMY",
                "PARSERS": ["relative-time", "absolute-time"],
            },
        )
        parsed = parser.get_date_data(named).date_obj
        return parsed.date() if parsed is not None and abs(parsed.date() - self.today) <= _FAR else None


def _stands(plain: str, found: list[re.Match[str]], at: int) -> bool:
    match = found[at]
    if match["ordinal"]:
        return True
    neighbours = ((found[at - 1], match) if at else None, (match, found[at + 1]) if at + 1 < len(found) else None)
    return any(pair and _BETWEEN.fullmatch(plain, pair[0].end(), pair[1].start()) for pair in neighbours)


def _touch(plain: str, left: re.Match[str], right: re.Match[str]) -> bool:
    return not plain[left.end() : right.start()].strip()


def _years(numeric: str) -> bool:
    return len([part for part in re.split(r"[./]", numeric) if part]) == 3


def _working_week(day: date) -> Days:
    monday = day - timedelta(days=day.weekday())
    return Days(start=monday, end=monday + timedelta(days=4))


def _with_day(day: date, number: int) -> date | None:
    try:
        return day.replace(day=number)
    except ValueError:
        return None


def _next_with_day(base: date, number: int) -> date | None:
    """The next day of that number in this month or one that follows."""
    if not 1 <= number <= 31:
        return None
    month = base.replace(day=1)
    for _ in range(4):
        day = _with_day(month, number)
        if day is not None and day >= base:
            return day
        month = (month + timedelta(days=32)).replace(day=1)
    return None


def _number(written: str) -> int:
    return int(written) if written.isdigit() else _NUMBER_WORDS[written]
