"""Which provider carries a message: rules, prices, senders, and the choice that they lead to."""
