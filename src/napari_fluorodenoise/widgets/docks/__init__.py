"""The docks: what each asks for, what it says of the data before a run, and its preview."""
