"""The command lines: ``cubby`` for everybody, ``cubbyd`` to run the daemon."""
