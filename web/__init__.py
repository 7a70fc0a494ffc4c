"""Pages and HTTP interfaces."""
