"""English: what is asked and answered."""

from typing import Final

from ..core.catalog import Dimension
from ..core.models import Window
from ..spoken_times import When
from .language import MODELS, Answers, Language

_MONTHS: Final = {
    When.JANUARY: "January",
    When.FEBRUARY: "February",
    When.MARCH: "March",
    When.APRIL: "April",
    When.MAY: "May",
    When.JUNE: "June",
    When.JULY: "July",
    When.AUGUST: "August",
    When.SEPTEMBER: "September",
    When.OCTOBER: "October",
    When.NOVEMBER: "November",
    When.DECEMBER: "December",
}
_PERIODS: Final = "(today|this week|this month|this year)"
_PAST: Final = f"(yesterday|[in the] last (week|month|year)|(in|for|during|last) ({'|'.join(_MONTHS.values())}))"
_TIMES: Final = f"([so far] {_PERIODS} [so far]|{_PAST}|so far|in total|altogether|all in all|ever)"
_AI: Final = "(AI|A I|[the] LLM|[the] LLMs|language models|LiteLLM|artificial intelligence)"
_KINDS: Final = "(model|provider|team|key|user|tag|organization|customer)"
_I_SPENT: Final = "(how much [money]|what) (did|have) (I|we) [already] (spend|spent)"
_COUNTED: Final = f"([{_AI}] (tokens|requests)|{_AI} calls)"
_HOW_MANY: Final = f"how many {_COUNTED}"
_USED: Final = "(use|used|make|made|send|sent|need|needed|spend|spent|burn|burned|consume|consumed|get|got|have|had)"
_MOST: Final = f"[the] most [(money|{_COUNTED})]"
_IS: Final = "(is|was|are|were)"
_WHAT_IS: Final = f"(what {_IS}|what's|how (much|high) {_IS})"
_SPENDING: Final = "(spend|spending|spendings|cost|costs|bill|expenses)"
_LEFT: Final = "(left|remaining|available)"

