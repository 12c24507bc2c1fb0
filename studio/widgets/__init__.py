"""Widgets that know nothing of models: data in, signals out."""
