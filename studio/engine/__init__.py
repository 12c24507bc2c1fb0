"""What the studio can do, Qt-free: operations as step generators, the context they work in, the registry.

Importing this package, :mod:`.results`, :mod:`.registry`, :mod:`.context`, :mod:`.devices` or :mod:`.memory`
does not import torch; that happens with the first operation, in the worker's thread.
"""
