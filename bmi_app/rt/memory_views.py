"""Compile what names the parts of a memory: `m = layout.named(memory, units=n_units)`, then `m.square[i, j]` and `m.keep`.

A view holds where the memory lies, where each part begins, and each size: worked out once, from what the kernel gives and what stands
in the memory. Its attributes are arrays over those places, or numbers that can be read and written. Nothing is allocated or
counted. The layout belongs to the view's type, so no code is written at run time, and kernels are kept on disk as
any others.
"""

import ast
import inspect
from typing import Any

from bmi_app.rt.memory import MemoryLayout, Shape, Together, fields_of

from bmi_app.rt.plain_numba import types  # isort: skip - the first import of numba
from llvmlite import ir
from numba.core import cgutils
from numba.core.datamodel.models import OpaqueModel, StructModel
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_builtin, lower_constant, lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate, CallableTemplate, infer_getattr, signature
from numba.extending import typeof_impl
from numba.np.arrayobj import make_array, populate_array

from bmi_app.rt import sizes

_WORD_BYTES = 8
_I8 = ir.IntType(64)
_MEMORY = types.Array(types.float64, 1, "C")
_ARITHMETIC: dict[type, str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_COMPARISONS: dict[type, str] = {ast.Eq: "==", ast.NotEq: "!="}


class LayoutType(types.Type):  # type: ignore[misc]
    """Be the type of one layout, a constant."""

    def __init__(self, layout: MemoryLayout) -> None:
        self.layout = layout
        super().__init__(f"layout_{layout.digest}")


class ViewType(types.Type):  # type: ignore[misc]
    """Be the type of the views on memories of one layout."""

    def __init__(self, layout: MemoryLayout) -> None:
        self.layout = layout
        self.sizes = list(dict.fromkeys(str(size) for shape in layout.fields.values() for size in shape))
        super().__init__(f"view_{layout.digest}")

    def kind(self, name: str) -> Any:
        """Return the type of an attribute; None where the layout has none of that name."""
        shape = self.layout.fields.get(name)
        if shape is None:
            return None
        return types.Array(types.float64, len(shape), "C") if shape else types.float64


@typeof_impl.register(MemoryLayout)
def _typeof_layout(value: MemoryLayout, _: Any) -> LayoutType:
    return LayoutType(value)


register_default(LayoutType)(OpaqueModel)


@lower_constant(LayoutType)  # type: ignore[untyped-decorator]
def _constant_layout(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.get_dummy_value()


@register_default(ViewType)
class _ViewModel(StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: ViewType) -> None:
        members = [("memory", types.CPointer(types.float64))]
        members += [(f"at_{name}", types.int64) for name in kind.layout.fields]
        members += [(f"size_{at}", types.int64) for at in range(len(kind.sizes))]
        super().__init__(manager, kind, members)


class _NamedTemplate(CallableTemplate):  # type: ignore[misc]
    """Type `layout.named(memory, **given)`."""

    key = "layout.named"

    def generic(self) -> Any:
        """Return a function from the types of arguments to the signature."""
        layout: MemoryLayout = self.this.layout
        names = ("memory", *layout.given)
        pysig = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])

        def typer(*args: Any, **kws: Any) -> Any:
            memory, *given = pysig.bind(*args, **kws).args
            if memory != _MEMORY or not all(isinstance(kind, types.Integer) for kind in given):
                return None
            kinds = (memory, *(types.int64 for _ in given))
            return signature(ViewType(layout), *kinds).replace(recvr=self.this, pysig=pysig)

        typer.pysig = typer.__signature__ = pysig  # type: ignore[attr-defined]
        return typer


@infer_getattr
class _LayoutAttributes(AttributeTemplate):  # type: ignore[misc]
    key = LayoutType

    def resolve_named(self, layout: LayoutType) -> Any:
        return types.BoundFunction(_NamedTemplate, layout)


@infer_getattr
class _ViewAttributes(AttributeTemplate):  # type: ignore[misc]
    key = ViewType

    def generic_resolve(self, view: ViewType, name: str) -> Any:
        return view.kind(name)


