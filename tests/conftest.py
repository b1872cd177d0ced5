"""What every test shares. Being here also lets them import the modules beside this file."""

from hypothesis import settings

# A busy machine is no reason for a property not to hold.
settings.register_profile("cubbyd", deadline=None)
settings.load_profile("cubbyd")
