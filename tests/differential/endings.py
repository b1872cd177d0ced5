"""What ends by itself while both servers are watched. Waiting is dear, so it is one sequence."""

from exchange import ROOT, Saved, Step
from fragments import CREATE, LATEST, UNWRAP, WRAP, WRAPPED

LIFE = 2
"""Seconds: the shortest that can be told from nothing by servers that count whole seconds."""


def _create(token=ROOT, **options) -> Step:
    return Step("POST", CREATE, token, {"policies": ["default"], **options})


def _look_at(back: int, wait: float = 0) -> Step:
    return Step("POST", "auth/token/lookup", ROOT, {"token": Saved("token", back)}, wait=wait)


ENDINGS = [
    # Tokens, the last of which is Saved("token", 0) in what follows.
    Step("POST", CREATE, ROOT, {"policies": ["root"], "ttl": LIFE}),
    _create(LATEST, ttl="1h"),
    _create(Saved("token", 1), ttl="1h", no_parent=True),
    _create(ttl="1h", explicit_max_ttl=LIFE),
    _create(period=LIFE),
    _create(period="1h"),
    _create(ttl=LIFE),
    Step("POST", "auth/token/renew", ROOT, {"token": Saved("token", 0), "increment": "1h"}),
    Step("POST", "auth/token/renew", ROOT, {"token": Saved("token", 3), "increment": "1h"}),
    Step("POST", "auth/token/renew", ROOT, {"token": Saved("token", 1), "increment": 1}),
    *[Step("POST", "cubbyhole/x", Saved("token", back), {"of": back}) for back in range(7)],
    # What is wrapped: by one who will be gone, and for too short.
    Step("POST", WRAP, Saved("token", 6), {"for": "1h"}, wrap_ttl="1h"),
    Step("POST", WRAP, ROOT, {"for": "no time"}, wrap_ttl=f"{LIFE}"),
    _look_at(0, wait=LIFE + 1.5),
    *[_look_at(back) for back in range(1, 7)],
    *[Step("GET", "cubbyhole/x", Saved("token", back)) for back in range(7)],
    *[Step("POST", "auth/token/renew", ROOT, {"token": Saved("token", back)}) for back in range(7)],
    Step("POST", "sys/wrapping/lookup", None, {"token": WRAPPED}),
    Step("POST", UNWRAP, WRAPPED),
    Step("POST", "sys/wrapping/rewrap", ROOT, {"token": WRAPPED}),
    Step("POST", UNWRAP, Saved("wrapping", 1)),
    Step("POST", UNWRAP, Saved("wrapping", 1)),
    Step("LIST", "auth/token/accessors", ROOT),
]
