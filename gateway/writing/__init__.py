"""What `gateway.mail_compose` writes with: MIME, frames, reports, and texts in seven languages."""
