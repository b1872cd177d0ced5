"""Values that nobody changes once they are made, at the price of plain ones.

A frozen dataclass writes each of its fields with a call of its own: what has eighteen of them and
is read from the disk for a request is made twice as fast without. That nobody changes it all the
same, mypy sees to.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def unchanging(kind: type[T]) -> type[T]:
    """Make a class what ``@dataclass(frozen=True, slots=True, kw_only=True)`` makes of it.

    An assignment to a field is an error for mypy, and for nobody else.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)
