"""Looking and judging in the viewer: what was removed, before and after, how sure it is, and numbers of regions.

Files that end in `_dock` hold widgets; all others work with a bare `ViewerModel`, for scripts and tests.
"""
