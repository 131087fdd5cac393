"""How the view moves: dense flow, its mode, offsets frame by frame, and the canvas on which a sequence holds still."""
