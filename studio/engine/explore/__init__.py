"""Explore: every picture that one generator can make.

``codes``       latents to ws: seeds, labels, blends in z and w, truncation
``directions``  principal components, closed-form factors, imported vectors; ``wstats`` measures sigmas for all of them
``render``      pictures, tiles, sheets, comparisons, frames; ``draw`` is their common brush
``walks``       timing and curves of walks, pure arithmetic; ``film`` writes them
``invert``      a photograph into latent space; ``path_length`` how smooth the space is; ``perception`` measures both
``labels``, ``ranges``, ``walks`` need no torch, and panels use them.
"""
