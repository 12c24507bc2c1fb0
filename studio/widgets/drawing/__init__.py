"""Drawing: a sheet of paper with its tools (:mod:`drawcanvas`), the bar of tools, and the stage of two canvases."""
