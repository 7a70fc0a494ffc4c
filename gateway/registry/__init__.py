"""What `gateway.accounts` keeps: keys, numbers, the directory in memory, and the rules of opening accounts."""