ENGLISH: Final = Language(
    usage=(
        f"{_I_SPENT} [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"{_I_SPENT} [on {_AI}] [{_TIMES}] (with|using|on|for) {{name}}",
        f"(tell me|do you know) how much [money] (I|we) [have] spent [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"how much [money] (was|has been|is) spent [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"how much [money] (was|has been|is) spent [on {_AI}] [{_TIMES}] (with|using|on|for|by) {{name}}",
        f"how much [money] (did|has|does) {{name}} (spend|spent) [on {_AI}] [{_TIMES}]",
        f"(how much|what) (did|does|has|is) {_AI} (cost|costing) [(me|us)] [{_TIMES}]",
        f"(how much|what) (did|does|has|is) [the] {MODELS} [{{name}}] (cost|costing) [(me|us)] [{_TIMES}]",
        f"how expensive {_IS} {_AI} [{_TIMES}]",
        f"{_WHAT_IS} (my|our|the|today's|this week's|this month's) {_AI} {_SPENDING} [{_TIMES}]",
        f"[what about] [my|our|today's] {_AI} {_SPENDING} {_TIMES}",
        f"[and] {_TIMES} (with|using) {{name}}",
        f"(what|how) about [the] {MODELS} [{{name}}] [{_TIMES}]",
        f"and [(with|for|on)] [the] {MODELS} [{{name}}] [{_TIMES}]",
        f"{_HOW_MANY} (did|have) (I|we) [already] {_USED} [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"{_HOW_MANY} (did|have) (I|we) [already] {_USED} [{_TIMES}] (with|using|on|for|to|from) {{name}}",
        f"{_HOW_MANY} (did|does|has|have) {{name}} {_USED} [{_TIMES}]",
        f"{_HOW_MANY} (was|were|has been|have been|went) [{_USED}] [there] [{_TIMES}]",
        f"{_HOW_MANY} (was|were|has been|have been|went) [{_USED}] [there] [{_TIMES}] (with|by|for|to|from) {{name}}",
        f"{_HOW_MANY} {_TIMES}",
    ),
    ranking=(
        f"(which|what) {_KINDS} [has] (spends|cost|costs|uses|{_USED}) {_MOST} [on {_AI}] [{_TIMES}]",
        f"(which|what) [{_KINDS}] (did|have) (I|we) {_USED} {_MOST} [(on|with)] [{_TIMES}]",
        f"(which|what) {_KINDS} {_IS} [(the|my|our)] most expensive [{_TIMES}]",
        f"(what {_IS}|what's) (the|my|our) most expensive {_KINDS} [{_TIMES}]",
        f"who [has] (spends|{_USED}) {_MOST} [on {_AI}] [{_TIMES}]",
    ),
    left=(
        f"(how much|what) [money] is [still] {_LEFT} (of|in|from) {{name}} (budget|limit)",
        f"what's [still] {_LEFT} (of|in|from) {{name}} (budget|limit)",
        f"(how much|what) is [still] {_LEFT} (of|in|from) (my|our|the) [{_AI}] (budget|limit)",
        f"how much of {{name}} (budget|limit) is [still] {_LEFT}",
        f"how much [{_AI}] budget (does|do|has|have) {{name}} [still] [(have|got)] {_LEFT}",
        f"how much [{_AI}] budget is [still] {_LEFT} [for {{name}}]",
        f"(what is|what's) {{name}} [{_AI}] [remaining] (budget|limit)",
        f"(do|have) (I|we) [still] [(have|got)] any [{_AI}] budget {_LEFT}",
    ),
    times={
        "today": When.TODAY,
        "yesterday": When.YESTERDAY,
        "this week": When.WEEK,
        "last week": When.LAST_WEEK,
        "this month": When.MONTH,
        "last month": When.LAST_MONTH,
        "this year": When.YEAR,
        "last year": When.LAST_YEAR,
        **{f"(?:in|for|during|last) {month}": when for when, month in _MONTHS.items()},
        "all in all": When.EVER,
        "so far": When.EVER,
        "in total": When.EVER,
        "altogether": When.EVER,
        "ever": When.EVER,
    },
    metrics={"tokens": "tokens", "requests": "requests", "calls": "requests"},
    topics=(
        *("artificial intelligence", "language models", "litellm", "llms", "llm", "a i", "ai"),
        *("costing", "costs", "cost", "me", "us", "my", "our", "the", "i", "we", "in", "please"),
        *("daily", "weekly", "monthly"),
    ),
    kinds={
        "model": Dimension.MODEL,
        "provider": Dimension.PROVIDER,
        "team": Dimension.TEAM,
        "key": Dimension.KEY,
        "user": Dimension.USER,
        "tag": Dimension.TAG,
        "organization": Dimension.ORGANIZATION,
        "customer": Dimension.CUSTOMER,
    },
    who="who",
    follows="and|(?:what|how) about",
    when={
        When.TODAY: "today",
        When.YESTERDAY: "yesterday",
        When.WEEK: "this week",
        When.LAST_WEEK: "last week",
        When.MONTH: "this month",
        When.LAST_MONTH: "last month",
        When.YEAR: "this year",
        When.LAST_YEAR: "last year",
        When.EVER: "so far",
        **{when: f"in {month}" for when, month in _MONTHS.items()},
    },
    windows={
        None: "",
        Window.DAY: " for today",
        Window.WEEK: " for this week",
        Window.MONTH: " for this month",
    },
    answers={
        "cost": Answers(
            one="${}",
            many="${}",
            total="You spent {amount} on AI {when}.",
            named="{names} cost {amount} {when}.",
            most="{name} cost the most {when}: {amount}.",
            nothing="Nothing was spent {when}.",
        ),
        "tokens": Answers(
            one="{} token",
            many="{} tokens",
            total="You used {amount} {when}.",
            named="{names} used {amount} {when}.",
            most="{name} used the most tokens {when}: {amount}.",
            nothing="No tokens were used {when}.",
        ),
        "requests": Answers(
            one="{} request",
            many="{} requests",
            total="You made {amount} {when}.",
            named="{names} had {amount} {when}.",
            most="{name} had the most requests {when}: {amount}.",
            nothing="No requests were made {when}.",
        ),
    },
    small="less than a cent",
    decimal_point=".",
    thousands=",",
    conjunction=" and ",
    has_left="{name} has {remaining} left{window}.",
    has_left_of="{name} has {remaining} of {maximum} left{window}.",
    is_over="{name} has used up its {maximum}{window}, by {over} too much.",
    unknown="I know no model, team or key called {name}.",
    no_limit="No budget or limit is set.",
    not_told="LiteLLM's metrics do not say that.",
    not_for_everyone="Only administrators may ask about keys, users and customers.",
)
