"""Panels of the course: each answers a change of its controls at once, and needs no training."""
