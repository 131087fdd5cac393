"""Tables that show what the stages are worth, on sequences whose truth is known."""
