"""The command line: one file per command; what is heavy is imported when a command runs."""
