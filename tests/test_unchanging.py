"""What is unchanging is made, compared, replaced and hashed as a frozen dataclass is.

That nobody assigns to a field is mypy's to see.
"""

from dataclasses import dataclass, field, replace

import pytest

from cubbyd.unchanging import unchanging


@unchanging
class Plain:
    x: int
    note: dict | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    x: int
    note: dict | None = field(default=None, hash=False)


@pytest.mark.parametrize("kind", [Plain, Frozen])
def test_it_is_made_compared_replaced_and_hashed_alike(kind):
    one = kind(x=1, note={"a": "b"})

    assert one == kind(x=1, note={"a": "b"})
    assert one != kind(x=1)
    assert replace(one, x=2) == kind(x=2, note={"a": "b"})
    assert hash(one) == hash(kind(x=1))
    assert repr(one) == f"{kind.__name__}(x=1, note={{'a': 'b'}})"


@pytest.mark.parametrize("kind", [Plain, Frozen])
def test_it_has_named_fields_and_no_others(kind):
    with pytest.raises(TypeError):
        kind(1)

    assert not hasattr(kind(x=1), "__dict__")