class _Sizes:
    """Work out sizes, each once, as numbers of the kernel that is being compiled."""

    def __init__(self, builder: Any, layout: MemoryLayout, known: dict[str, Any]) -> None:
        self._builder, self._layout, self.known = builder, layout, known

    def of(self, size: int | str) -> Any:
        """Return a size."""
        if isinstance(size, int):
            return _I8(size)
        if size not in self.known:
            self.known[size] = self._value(self._layout.trees[size])
        return self.known[size]

    def words(self, shape: Shape) -> Any:
        """Return how many words a shape has."""
        found = _I8(1)
        for size in shape:
            found = self.join("mul", found, self.of(size))
        return found

    def join(self, how: str, left: Any, right: Any) -> Any:
        """Add, subtract or multiply; at once where both are known."""
        if how != "sub" and isinstance(left, ir.Constant) and isinstance(right, ir.Constant):
            both = left.constant + right.constant if how == "add" else left.constant * right.constant
            return _I8(both)
        return getattr(self._builder, how)(left, right)

    def _value(self, tree: ast.expr) -> Any:
        """Return the value of an expression, as `sizes.value` does."""
        if isinstance(tree, ast.Constant):
            return _I8(tree.value)
        if isinstance(tree, ast.Name):
            return self.of(tree.id)
        if isinstance(tree, ast.IfExp):
            test = self._builder.icmp_signed("!=", self._value(tree.test), _I8(0))
            return self._builder.select(test, self._value(tree.body), self._value(tree.orelse))
        kind, left_tree, right_tree = sizes.operation(tree)
        left, right = self._value(left_tree), self._value(right_tree)
        if kind in _COMPARISONS:
            return self._builder.zext(self._builder.icmp_signed(_COMPARISONS[kind], left, right), _I8)
        return self.join(_ARITHMETIC[kind], left, right)


@lower_builtin("layout.named", LayoutType, types.Array, types.VarArg(types.Any))  # type: ignore[untyped-decorator]
def _lower_named(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind, (_, memory, *given) = sig.return_type, args
    layout: MemoryLayout = kind.layout
    view = cgutils.create_struct_proxy(kind)(context, builder)
    view.memory = make_array(_MEMORY)(context, builder, memory).data
    found = _Sizes(builder, layout, dict(zip(layout.given, given, strict=True)))
    begin = _I8(0)
    for name, part in layout.parts.items():
        at = begin
        for field, shape in fields_of(name, part).items():
            setattr(view, f"at_{field}", at)
            if field in layout.read:
                found.known[field] = builder.fptosi(builder.load(builder.gep(view.memory, [at])), _I8)
            if field != name:
                at = found.join("add", at, found.words(shape))
        begin = found.join("add", begin, found.words(part.shape if isinstance(part, Together) else part))
    for i, size in enumerate(kind.sizes):
        setattr(view, f"size_{i}", found.of(int(size) if size.isdigit() else size))
    return view._getvalue()


@lower_getattr_generic(ViewType)  # type: ignore[untyped-decorator]
def _lower_part(context: Any, builder: Any, kind: ViewType, value: Any, name: str) -> Any:
    view = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    place = builder.gep(view.memory, [getattr(view, f"at_{name}")])
    shape = kind.layout.fields[name]
    if not shape:
        return builder.load(place)
    lengths = [getattr(view, f"size_{kind.sizes.index(str(size))}") for size in shape]
    strides = [_I8(_WORD_BYTES)]
    for length in lengths[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    array = make_array(kind.kind(name))(context, builder)
    populate_array(array, data=place, shape=lengths, strides=strides, itemsize=_WORD_BYTES, meminfo=None)
    return array._getvalue()


@lower_setattr_generic(ViewType)  # type: ignore[untyped-decorator]
def _lower_write(context: Any, builder: Any, sig: Any, args: Any, name: str) -> None:
    kind, (value, number) = sig.args[0], args
    view = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    builder.store(number, builder.gep(view.memory, [getattr(view, f"at_{name}")]))
