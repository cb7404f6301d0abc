"""Turns what somebody typed into an `Intent`, or a question back: rules first, then the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel

from bot.domain import audit_query
from bot.domain.intent import Intent, Origin, Question
from bot.domain.typed_code import is_code
from bot.understanding import classifier, commands, dates, own_requests, rules, standing_in
from bot.understanding.evidence import speaks_for
from bot.understanding.slots import ASKS, NEEDED, Arguments, Filled, Sentence, fill
from bot.understanding.tools import ProposalRefused, ProposedCall, Tools

CHARACTERS_LARGEST = 2_000
"""A request fits in there many times; what is longer is not read at all."""

SURE_TO_READ = 0.60
SURE_TO_WRITE = 0.70
OWN_WRITES = frozenset({"request_leave", "withdraw_leave", "sign_out"})
"""Changes to what is one's own, shown before they are made and undone with a word: as sure as for reading will do."""
MARGIN = 0.20
WORTH_OFFERING = 0.08
WORDS_OF_A_COMMAND = 4
"""What is longer is no misspelt command."""
OFFERED = 3
_TALK_TITLES = {
    "help": "understanding.title_help",
    "sign_in": "understanding.title_sign_in",
    "start": "start.button",
}
_STARTERS = ("leave_balance", "request_leave", "view_payslip", "help")


