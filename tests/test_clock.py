"""An instant as text: whatever a clock says, it is told."""

from datetime import UTC, datetime

import pytest
from fakes import EPOCH
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.clock import rfc3339


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-0.5, "1969-12-31T23:59:59.500000Z"),
        (EPOCH + 0.25, "2026-11-22T02:00:00.250000Z"),
        (1_835_395_200, "2028-02-29T00:00:00.000000Z"),
        (2**31 - 1, "2038-01-19T03:14:07.000000Z"),
        (2**31, "2038-01-19T03:14:08.000000Z"),
        (2**32, "2106-02-07T06:28:16.000000Z"),
        (4_107_542_399, "2100-02-28T23:59:59.000000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000000Z"),
    ],
)
def test_known_instants(instant, text):
    assert rfc3339(instant) == text


@given(st.datetimes(timezones=st.just(UTC)).map(datetime.timestamp))
def test_what_is_told_is_the_instant(instant):
    assert datetime.fromisoformat(rfc3339(instant)).timestamp() == pytest.approx(instant, abs=1e-4)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (253_402_300_799.99999, "9999-12-31T23:59:59.000000Z"),
        (253_402_300_800, "9999-12-31T23:59:59.000000Z"),
        (1e300, "9999-12-31T23:59:59.000000Z"),
        (-62_135_596_801, "0001-01-01T00:00:00.000000Z"),
        (-1e300, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_an_instant_that_has_no_name_is_told_as_the_nearest_that_has(instant, text):
    """A clock that is out of its mind must not stop a daemon that tells of it."""
    assert rfc3339(instant) == text
