"""The craft of the generic HTTP provider: options, templates, places in documents, answers, webhooks. Pure."""
