"""Contacts out of files that people upload: planned, previewed, then made row by row, and what was refused told."""
