"""``python -m studio.training stylegan2 ...``: the training command without the rest of the program."""

import sys

from studio.training.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
