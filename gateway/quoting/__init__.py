"""What `gateway.quotes` knows: how clients mark quoted history, in which words, and where it ends."""
