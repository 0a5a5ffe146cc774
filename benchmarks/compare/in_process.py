"""Serve pages without a server, to measure their CPU time: in_process.py NAME PERSON, with DATABASE_URL.

For each line that is read, pages are served for that many seconds of CPU time, and the milliseconds of one are printed.
"""

import gc
import importlib
import io
import sys
import time
from http import HTTPStatus
from urllib.parse import urlencode

from connection import Answer, Connection, log_in
from prepare import PASSWORD, email_of


class DirectConnection(Connection):
    """A connection that calls a WSGI application."""

    def __init__(self, application) -> None:
        super().__init__(80)
        self._application = application

    def get(self, path: str) -> Answer:
        return self._call(path, "GET", b"")

    def post(self, path: str, **fields: str) -> Answer:
        return self._call(path, "POST", urlencode(fields).encode())

    def _call(self, path: str, method: str, body: bytes) -> Answer:
        answer = []
        chunks = self._application(
            self._environ(path, method, body), lambda status, headers, error=None: answer.extend([status, headers])
        )
        content = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        status, headers = answer
        return Answer(int(status[:3]), "\n".join(f"{name}: {value}" for name, value in headers), content.decode())

    def _environ(self, path: str, method: str, body: bytes) -> dict:
        return {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if body else "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }


def serve(name: str, person: int) -> None:
    connection = DirectConnection(importlib.import_module(f"apps.{name}").app)
    path = log_in(connection, email_of(person), PASSWORD)
    connection.cookies |= connection.get(path).cookies  # without the message that greets the person
    for line in sys.stdin:
        gc.collect()
        pages, started = 0, time.process_time()
        while time.process_time() < started + float(line):
            if connection.get(path).status != HTTPStatus.OK:
                raise SystemExit(f"{name} did not show the page.")
            pages += 1
        print(f"{(time.process_time() - started) / pages * 1000:.4f}", flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
