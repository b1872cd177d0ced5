"""The error tree keeps these rules.

- Each code stands for one class, and every class of refusal can cross the wire.
- A client that does not know a code goes by the status.
- Words are OpenBao's where it has words, or the caller's, or the class's own.
"""

import pytest

from cubbyd import errors
from cubbyd.errors import REFUSALS, RefusedError, WireError, refusal


def subclasses(kind):
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_each_code_stands_for_one_class():
    assert all(kind.code == code for code, kind in REFUSALS.items())
    wire = {kind.code for kind in (WireError, *subclasses(WireError))}
    assert wire == {"malformed_frame", "frame_too_large"}
    assert wire.isdisjoint(REFUSALS)


OF_THE_TREE = [kind for kind in subclasses(RefusedError) if kind.__module__ == errors.__name__]
"""Others never leave the door that has them."""


@pytest.mark.parametrize("kind", OF_THE_TREE)
def test_every_refusal_can_cross_the_wire(kind):
    """A subclass without a code of its own arrives as the class that has it."""
    assert issubclass(kind, REFUSALS[kind.code])
    assert kind.status == REFUSALS[kind.code].status


@pytest.mark.parametrize("kind", REFUSALS.values())
def test_a_known_code_raises_its_own_class_again(kind):
    error = refusal(kind.code, kind.status, ["no"], {"left": 3})
    assert type(error) is kind
    assert (error.code, error.status, error.messages) == (kind.code, kind.status, ("no",))
    assert error.detail == {"left": 3}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequestError),
        (403, errors.PermissionDeniedError),
        (404, errors.UnsupportedPathError),
        (405, errors.UnsupportedOperationError),
        (413, errors.TooLargeError),
        (429, errors.QuotaExceededError),
        (500, errors.InternalError),
        (503, errors.BusyError),
        (507, errors.StorageFullError),
        (418, errors.InternalError),
    ],
)
def test_an_unknown_code_goes_by_its_status(status, kind):
    error = refusal("brewing", status, ["short and stout"])
    assert type(error) is kind
    assert (error.code, error.status) == ("brewing", status)
    assert kind.code != "brewing"


def test_a_frame_that_was_refused_reaches_the_client_as_a_refusal():
    assert type(refusal("frame_too_large", 413, ["no"])) is errors.TooLargeError
    assert type(refusal("malformed_frame", 400, ["no"])) is errors.InvalidRequestError


def test_words_are_the_classs_own_until_somebody_has_better_ones():
    assert errors.PermissionDeniedError().messages == ("permission denied",)
    assert errors.PermissionDeniedError("bad token").messages == ("bad token",)
    assert str(errors.InvalidRequestError("one", "two")) == "one; two"


def test_a_bare_status_has_no_words():
    assert errors.NotFoundError().messages == ()
    assert str(errors.NotFoundError()) == "not_found"


def test_a_status_can_be_given_for_one_case():
    assert errors.WrappingTokenInvalidError(status=403).status == 403
    assert errors.WrappingTokenInvalidError.status == 400


def test_multierror_is_written_as_openbao_writes_it():
    assert errors.multierror("permission denied") == "1 error occurred:\n\t* permission denied\n\n"