class Understanding:
    """Understands sentences and commands. Pure: the day is passed in, nothing is kept and nothing logged."""

    def __init__(
        self,
        *,
        arguments: Mapping[str, type[BaseModel]],
        writes: frozenset[str],
        titles: Mapping[str, str],
        model: classifier.Model | None = None,
    ) -> None:
        """`arguments` and `titles` (text keys of buttons) by capability; `writes` names those that change anything."""
        self._tools = Tools(arguments)
        self._writes = writes
        self._titles = {**_TALK_TITLES, **titles}
        self._model = model or classifier.packaged()
        dates.warm()

    def understand(self, text: str, *, today: date, locale: str, is_command: bool) -> Intent | Question:
        """The intent of a sentence or command, or a question back. Raises nothing, whatever the text."""
        if is_code(text):
            return Question(text_key="understanding.code_in_chat")
        if len(text) > CHARACTERS_LARGEST:
            return Question(text_key="understanding.too_long", choices=self._choices(("help",)))
        line, slashed = commands.without_prefix(text)
        if not line:
            return self._question_or_help(is_command=is_command or slashed)
        sentence = self._sentence(line, today, locale)
        return self._by_rule(line, sentence, is_command=is_command or slashed) or self._by_guess_or_near(line, sentence)

    def resume(self, partial: Intent, missing: str, text: str, *, today: date, locale: str) -> Intent | Question | None:
        """An earlier question's `partial` with what `text` supplies; None where the text says something else."""
        if is_code(text):
            return Question(text_key="understanding.code_in_chat")
        if len(text) > CHARACTERS_LARGEST or not self._tools.known(partial.capability):
            return None
        if rules.fixed(text) in rules.NEVER_MIND:
            return Question(text_key="understanding.dropped")
        sentence = self._sentence(text.strip(), today, locale)
        supplied = self._supplied(partial.capability, missing, sentence)
        if not supplied.arguments.keys() & {missing} and not supplied.ask:
            return None
        # What is understood already stays, unless the answer speaks of the very thing that was asked for.
        answers = _ANSWERS.get(missing, (missing,))
        kept = {**partial.arguments, **{name: value for name, value in supplied.arguments.items() if name in answers}}
        again = Filled(arguments=kept)
        if supplied.missing not in kept:
            again = Filled(arguments=kept, ask=supplied.ask, missing=supplied.missing)
        return self._settled(partial.capability, again, partial.origin)

    def complete(self, intent: Intent) -> Intent | Question:
        """A pressed choice: the intent itself, checked again, or the question for what it lacks."""
        return self._settled(intent.capability, Filled(arguments=dict(intent.arguments)), intent.origin)

    def propose(self, call: ProposedCall) -> Intent | Question:
        """What a language model proposed, checked like everything else. Raises `ProposalRefused`."""
        self._tools.partial(call, Origin.MODEL)
        return self._settled(call.capability, Filled(arguments=dict(call.arguments)), Origin.MODEL)

    def _sentence(self, line: str, today: date, locale: str) -> Sentence:
        return Sentence(text=line, today=today, locale=locale, vocabulary=self._model.vocabulary)

    def _by_rule(self, line: str, sentence: Sentence, *, is_command: bool) -> Intent | Question | None:
        called = rules.command(line, sentence, is_command=is_command)
        if called is not None and self._tools.known(called.capability):
            return self._settled(called.capability, called.filled, Origin.COMMAND if is_command else Origin.RULE)
        phrase = rules.fixed(line)
        if phrase in rules.GREETINGS or phrase in rules.THANKS:
            key = "understanding.greeting" if phrase in rules.GREETINGS else "understanding.thanks"
            return Question(text_key=key, choices=self._choices(_STARTERS))
        meant = rules.phrase(line)
        if meant is not None and self._tools.known(meant.capability):
            return self._settled(meant.capability, fill(meant.capability, sentence), Origin.RULE)
        named = (
            standing_in.named(line, sentence) or own_requests.meant(line, sentence) or own_requests.bank_account(line)
        )
        if named is not None and self._tools.known(named.capability):
            return self._settled(named.capability, named.filled, Origin.RULE)
        return self._nearest(line, sentence, is_command=True) if is_command else None

    def _nearest(self, line: str, sentence: Sentence, *, is_command: bool) -> Question | None:
        if len(line.split()) > WORDS_OF_A_COMMAND:
            return None
        near = [
            (words, called)
            for words, called in commands.nearest(line, sentence, is_command=is_command)
            if self._tools.known(called.capability)
        ]
        first = {called.capability: called.filled.arguments for _, called in reversed(near)}
        offers = tuple(
            (self._titles.get(name, name), offer)
            for name, arguments in reversed(first.items())
            if (offer := self._offer(name, arguments, Origin.COMMAND)) is not None
        )
        if not offers:
            return None
        return Question(text_key="understanding.command_unknown", values={"nearest": near[0][0]}, choices=offers)

    def _by_guess_or_near(self, line: str, sentence: Sentence) -> Intent | Question:
        """A misspelt command is named, where no sentence is understood either."""
        guessed = self._by_guess(line, sentence)
        near = self._nearest(line, sentence, is_command=False) if isinstance(guessed, Question) else None
        return near or guessed

    def _by_guess(self, line: str, sentence: Sentence) -> Intent | Question:
        guesses = [
            guess
            for guess in self._model.rank(line)
            if guess.capability == classifier.OTHER or self._tools.known(guess.capability)
        ]
        best, second = guesses[0], guesses[1]
        if best.capability == classifier.OTHER and best.probability >= SURE_TO_READ:
            return Question(text_key="understanding.unknown", choices=self._choices(_STARTERS))
        if not self._sure(best, second, line):
            return self._did_you_mean(guesses, sentence)
        return self._settled(best.capability, fill(best.capability, sentence), Origin.CLASSIFIER)

    def _sure(self, best: classifier.Guess, second: classifier.Guess, line: str) -> bool:
        if best.capability == classifier.OTHER or best.probability - second.probability < MARGIN:
            return False
        if best.capability not in self._writes:
            return best.probability >= SURE_TO_READ
        needed = SURE_TO_READ if best.capability in OWN_WRITES else SURE_TO_WRITE
        return best.probability >= needed and speaks_for(best.capability, line)

    def _did_you_mean(self, guesses: list[classifier.Guess], sentence: Sentence) -> Question:
        likely = [
            guess.capability
            for guess in guesses
            if guess.capability != classifier.OTHER and guess.probability >= WORTH_OFFERING
        ][:OFFERED]
        offers = tuple(
            (self._titles.get(name, name), offer)
            for name in likely
            if (offer := self._offer(name, _certain(fill(name, sentence)), Origin.CLASSIFIER)) is not None
        )
        near = None if offers else self._nearest(sentence.text, sentence, is_command=True)
        if near is not None:
            return near
        if not offers:
            return Question(text_key="understanding.unknown", choices=self._choices(_STARTERS))
        return Question(text_key="understanding.did_you_mean", choices=offers)

    def _choices(self, names: tuple[str, ...]) -> tuple[tuple[str, Intent], ...]:
        known = [name for name in names if self._tools.known(name)]
        return tuple(
            (self._titles.get(name, name), offer)
            for name in known
            if (offer := self._offer(name, {}, Origin.RULE)) is not None
        )

    def _offer(self, capability: str, arguments: Arguments, origin: Origin) -> Intent | None:
        """A choice to press. It may lack arguments: `complete` asks for them then."""
        try:
            return self._tools.partial(ProposedCall(capability=capability, arguments=arguments), origin)
        except ProposalRefused:
            return None

    def _settled(self, capability: str, filled: Filled, origin: Origin) -> Intent | Question:
        """A complete and valid intent, or the question for the first thing that is missing or wrong."""
        call = ProposedCall(capability=capability, arguments=filled.arguments)
        try:
            partial = self._tools.partial(call, origin)
            missing = filled.missing or next(
                (name for name in self._wanted(partial) if partial.arguments.get(name) in (None, "")), ""
            )
            if missing or filled.ask:
                return self._ask(partial, missing, filled.ask)
            return self._tools.intent(call, origin)
        except ProposalRefused:
            return Question(text_key="understanding.not_usable", choices=self._choices(("help",)))

    def _wanted(self, partial: Intent) -> tuple[str, ...]:
        return (*NEEDED.get(partial.capability, ()), *self._tools.lacking(partial))

    def _ask(self, partial: Intent, missing: str, ask: str) -> Question:
        values = {"known": ", ".join(audit_query.FILTERS)} if ask == "understanding.audit_filter" else {}
        return Question(
            text_key=ask or ASKS.get(missing, "understanding.not_usable"),
            values=values,
            choices=self._shortcuts(partial, missing),
            partial=partial,
            missing=missing,
        )

    def _shortcuts(self, partial: Intent, missing: str) -> tuple[tuple[str, Intent], ...]:
        """Answers one can press instead of typing."""
        if missing == "leave":
            return self._choices(("my_leaves" if partial.capability in _OF_ONES_OWN else "waiting",))
        options: list[tuple[str, Arguments]] = [
            (key, {**partial.arguments, missing: value}) for key, value in _OPTIONS.get(missing, ())
        ]
        return tuple(
            (key, offer)
            for key, arguments in options
            if (offer := self._offer(partial.capability, arguments, partial.origin)) is not None
        )

    def _supplied(self, capability: str, missing: str, sentence: Sentence) -> Filled:
        if rules.phrase(sentence.text) is not None or rules.fixed(sentence.text) in rules.GREETINGS | rules.THANKS:
            return Filled()
        found = fill(capability, sentence)
        if missing in found.arguments or found.ask not in ("", ASKS.get(missing)):
            return found
        words = sentence.text.split()
        # "sarah", "acme", "1004": the bare answer to a question that asked for just that.
        numbered = missing not in ("ticket", "leave") or any(character.isdecimal() for character in sentence.text)
        if missing in _BARE and 0 < len(words) <= _BARE[missing] and numbered:
            return Filled(arguments={missing: sentence.text.strip(' .!?@#"“”')})
        return Filled()

    def _question_or_help(self, *, is_command: bool) -> Intent | Question:
        if is_command:
            return self._settled("start", Filled(), Origin.COMMAND)
        return Question(text_key="understanding.unknown", choices=self._choices(_STARTERS))


_OF_ONES_OWN = frozenset({"withdraw_leave", "change_leave", "answer_about_leave"})
"""What is done to a request of one's own: it is on the list of those."""
_ANSWERS: Mapping[str, tuple[str, ...]] = {"start": ("start", "end", "portion"), "end": ("start", "end", "portion")}
_BARE: Mapping[str, int] = {"person": 3, "customer": 5, "ticket": 1, "leave": 1, "action": 1}
_OPTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "portion": (("understanding.morning", "morning"), ("understanding.afternoon", "afternoon")),
    "status": (
        ("understanding.status_open", "OPEN"),
        ("understanding.status_in_progress", "IN_PROGRESS"),
        ("understanding.status_on_hold", "ON_HOLD"),
        ("understanding.status_closed", "CLOSED"),
    ),
    "role": tuple(
        (f"roles.{role}", role) for role in ("line_manager", "hr_manager", "support_rep", "administrator", "auditor")
    ),
}


def _certain(filled: Filled) -> Arguments:
    """What may stand on a button: days that something is still to be asked about are asked for anew."""
    if not (filled.ask or filled.missing):
        return filled.arguments
    return {name: value for name, value in filled.arguments.items() if name not in ("start", "end")}
