"""What every test shares. Being here also lets them import the modules beside this file."""

import os

import pytest
from hypothesis import settings

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
