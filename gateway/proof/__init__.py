"""What `gateway.mail_auth` weighs: DKIM, SPF, ARC, and which domains speak for which."""
