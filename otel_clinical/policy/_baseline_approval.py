"""A change of the baseline takes two people: one proposes it, another approves it, and both are on record.

The record is a file of JSON lines beside the baseline, each line chained to the one before by its hash, so that an
edit or a gap shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from otel_clinical.policy._problems import BaselineError

if TYPE_CHECKING:
    from pathlib import Path

_GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class BaselineDecision:
    """One line of the record: who proposed or approved the change of a model's baseline from one hash to another.

    `time` is Unix seconds; `chain` covers the line and the one before it.
    """

    action: Literal["propose", "approve"]
    model: str
    old: str
    new: str
    person: str
    reason: str
    time: float
    chain: str = ""


def decisions_file(baseline: Path) -> Path:
    """Return where the decisions about the baseline at `baseline` are kept."""
    return baseline.with_name(baseline.name + ".decisions.jsonl")


def read_decisions(file: Path) -> list[BaselineDecision]:
    """Return every decision in order, none without a file.

    Raises:
        BaselineError: A line is damaged, edited or missing.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raise BaselineError(f"{file}: cannot be read") from None
    found: list[BaselineDecision] = []
    for number, line in enumerate(lines, start=1):
        try:
            one = BaselineDecision(**json.loads(line))
        except (ValueError, TypeError):
            raise BaselineError(f"{file}: line {number} is no decision; restore the file from its backup") from None
        if one.chain != _chain(found, one):
            raise BaselineError(f"{file}: line {number} or the one before it was changed after it was written")
        found.append(one)
    return found


def decide(file: Path, decision: BaselineDecision) -> BaselineDecision:
    """Append `decision` to the record, durably, and return it with its chain.

    Raises:
        BaselineError: An approval without a proposal of the same change by somebody else; a name or reason is empty;
            the record is damaged.
    """
    known = read_decisions(file)
    if not _plain(decision.person) or not decision.reason.strip():
        raise BaselineError("name who decides, and why: neither may be empty")
    if decision.action == "approve":
        proposers = {_plain(one.person) for one in known if one.action == "propose" and _same(one, decision)}
        if not proposers:
            raise BaselineError(
                f"nobody proposed {decision.new[:19]}… in place of {decision.old[:19]}…: propose it first"
            )
        if not proposers - {_plain(decision.person)}:
            raise BaselineError(f"{decision.person} proposed this change; another person must approve it")
    chained = BaselineDecision(**{**asdict(decision), "chain": _chain(known, decision)})
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(chained), sort_keys=True, ensure_ascii=False) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return chained


def check_change(baseline: Path, model: str, old: str, new: str) -> None:
    """Refuse a baseline of hash `new` in place of `old` unless two people decided so.

    Raises:
        BaselineError: The change is not approved; the text says by which commands it can be.
    """
    known = read_decisions(decisions_file(baseline))
    here = [one for one in known if (one.model, one.old, one.new) == (model, old, new)]
    proposers = {_plain(one.person) for one in here if one.action == "propose"}
    approvers = {_plain(one.person) for one in here if one.action == "approve"}
    if not any(approver != proposer for approver in approvers for proposer in proposers):
        raise BaselineError(
            f"{baseline}: the baseline of model {model} is {new[:19]}…, it was {old[:19]}…, and two people have not "
            f"agreed to that: run `otel-clinical baseline propose` and, as another person, `otel-clinical baseline "
            f"approve`, or put the old file back"
        )


def _same(one: BaselineDecision, other: BaselineDecision) -> bool:
    return (one.model, one.old, one.new) == (other.model, other.old, other.new)


def _plain(person: str) -> str:
    """Return a name without what one person may write in two ways: case, width and spaces."""
    return " ".join(unicodedata.normalize("NFKC", person).casefold().split())


def _chain(before: list[BaselineDecision], one: BaselineDecision) -> str:
    content = {key: value for key, value in asdict(one).items() if key != "chain"}
    text = (before[-1].chain if before else _GENESIS) + json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
