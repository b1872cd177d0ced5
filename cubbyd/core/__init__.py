"""The domain: decisions without effects. Clock readings and random bytes are arguments here."""
