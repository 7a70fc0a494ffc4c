"""What campaigns keep: tables and SQL above the transport's own."""
