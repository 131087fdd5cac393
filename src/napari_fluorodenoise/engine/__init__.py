"""How work is run: over blocks, in order, with progress and a way to stop. Knows no algorithm and no viewer."""
