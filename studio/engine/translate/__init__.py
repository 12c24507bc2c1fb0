"""Pictures into pictures: translators, cycles, variations, labels, larger pictures, tracing.

``labels`` is free of torch, so that panels may read what the card says.
"""
