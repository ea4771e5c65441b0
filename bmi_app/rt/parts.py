"""Compile the parts of kernels as far as a kernel needs them: to a module that is linked into it, and no further.

numba would optimize each part by itself, make machine code of it, and two wrappers by which Python could call it. None of
that is used: a kernel takes the module of a part in, and is optimized as a whole. So a part is neither optimized nor
generated here, which halves the time of a cold compile, and it is not kept on disk; the kernels around it are.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app.rt.plain_numba import types  # isort: skip - the first import of numba
from numba.core import errors, typed_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher
from numba.core.targetconfig import ConfigStack

_OPTIONS = {
    "nopython": True,
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": None,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


class _PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Hold the module of a part, for linking alone."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass  # it is optimized within each kernel that takes it in

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True  # nothing is handed to the engine that makes machine code


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartTyping(typed_passes.NopythonTypeInference):  # type: ignore[misc]
    """Infer types as numba does, but let a part return a view of an array that it was given.

    numba forbids this where nothing counts references. A part returns to a kernel, whose arrays outlive it.
    """

    _name = "part_typing"

    def run_pass(self, state: Any) -> bool:
        own = state.targetctx
        state.targetctx = own.subtarget(enable_nrt=True)
        try:
            return bool(super().run_pass(state))
        finally:
            state.targetctx = own


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(typed_passes.NativeLowering):  # type: ignore[misc]
    """Lower a part into a library of its own kind."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        entry = object()  # stands for the machine code, by which numba tells overloads apart
        state.targetctx.insert_user_function(entry, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=entry)
        return True


class _PartCompiler(CompilerBase):  # type: ignore[misc]
    """Run numba's own passes, with the typing and the lowering of parts in place of its own."""

    def define_pipelines(self) -> list[Any]:
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        ours = {typed_passes.NopythonTypeInference: _PartTyping, typed_passes.NativeLowering: _PartLowering}
        manager.passes[:] = [(ours.get(kind, kind), says) for kind, says in manager.passes]
        assert set(ours.values()) <= {kind for kind, _ in manager.passes}
        return [manager]


class Part(CPUDispatcher):  # type: ignore[misc]
    """Be a function that kernels call; it is compiled within them, for the types that they give it.

    Parameters
    ----------
    function : callable
        In Python.
    around : callable
        Makes a kernel of it, for when Python calls it (a test, a benchmark).
    """

    def __init__(self, function: Any, around: Callable[[Any], Any]) -> None:
        super().__init__(function, targetoptions=dict(_OPTIONS), pipeline_class=_PartCompiler)
        self._around = around

    @functools.cached_property
    def alone(self) -> Any:
        """Return a kernel around this part, which compiles it for the types of its first call."""
        return self._around(self.py_func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the kernel around this part; there is no machine code of the part itself.

        Raises
        ------
        TypeError
            If it returns an array: where references are not counted, Python would get the whole array instead of the view.
        """
        result = self.alone(*args, **kwargs)
        if any(isinstance(each, np.ndarray) for each in (result if isinstance(result, tuple) else (result,))):
            raise TypeError(
                f"part {self.py_func.__qualname__} returns an array, which only a kernel can take: call it in a kernel"
            )
        return result

    def add_overload(self, result: Any) -> None:
        """Keep what was compiled for kernels; Python's own calls find nothing."""
        self.overloads[tuple(result.signature.args)] = result

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Choose what is compiled for these types.

        numba types a constant argument as that very number, and would compile the function once for each kind of event,
        for each cause of an update: half of all compiling. Here a constant is an integer like any other.
        """
        plain = {name: types.unliteral(kind) for name, kind in kws.items()}
        template = super().get_call_template(tuple(types.unliteral(kind) for kind in args), plain)
        caller = ConfigStack().top_or_none()
        if caller is not None and caller.nrt and _holds_array(self.overloads[tuple(template[2])].signature.return_type):
            # Such a caller would give back a reference to the array that the part never took.
            raise errors.TypingError(
                f"part {self.py_func.__qualname__} returns an array: what calls it must be a kernel or a part (rt/jit.py)"
            )
        return template


def _holds_array(kind: Any) -> bool:
    return isinstance(kind, types.Array) or (isinstance(kind, types.BaseTuple) and any(map(_holds_array, kind)))
