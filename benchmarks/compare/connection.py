"""A small HTTP client. It costs little, because it shares the processor with the servers that are measured."""

import re
import socket
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlencode

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 60


class Answer(NamedTuple):
    """The response to a request."""

    status: int
    head: str
    body: str

    @property
    def location(self) -> str:
        """The path to which a redirect leads."""
        found = re.search(r"(?im)^location: (?:https?://[^/\s]+)?(\S+)", self.head)
        return found[1] if found else ""

    @property
    def cookies(self) -> dict[str, str]:
        return dict(re.findall(r"(?im)^set-cookie: +([^=;\s]+)=([^;\r\n]*)", self.head))

    @property
    def token(self) -> dict[str, str]:
        """The CSRF token of the page as a form field. The limit has none."""
        return dict(re.findall(r'name="(csrf\w+)"[^>]* value="([^"]+)"', self.body)[:1])


class Connection:
    """A persistent connection of one browser, which opens again when the server closes it."""

    def __init__(self, port: int, cookies: dict[str, str] | None = None) -> None:
        self.port = port
        self.cookies = dict(cookies or {})
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def get(self, path: str) -> Answer:
        return self._send(f"GET {path} HTTP/1.1\r\n{self._headers()}\r\n".encode())

    def post(self, path: str, **fields: str) -> Answer:
        body = urlencode(fields)
        form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        return self._send(f"POST {path} HTTP/1.1\r\n{self._headers()}{form}\r\n{body}".encode())

    def _headers(self) -> str:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return f"Host: {HOST}:{self.port}\r\n" + (f"Cookie: {cookies}\r\n" if cookies else "")

    def _send(self, request: bytes) -> Answer:
        """Send a request and return the response. Raises `OSError`."""
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self.port), TIMEOUT_SECONDS)
        self._socket.sendall(request)
        head, _, body = self._receive_until(lambda received: b"\r\n\r\n" in received).partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        body = self._receive_until(lambda received: len(received) >= length, body)
        if b"connection: close" in head.lower():
            self.close()
        return Answer(int(head[9:12]), head.decode("latin-1"), body.decode())

    def _receive_until(self, is_enough, received: bytes = b"") -> bytes:
        while not is_enough(received):
            more = self._socket.recv(65_536)
            if not more:
                self.close()
                raise ConnectionError("the server closed the connection")
            received += more
        return received


def log_in(connection: Connection, email: str, password: str) -> str:
    """Log in with the form of the application, keep the cookies, and return the path to which that leads."""
    page = connection.get("/login")
    fields = page.token | {"email": email, "username": email, "password": password}  # Django's form has a username
    connection.cookies |= page.cookies
    answer = connection.post("/login", **fields)
    connection.cookies |= answer.cookies
    if answer.status not in {302, 303} or answer.location.startswith("/login"):
        raise PermissionError(f"the login was refused with status {answer.status}")
    return answer.location
