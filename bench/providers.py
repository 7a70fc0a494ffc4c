"""The gateway's providers under measurement, as `[[provider]]` tables."""

from __future__ import annotations

WINDOW = 64
"""Messages without an answer yet, on one connection or over as many connections: the same for Kannel."""
WEB = "web"
SECRET = "measured-on-loopback"
_POOL = '[[pool]]\nprovider = "{name}"\nrange = "+45609946000000..+45609946999999"\n'


def smpp(port: int, name: str = "centre", *, pool: bool = True) -> str:
    """A message centre, reports asked for."""
    return (
        f'[[provider]]\nname = "{name}"\nkind = "smpp"\nhost = "127.0.0.1"\nport = {port}\n'
        f'system_id = "bench"\npassword = "bench"\nwindow = {WINDOW}\n' + (_POOL.format(name=name) if pool else "")
    )


def http(port: int, name: str = WEB) -> str:
    """A provider that takes one GET a message and answers with JSON; its webhook tells of incoming SMS."""
    return f"""\
[[provider]]
name = "{name}"
kind = "http"
url = "http://127.0.0.1:{port}/send"
method = "GET"
connections = {WINDOW}
[provider.query]
from = "{{from}}"
to = "{{to}}"
text = "{{text}}"
[provider.answer]
id = "id"
[provider.webhook]
secret = "{SECRET}"
[provider.webhook.message]
from = "from"
to = "to"
text = "text"
id = "id"
""" + _POOL.format(name=name)
