"""What `gateway.mail_out` delivers with: relays, SMTP connections, DKIM signatures."""
