"""A run in the window: what was ordered, the thread that does it, how it goes, and the layers that come of it."""
