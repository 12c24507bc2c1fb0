"""One module (or package) for each workspace: a stage, an inspector, and the requests between them and the worker."""
