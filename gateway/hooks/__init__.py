"""The craft of webhooks that leave: what events say, how calls are signed and made, when they are tried again."""
