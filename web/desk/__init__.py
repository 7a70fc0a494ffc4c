"""What can be done, whoever asks and by whatever way: each deed checks the actor, does it, and writes the audit log."""
