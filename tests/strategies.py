"""What Hypothesis draws for the messages and the values in them."""

from hypothesis import strategies as st

from cubbyd import errors
from cubbyd.codec import MAX_BIGNUM_BYTES
from cubbyd.messages import Auth, Operation, Peer, Response, Role, WrapInfo
from cubbyd.secret import Secret
from cubbyd.wire.connection import MAX_ID

PEER = Peer(uid=1000, gid=1000, pid=4242, role=Role.OWNER)

_BEYOND = 1 << (8 * MAX_BIGNUM_BYTES)
_EDGES = [23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, 2**64, _BEYOND - 1]

integers = (
    st.integers(-_BEYOND, _BEYOND - 1)
    | st.sampled_from(_EDGES)
    | st.sampled_from(_EDGES).map(int.__invert__)
)
keys = st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | integers
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.binary(max_size=30)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
maps = st.dictionaries(keys, values, max_size=3)

ids = st.integers(0, MAX_ID)
durations = st.integers(0, 2**40)
secrets = st.text(max_size=12).map(Secret.from_text)
operations = st.sampled_from(Operation)

wrap_infos = st.builds(
    WrapInfo,
    token=secrets,
    accessor=st.text(max_size=8),
    ttl=durations,
    creation_time=st.just("2026-11-22T01:17:41.500000Z"),
    creation_path=st.text(max_size=8),
    wrapped_accessor=st.none() | st.text(max_size=8),
)
auths = st.builds(
    Auth,
    client_token=secrets,
    accessor=st.text(max_size=8),
    policies=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    lease_duration=durations,
    renewable=st.booleans(),
    orphan=st.booleans(),
    num_uses=durations,
    metadata=st.none() | st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)
responses = st.builds(
    Response,
    request_id=st.text(max_size=8),
    data=st.none() | maps,
    auth=st.none() | auths,
    wrap_info=st.none() | wrap_infos,
    warnings=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    status=st.none() | st.integers(200, 599),
    lease_id=st.none() | st.text(max_size=8),
    lease_duration=st.none() | durations,
    renewable=st.none() | st.booleans(),
)
refusals = st.builds(
    lambda kind, messages, status, detail: kind(*messages, status=status, detail=detail),
    st.sampled_from(list(errors.REFUSALS.values())),
    st.lists(st.text(max_size=8), min_size=1, max_size=3),
    st.none() | st.integers(400, 599),
    maps,
)
