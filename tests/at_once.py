"""A daemon without a loop: changes are carried out at once, and what never waits is run to its end.

For state machines, which Hypothesis drives step by step.
"""

import pytest

from cubbyd.store.batch import apply


class CommitAtOnce:
    """Carries changes out without waiting for anything, so that no loop is needed."""

    def __init__(self, files) -> None:
        self.files = files

    def check_settled(self, _name) -> None:
        """Nothing is ever in flight."""

    async def settle(self) -> None:
        """As before."""

    async def carry_out(self, phases, on_durable) -> None:
        for number, job in enumerate(phases):
            assert apply(self.files, [job]) == [None]
            on_durable(number)


def finished(coroutine):
    """What a coroutine that never waits returns."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value
