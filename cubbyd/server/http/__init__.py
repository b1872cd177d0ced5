"""The HTTP door: OpenBao's API for OpenBao's clients, translated into our one request and back.

From the bytes up: ``head`` and ``chunks`` refuse what two readers could understand differently,
``connection`` cuts the stream into requests with ``incoming`` and h11, ``request`` and ``body``
turn one into ours, ``reply`` turns what we say into theirs. The loop around it is
``server.session``, as on the CBOR door.
"""
