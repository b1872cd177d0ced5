"""Values drawn from a seeded source, put together as Hypothesis puts its strategies together.

Hypothesis itself varies each example a few times before it draws a fresh one, which finds little
here and costs half of the time; and a sequence is shrunk well enough by leaving out steps.
"""

from collections.abc import Callable, Iterable, Mapping
from random import Random


class Draw:
    """Something that can be drawn."""

    def __init__(self, draw: Callable[[Random], object]) -> None:
        self.draw = draw

    def map(self, change: Callable) -> "Draw":
        """What a function makes of it."""
        return Draw(lambda random: change(self.draw(random)))

    def then(self, choose: Callable[[object], "Draw"]) -> "Draw":
        """What a function has drawn because of it."""
        return Draw(lambda random: choose(self.draw(random)).draw(random))

    def __or__(self, other: "Draw") -> "Draw":
        return one_of(self, other)


def just(value: object) -> Draw:
    """Always this."""
    return Draw(lambda _: value)


def as_draw(value: object) -> Draw:
    """What is no draw is always itself."""
    return value if isinstance(value, Draw) else just(value)


def among(*values: object) -> Draw:
    """One of these."""
    return Draw(lambda random: random.choice(values))


def one_of(*draws: Draw) -> Draw:
    """Drawn by one of these."""
    return Draw(lambda random: random.choice(draws).draw(random))


def lists(item: Draw, *, least: int = 0, most: int) -> Draw:
    """So many of it."""
    return Draw(lambda random: [item.draw(random) for _ in range(random.randint(least, most))])


def each_of(items: Iterable[object]) -> Draw:
    """A list of one of each."""
    draws = [as_draw(item) for item in items]
    return Draw(lambda random: [item.draw(random) for item in draws])


def members(always: Mapping[str, object] | None = None, **perhaps: object) -> Draw:
    """An object with these members, and with any of the others."""

    def draw(random: Random) -> dict[str, object]:
        found = {name: as_draw(item).draw(random) for name, item in (always or {}).items()}
        for name, item in perhaps.items():
            if random.random() < 0.4:
                found[name] = as_draw(item).draw(random)
        return found

    return Draw(draw)


def mapped(keys: Draw, values: Draw, *, least: int = 0, most: int) -> Draw:
    """An object, whose names are drawn too."""
    items = lists(each_of([keys, values]), least=least, most=most)
    return items.map(lambda pairs: {key: value for key, value in pairs})  # noqa: C416
