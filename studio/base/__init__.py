"""The ground floor: what every room may use and nothing else (errors, the job contract, paths)."""
