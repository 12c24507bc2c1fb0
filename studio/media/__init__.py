"""Pictures and films, in and out (numpy and pillow only)."""
