"""Plays the cases of tests/cases: a project, files, commands, and what they must print or leave. See tests/README.md."""
