"""What a rule is, and what comes out when it is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flasky.conformance.subject import Subject

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"


class NotApplicable(Exception):
    """The rule has nothing to say about this plug-in; the text says why."""


@dataclass(frozen=True, order=True)
class Finding:
    """Something against the rule: where (a file, with its line where that is known), and what is wrong there."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" if self.where else self.problem


@dataclass(frozen=True)
class Rule:
    """A promise: its short name, the promise as a sentence, what to do about a finding, and the function that looks.

    `find` returns what speaks against the promise, and raises NotApplicable.
    """

    name: str
    sentence: str
    remedy: str
    find: Callable[[Subject], Iterable[Finding]]

    def check(self, subject: Subject) -> Outcome:
        """Look whether `subject` keeps the promise."""
        try:
            findings = tuple(dict.fromkeys(self.find(subject)))
        except NotApplicable as reason:
            return Outcome(self, NOT_APPLICABLE, str(reason))
        return Outcome(self, FAILED if findings else PASSED, findings=findings)


@dataclass(frozen=True)
class Outcome:
    """What came out for one rule."""

    rule: Rule
    status: str
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the promise is broken."""
        return self.status == FAILED

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "rule": self.rule.name,
            "sentence": self.rule.sentence,
            "status": self.status,
            "reason": self.reason,
            "findings": [{"where": finding.where, "problem": finding.problem} for finding in self.findings],
            "remedy": self.rule.remedy if self.failed else "",
        }
