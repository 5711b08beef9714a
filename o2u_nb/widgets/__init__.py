"""Panels for JupyterLab: they draw what others computed, and import neither torch nor fastai."""
