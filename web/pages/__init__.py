"""What people see: one file a subject, each a router of HTML pages made from `web/templates`."""
