"""SQL of contacts, groups and imports: the only room of campaigns that knows it."""
