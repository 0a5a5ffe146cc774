"""The nginx configuration in docs/deployment.md limits each client."""

import http.client
import re
import shutil
import subprocess

import pytest

from tests.faults.conftest import free_port, wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
# The client's address is taken from a header, so that a test can have any address.
CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    {temporary}
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    {documented}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            limit_req zone=passwords burst=2 nodelay;
            proxy_pass http://127.0.0.1:{port_behind};
        }}
    }}
    server {{
        listen 127.0.0.1:{port_behind};
        return 200;
    }}
}}
"""


@pytest.fixture
def post(root, tmp_path):
    """Return a function that sends a POST from an address through nginx, and returns the status."""
    if NGINX is None:
        pytest.skip("nginx is not here; on Debian: apt-get install nginx")
    documented, port = (root / "docs" / "deployment.md").read_text(encoding="utf-8"), free_port()
    (limits,) = re.findall(r"(?ms)^# A client is .*?^limit_req_status 429;$", documented)
    (tmp_path / "nginx.conf").write_text(
        CONFIGURATION.format(
            folder=tmp_path,
            temporary="\n".join(f"{name}_temp_path {tmp_path}/{name};" for name in TEMPORARY),
            documented=limits,
            port=port,
            port_behind=free_port(),
        )
    )

    def send(address):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/login", headers={"X-Forwarded-For": address, "Content-Length": "0"})
        status = connection.getresponse().status
        connection.close()
        return status

    def answers():
        try:
            return send("192.0.2.250") == 200
        except OSError:
            return False

    with subprocess.Popen(
        [NGINX, "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]
    ) as nginx:
        wait_until(answers, "nginx answers")
        yield send
        nginx.terminate()


def test_nginx_limits_ipv6_by_network_of_64_bits_and_ipv4_by_address(post):
    for network in ("2001:db8::", "2001:db8:a0a:a0a:"):  # 0a is a line feed
        in_network = [
            f"{network}{number}" if network.endswith("::") else f"{network}:{number}" for number in range(1, 6)
        ]
        assert [post(address) for address in in_network].count(200) == 3
    assert post("2001:db8:0:1::1") == 200
    assert [post(f"192.0.2.{number}") for number in range(1, 6)] == [200] * 5
    assert [post("192.0.2.9") for _ in range(5)].count(200) == 3
    assert [post(f"::ffff:192.0.2.{number}") for number in range(101, 106)] == [200] * 5
    assert [post("::ffff:192.0.2.109") for _ in range(5)].count(200) == 3
