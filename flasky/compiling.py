"""How templates become code: what is safe HTML already is not asked to be escaped once more.

Much of what a page shows is `Markup` (links, times, texts that were cleaned before) or a number. MarkupSafe's `escape`
gives such a value back as it is, but takes longer for that than Jinja takes for all else it does with the value.

And most of what templates call are functions that `jinja2.pass_context` marks: they are called without asking of each
what else it could be.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from types import FunctionType
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from pyramid_jinja2 import Environment


@pass_context
def _marked(_context: Context) -> None:
    """Shows what the decorator leaves on a function."""


_MARK = "jinja_pass_arg"
_WANTS_CONTEXT = getattr(_marked, _MARK)


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


class QuickContext(Context):
    """Jinja's context, with a look at whether it is wanted by what a template calls before all other questions."""

    def call(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        _loop_vars: dict[str, Any] | None = None,
        _block_vars: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """What `function` returns; it is given this context where it is marked so.

        `_loop_vars` and `_block_vars` are what Jinja's generated code hands over of a loop's and a block's own names.
        """
        is_function = type(function) is FunctionType and not (_loop_vars or _block_vars)
        # The mark that Jinja itself looks for, behind five other questions.
        if is_function and getattr(function, _MARK, None) is _WANTS_CONTEXT:
            try:
                return function(self, *args, **kwargs)
            except StopIteration:
                # As Jinja does: in the generator that a template is, this would be another error.
                return self.environment.undefined(f"{function.__name__}() raised StopIteration")
        return super().call(function, *args, _loop_vars=_loop_vars, _block_vars=_block_vars, **kwargs)


class QuickEnvironment(Environment):  # type: ignore[misc] # pyramid_jinja2 has no types
    """pyramid_jinja2's environment with this compiler, whose templates find the names that all of them share sooner."""

    code_generator_class = Compiler
    context_class = QuickContext

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The names of a template that is loaded now: those of the environment, and `d`.

        Jinja's own is a view of both, so that the environment may get more names later; each page pays for that by
        looking through both for each name.
        """
        return {**self.globals, **(d or {})}
