"""What `gateway.mail_parse` reads with: headers, MIME, character sets, HTML, signatures; and machines told apart."""
