"""What every test shares. Being here also lets them import the modules beside this file."""

import os
import signal

import pytest
from hypothesis import settings

# What a shell runs in the background ignores these, and so would the programs that tests start.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

# A busy machine is no reason for a property not to hold.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("quick")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Where everything ought to run, a test that was skipped has failed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and "CUBBYD_SKIP_NOTHING" in os.environ:
        report.outcome = "failed"
    return report
