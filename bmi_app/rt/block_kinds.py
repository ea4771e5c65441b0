"""Declare every kind of block once, with what moves the cursor in it and whether it has targets."""

from enum import IntEnum
from typing import Literal, Self

# What a protocol calls the kinds, in the order of their numbers.
BlockName = Literal["rest", "observation", "closed_loop", "free", "arm", "isometric", "drawing"]
Mover = Literal["nothing", "computer", "decoder", "hand", "force"]


class BlockKind(IntEnum):
    """Name the kinds of block a protocol can list: what moves the cursor, and whether there are targets."""

    moved_by: Mover
    has_targets: bool

    def __new__(cls, number: int, moved_by: Mover, has_targets: bool) -> Self:
        """Take the number as the value; the properties stand beside it."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.moved_by, member.has_targets = moved_by, has_targets
        return member

    REST = 0, "nothing", False
    OBSERVATION = 1, "computer", True
    CLOSED_LOOP = 2, "decoder", True
    FREE = 3, "decoder", False
    ARM = 4, "hand", True
    ISOMETRIC = 5, "force", True  # the force of a hand that is held
    DRAWING = 6, "hand", True  # the target moves along a path

    @property
    def by_hand(self) -> bool:
        """Tell whether the hand moves the cursor, by its place or by its force, and not the decoder."""
        return self.moved_by in ("hand", "force")

    @property
    def word(self) -> str:
        """Return what a protocol calls it."""
        return self.name.lower()


def words_of(kinds: "list[BlockKind] | tuple[BlockKind, ...]") -> tuple[str, ...]:
    """Return what a protocol calls some kinds, in their order."""
    return tuple(kind.word for kind in kinds)


BY_HAND = tuple(kind for kind in BlockKind if kind.by_hand)
WITH_TARGETS = tuple(kind for kind in BlockKind if kind.has_targets)
