"""What `gateway.mail_compose` writes with: MIME, frames, reports, and the welcome."""
