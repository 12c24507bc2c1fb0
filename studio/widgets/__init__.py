"""Widgets that know nothing of models: data in, signals out."""

from studio.widgets.singletons import keep_singletons

keep_singletons()
