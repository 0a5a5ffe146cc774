"""A mail server on this machine, for tests."""

import email
import gc
import re
import socket
import time
import warnings
from contextlib import contextmanager
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller


class Postbox:
    """A mail server that keeps the mails it receives."""

    def __init__(self):
        self.mails = []
        self.refuses = False

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd calls it by this name
        if self.refuses:
            return "451 come back later"
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"

    def wait_for(self, number):
        for _ in range(500):
            if len(self.mails) >= number:
                return self.mails[-1]
            time.sleep(0.01)
        raise AssertionError(f"{len(self.mails)} mails came")


@contextmanager
def running_postbox(scheme="smtp", **options):
    box = Postbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port, **options)
    server.start()
    box.url = f"{scheme}://127.0.0.1:{port}"
    yield box
    # aiosmtpd leaves open connections to the garbage collector, which can run at any time.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        server.stop()
        gc.collect()


def link_in(mail):
    (link,) = re.findall(r"https://movies\.example/\S+\?token=\S+", mail.get_payload(decode=True).decode())
    return urlsplit(link).path + "?" + urlsplit(link).query
