"""Looks a store over while no daemon runs: what is there, what is damaged, and who suffers by it.

Everything that opens without a token is opened: each token's metadata, each policy. Of a cubbyhole
only the frame can be judged, for nothing but its token opens it.

Nothing is changed unless somebody asks. ``Aside`` moves damaged files away so that nobody gains by
it. A damaged token's descendants are refused as long as its file is there; were it merely gone, the
reaper would take them for children of a revoked token, and destroy them. So they go with it,
youngest first, and whoever puts the files back has them all again. Two things are never moved: a
policy's file, for without it its tokens would go by what else they have (a rule that denied is
gone, the built-in ``default`` is back); and what another cubbyd or keyring may open.
"""
