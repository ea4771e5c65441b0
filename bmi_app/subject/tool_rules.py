"""Find the learning rules by which a subject can learn its tool, and call the chosen one from its kernel.

A rule says in its traits that it serves here (`for_subject`). The kernel gets the address of its machine code as a word of the
memory, so that one compiled ACT serves any rule, those of third parties included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numba.core import types
from numba.experimental.function_type import _get_jit_address
from numba.extending import intrinsic

from bmi_app import plugins
from bmi_app.rt.contracts import learn_signature
from bmi_app.traits import LearningTraits, SubjectRole
from protocols.schema import Protocol


@dataclass(frozen=True)
class ToolRule:
    """Hold a learning rule as a subject uses it.

    Attributes
    ----------
    module
        The plugin.
    traits, role
        What it says of itself, and of its use here.
    """

    module: Any
    traits: LearningTraits
    role: SubjectRole

    @property
    def address(self) -> int:
        """Return where the machine code of its LEARN begins; it stands as long as this process lives."""
        return int(_get_jit_address(self.module.LEARN, learn_signature))


def _found() -> dict[str, ToolRule]:
    """Return the rules by their names in `subject.learner`: first those that learn from every sample, last those of actions."""
    found = {}
    for name in plugins.having("learning", lambda traits: traits.for_subject is not None):
        module = plugins.load("learning", name)
        found[module.TRAITS.for_subject.learner or name] = ToolRule(module, module.TRAITS, module.TRAITS.for_subject)

    def order(item: tuple[str, ToolRule]) -> tuple[object, ...]:
        name, rule = item
        traits = rule.traits
        return rule.role.learns_actions, not traits.in_order, not traits.at_rest, traits.cost != "quadratic", name

    return dict(sorted(found.items(), key=order))


NO_LEARNER = "none"
RULES = _found()


@intrinsic
def call_rule(typing_context, address, weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Call the LEARN at an address, as numba calls a kernel that it knows."""
    returned, taken = learn_signature.return_type, learn_signature.args

    def build(context, builder, signature, arguments):
        convention = context.call_conv
        pointer = builder.inttoptr(arguments[0], convention.get_function_type(returned, taken).as_pointer())
        _, result = convention.call_function(builder, pointer, returned, taken, arguments[1:])  # LEARN cannot fail
        return result

    return returned(types.int64, *taken), build


def cautions(protocol: Protocol) -> Iterator[str]:
    """Warn of a subject that is to learn, and cannot."""
    subject = protocol.subject
    rule = RULES.get(subject.learner)
    if rule is None:
        return
    role = rule.role
    if (
        rule.traits.at_rest
        and not subject.settings.get("rule", {}).get(role.replays_awake)
        and not _rests_late(protocol)
    ):
        yield (
            f'subject.learner: {subject.learner!r} learns in blocks of kind "rest" that follow one with targets, and there is none, '
            "so it learns nothing"
        )
    needs = role.learns_actions or (subject.prior == "nothing" and subject.encoding in (None, "tool"))
    if needs and (subject.exploration == "none" or subject.settings.get("exploration_hz") == 0.0):
        yield (
            f"subject.exploration: none, and learner {subject.learner!r} with prior {subject.prior!r} learns from it only, "
            "so it learns nothing"
        )


def _rests_late(protocol: Protocol) -> bool:
    """Tell whether a rest follows a block from which the subject may have learnt."""
    kinds = [block.kind for block in protocol.blocks]
    moved = [index for index, kind in enumerate(kinds) if kind in ("closed_loop", "observation")]
    return bool(moved) and "rest" in kinds[moved[0] :]
