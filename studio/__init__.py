"""Latent Studio: a desktop editor for the latent spaces of image generators, offline on the artist's own machine."""

__version__ = "0.1.0"
