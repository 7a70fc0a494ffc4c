"""SQL of contacts, groups, imports and campaigns: the only room of campaigns that knows it."""
