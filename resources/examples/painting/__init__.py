"""How the example pictures are painted: numpy and Pillow, the same on every machine."""
