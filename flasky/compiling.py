"""How templates become code: what is safe HTML already is not asked to be escaped once more.

Much of what a page shows is `Markup` (links, times, texts that were cleaned before) or a number. MarkupSafe's `escape`
gives such a value back as it is, but takes longer for that than Jinja takes for all else it does with the value.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from pyramid_jinja2 import Environment


class Compiler(CodeGenerator):
    """Jinja's compiler, with a look at the type of each value before `escape` is called."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if _is_plain(frame, finalize):
            # These classes themselves only: one derived from them may say in __html__ or __str__ what it likes.
            self.write("(_shown if (_kind := type(_shown := (")
        else:
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if _is_plain(frame, finalize):
            self.write("))) is Markup else str(_shown) if _kind is int else escape(_shown))")
        else:
            super()._output_child_post(node, frame, finalize)


def _is_plain(frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> bool:
    """Whether this is HTML for certain (not where a template switches escaping on and off), without a finalizer."""
    return frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None


class QuickEnvironment(Environment):  # type: ignore[misc] # pyramid_jinja2 has no types
    """pyramid_jinja2's environment with this compiler, whose templates find the names that all of them share sooner."""

    code_generator_class = Compiler

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The names of a template that is loaded now: those of the environment, and `d`.

        Jinja's own is a view of both, so that the environment may get more names later; each page pays for that by
        looking through both for each name.
        """
        return {**self.globals, **(d or {})}
