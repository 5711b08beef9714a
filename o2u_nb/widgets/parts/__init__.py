"""What panels are made of: the panel itself, plots that fit their place, the status line."""
