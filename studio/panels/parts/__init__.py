"""Pieces of inspectors that more than one panel shows: the model chooser, truncation and noise, labels."""
