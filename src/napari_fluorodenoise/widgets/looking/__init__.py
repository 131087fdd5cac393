"""Looking and judging in the viewer: what was removed, before and after, how sure it is, and numbers of regions.

`compare`, `regions` and `kymograph` hold the docks, `following` and `drawing` what the docks have in common; these need
Qt. All others work with a bare `ViewerModel`, for scripts and tests.
"""
