"""Campaigns that are written and started by mail."""
