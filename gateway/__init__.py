"""The transport: mail to SMS and SMS to mail. Knows neither campaigns nor web pages."""
