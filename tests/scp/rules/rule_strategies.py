"""Rules of all kinds, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from workstation.scp.rules.faults import FAULTS, Parameter
from workstation.scp.rules.rule import ANSWER_KINDS, EVENTS, Action, Fault, Match, Rule

TEXT = st.text(max_size=12)
KEYS = st.sampled_from(
    ["PatientName", "0010,0020", "(0008,0060)", "ScheduledProcedureStepSequence.Modality", "0040,0100.0008,0060"]
)
SECONDS = st.one_of(st.just(0), st.floats(0, 86_400), st.integers(0, 86_400))
UIDS = st.sampled_from(["1.2.3", "1.2.840.10008.1.1", "2.25.4"])
HEX = st.binary(max_size=6).map(bytes.hex)


def _value(parameter: Parameter) -> st.SearchStrategy[object]:
    match parameter.kind:
        case "whole":
            return st.integers(int(parameter.low), int(parameter.high))
        case "number":
            return st.floats(parameter.low, parameter.high)
        case "choice":
            return st.sampled_from(list(parameter.choices))
        case "texts":
            return st.lists(TEXT, max_size=3)
        case "flag":
            return st.booleans()
    return TEXT


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind = draw(st.sampled_from(list(FAULTS)))
    chosen = [parameter for parameter in FAULTS[kind].parameters if draw(st.booleans())]
    return Fault(kind=kind, values={parameter.name: draw(_value(parameter)) for parameter in chosen})


MATCHES = st.builds(
    Match,
    events=st.lists(st.sampled_from(EVENTS), max_size=4, unique=True).map(tuple),
    calling=TEXT,
    called=TEXT,
    address=st.sampled_from(["", "10.1.2.3", "10.0.0.0/8", "fe80::/10"]),
    user=TEXT,
    sop_class=st.one_of(TEXT, st.sampled_from(["CT*", "1.2.840.10008.1.1"])),
    transfer_syntax=TEXT,
    keys=st.dictionaries(KEYS, TEXT, max_size=3),
    every=st.integers(1, 1000),
    first=st.integers(0, 1000),
    probability=st.floats(0, 1),
)
NEGOTIATIONS = st.fixed_dictionaries(
    {},
    optional={
        "verified": st.booleans(),
        "response": HEX,
        "invoked": st.integers(0, 0xFFFF),
        "performed": st.integers(0, 0xFFFF),
        "answers": st.dictionaries(UIDS, HEX, max_size=2),
        "accepted": st.lists(UIDS, max_size=2),
    },
)
ACTIONS = st.builds(
    Action,
    answer=st.sampled_from(ANSWER_KINDS),
    status=st.integers(0, 0xFFFF),
    comment=TEXT,
    offending=st.lists(st.integers(0, 0xFFFFFFFF), max_size=3).map(tuple),
    data_sets=st.lists(TEXT, max_size=3).map(tuple),
    keep=st.booleans(),
    negotiation=NEGOTIATIONS,
    script=st.text(min_size=1, max_size=12),
    function=TEXT,
    before=SECONDS,
    between=SECONDS,
    after=SECONDS,
    fault=st.none() | faults(),
)
NAMES = st.text(min_size=1, max_size=20).filter(str.strip)
RULES = st.builds(Rule, name=NAMES, enabled=st.booleans(), comment=TEXT, match=MATCHES, action=ACTIONS)
RULE_LISTS = st.lists(RULES, max_size=3, unique_by=lambda rule: rule.name).map(tuple)
