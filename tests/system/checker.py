"""Holds a history against what cubbyd promises, whatever was killed, and when.

- *Nothing that was answered is lost, nor taken back*: what is read is what was written last, or
  what a request that had no answer may have written; and once it was read it stays.
- *Each secret leaves at most once*, and as it was wrapped.
- *No use is counted short*: a limited token answers no more often than it may, and has at most so
  many uses left as it was granted less those that were answered.
- *What has ended never works again*, whether it was answered as revoked, spent or exhausted, or
  met dead; and all that descended from it.
- *What nothing ended lives*, orphans too.
- *The key term* goes up by one with each rotation, and by nothing else.

Each rule is about requests that were over before another began; of those at the same time either
may have come first. A request without an answer may have been carried out or not.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from journal import NEVER, Op
from lives import DEAD, Lives

SPENDING = ("unwrap", "rewrap")
_WRITING = {
    "write": "read",
    "delete": "read",
    "renew": "lookup",
    "write_policy": "read_policy",
    "delete_policy": "read_policy",
}


def problems(history: Sequence[Op]) -> list[str]:
    """What is wrong with a history, in words; nothing, if all is as promised."""
    lives = Lives(history)
    found = [
        *_odd_refusals(history),
        *_secrets(history),
        *_spent_twice(history),
        *_registers(history),
        *_uses(history, lives),
        *_terms(history),
        *lives.problems(),
    ]
    return list(dict.fromkeys(found))


def _odd_refusals(history: Iterable[Op]) -> Iterator[str]:
    """Refusals that nothing in these histories can bring about."""
    for op in history:
        is_death = (op.kind, op.refusal) in DEAD
        is_absence = op.kind in ("read", "read_policy") and op.refusal == "not_found"
        is_of_the_caller = op.by is not None and op.refusal == "permission_denied"
        if op.refusal is not None and not (is_death or is_absence or is_of_the_caller):
            yield f"refused without a reason: {op}"


# Secrets


def _secrets(history: Iterable[Op]) -> Iterator[str]:
    inside: dict[str, object] = {}
    left: Counter[object] = Counter()
    for op in sorted(history, key=lambda op: op.told):
        if not op.is_answered:
            continue
        if op.kind == "wrap":
            inside[op.answer["token"]] = op.value
        elif op.kind == "rewrap":
            inside[op.answer["token"]] = inside.get(op.on)
        elif op.kind == "unwrap":
            left[op.answer["value"]] += 1
            if inside.get(op.on) != op.answer["value"]:
                yield f"a secret was not what had been wrapped ({inside.get(op.on)}): {op}"
    for secret, times in left.items():
        if times > 1:
            yield f"secret {secret} left {times} times"


def _spent_twice(history: Iterable[Op]) -> Iterator[str]:
    spent = Counter(op.on for op in history if op.kind in SPENDING and op.is_answered)
    for token, times in spent.items():
        if times > 1:
            yield f"wrapping token {token} was spent {times} times"


# What is written and read


def _registers(history: Sequence[Op]) -> Iterator[str]:
    """Every path of a cubbyhole, every policy, and the time that each token has."""
    writes: dict[tuple, list[Op]] = defaultdict(list)
    reads: dict[tuple, list[tuple[Op, object]]] = defaultdict(list)
    for op in history:
        if op.kind == "create" and op.is_answered:
            first = Op(kind="renew", asked=-NEVER, told=-NEVER, value=op.value["ttl"], answer={})
            writes["lookup", None, op.answer["token"]].append(first)
        elif op.kind in _WRITING and op.may_have_happened:
            writes[_WRITING[op.kind], op.by, op.on].append(op)
        elif op.kind in _WRITING.values() and (op.is_answered or op.refusal == "not_found"):
            value = op.answer["value"] if op.is_answered else None
            reads[op.kind, op.by, op.on].append((op, value))
    for place, found in reads.items():
        yield from _register(writes[place], found)


def _register(writes: list[Op], reads: list[tuple[Op, object]]) -> Iterator[str]:
    """One place in which each value is written once, but for None: that is its absence."""
    if not any(write.asked == -NEVER for write in writes):
        writes = [Op(kind="absent", asked=-NEVER, told=-NEVER, answer={}), *writes]
    first_read: dict[object, float] = {}
    for read, value in reads:
        first_read[value] = min(read.told, first_read.get(value, NEVER))
    # When each was done at the latest: when that was told, or its value first seen.
    done = [
        write.done if write.value is None else min(write.done, first_read.get(write.value, NEVER))
        for write in writes
    ]
    replaced = _replaced(writes, done)
    by_value: dict[object, list[int]] = defaultdict(list)
    for number, write in enumerate(writes):
        by_value[write.value].append(number)
    for read, value in reads:
        sources = [n for n in by_value[value] if writes[n].asked < read.told]
        if not sources:
            yield f"it was read, and never written: {value!r} by {read}"
        elif all(replaced[n] < read.asked for n in sources):
            yield f"it was read, and something else had been written since: {value!r} by {read}"


def _replaced(writes: list[Op], done: list[float]) -> list[float]:
    """When each was certainly replaced: by one that began after it was done, and was done then."""
    order = sorted(range(len(writes)), key=lambda n: writes[n].asked)
    begun = [writes[n].asked for n in order]
    soonest = [NEVER] * (len(order) + 1)
    for place in reversed(range(len(order))):
        soonest[place] = min(soonest[place + 1], done[order[place]])
    return [soonest[bisect_right(begun, when)] for when in done]


# Uses


def _uses(history: Iterable[Op], lives: Lives) -> Iterator[str]:
    for op in history:
        if op.kind != "lookup" or not op.is_answered or op.on not in lives.grants:
            continue
        granted, left = lives.grants[op.on], op.answer["uses"]
        if not granted:
            if left:
                yield f"uses are counted that were not limited: {op}"
            continue
        most = granted - lives.uses_told(op.on, before=op.asked)
        least = granted - lives.uses_asked(op.on, before=op.told)
        if not max(1, least) <= left <= most:
            yield f"{left} uses are left, and it ought to be {least} to {most}: {op}"
    for token, granted in lives.grants.items():
        told = lives.uses_told(token, before=NEVER)
        if granted and told > granted:
            yield f"token {token} was answered {told} times, and had {granted} uses"


# The key


def _terms(history: Iterable[Op]) -> Iterator[str]:
    rotations = [op for op in history if op.kind == "rotate" and op.may_have_happened]
    told = [op for op in history if op.kind == "key_status" and op.is_answered]
    told.sort(key=lambda op: op.asked)
    for first, op in product(told[:1], told[1:]):
        before = first.answer["value"]
        least = sum(first.told < each.asked and each.done < op.asked for each in rotations)
        most = sum(each.asked < op.told and first.asked < each.done for each in rotations)
        if not before + least <= op.answer["value"] <= before + most:
            yield f"the term was {before}, and {least} to {most} were added: {op}"
