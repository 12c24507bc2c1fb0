"""Morph: autoencoders that an artist can play.

``framing``     which part of a picture an autoencoder sees (numpy and Pillow only; panels use it too)
``encodings``   pictures as mean and log-variance, kept in memory; what came with a model (its data, its attributes)
``encode``      the operation: a picture through the encoder and back
``space``       the operation: how encoded data lies in latent space
``attribute``   the operation: a direction from two piles; ``piles`` is its arithmetic
An autoencoder is a generator with one layer (:mod:`studio.nets.drawing`), so pictures, tiles, walks, strips and
directions are those of :mod:`studio.engine.explore`.
"""
