"""The deployed site: behind nginx, configured as in docs/deployment.md, over https, next to other sites.

Every host name resolves to this machine. The browser accepts the untrusted certificate.
"""

import http.client
import itertools
import re
import shutil
import socket
import ssl
import subprocess
import threading
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import trustme
import waitress.server
from playwright.sync_api import expect

from flicklist import main
from tests.browser.conftest import ARGUMENTS, CHROMIUM, TIMEOUT_MILLISECONDS, follow
from tests.clients import PASSWORD
from tests.conftest import LIMITS, SECRET, dispose
from tests.faults.conftest import free_port, wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HOST = "flicklist.example"
TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def documented(root):
    return (root / "docs" / "deployment.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served(documented, tmp_path_factory):
    """Serve the site with waitress, with the proxy settings of production.ini."""
    (hosts,) = re.findall(r"(?m)^FLICKLIST_HOSTS=(.*)$", documented)
    settings = {
        "flicklist.database_url": f"sqlite:///{tmp_path_factory.mktemp('https')}/flicklist.db",
        "flicklist.migrate_at_start": "true",
        "flicklist.secret": SECRET,
        "flicklist.hosts": hosts,
        "flicklist.bcrypt_cost": "4",
        **{f"flicklist.{name}": "" for name in LIMITS},
    }
    app, port = main({}, **settings), free_port()
    server = waitress.server.create_server(
        app, host="127.0.0.1", port=port, threads=8,
        trusted_proxy="127.0.0.1", trusted_proxy_count=1,
        trusted_proxy_headers={"x-forwarded-for", "x-forwarded-proto"}, clear_untrusted_proxy_headers=True,
    )  # fmt: skip
    threading.Thread(target=server.run, daemon=True).start()
    yield port
    server.close()
    dispose(app)


@pytest.fixture(scope="module")
def plain():
    return free_port()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def origin(served, plain, documented, folder):
    """Start nginx with the documented configuration, on other ports."""
    if NGINX is None:
        pytest.fail("These tests need nginx. On Debian: apt-get install nginx-light")
    port = free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    issued = trustme.CA().issue_cert(HOST)
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(certificate)
    configuration = re.search(r"flicklist\.conf`:\n\n```\n(.*?)```", documented, re.DOTALL)[1]
    for written, here in [
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/flicklist.example.pem", str(certificate)),
        ("/etc/ssl/flicklist.example.key", str(key)),
        ("/var/log/nginx/access.log", f"{folder}/access.log"),
        ("/var/log/nginx/error.log", f"{folder}/site-error.log"),
        ("http://127.0.0.1:6543", f"http://127.0.0.1:{served}"),
    ]:
        assert written in configuration
        configuration = configuration.replace(written, here)
    paths = "\n".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off;\n{paths}\n{configuration}\n}}\n"
    )
    nginx = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
    wait_until(lambda: (folder / "pid").exists() or nginx.poll() is not None, "nginx starts")
    assert nginx.poll() is None, (folder / "error.log").read_text()
    yield f"https://{HOST}:{port}"
    nginx.terminate()
    nginx.wait()
    logged = (folder / "access.log").read_text()
    assert "GET /register" in logged
    assert "0123456789" not in logged
    assert "0123456789" not in (folder / "site-error.log").read_text()


@pytest.fixture(scope="module")
def resolving_browser(chromium):
    """Open a browser that resolves every host name to this machine."""
    arguments = [*ARGUMENTS, "--host-resolver-rules=MAP * 127.0.0.1"]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def context(resolving_browser):
    context = resolving_browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    yield context
    context.close()


@pytest.fixture
def alice(context, origin):
    """Alice's page, with Heat on her watchlist."""
    page = context.new_page()
    page.goto(f"{origin}/register")
    page.get_by_label("Email").fill(f"alice{next(_numbers)}@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat password").fill(PASSWORD)
    page.get_by_role("button", name="Register").click()
    page.get_by_role("heading", name="Watchlist").wait_for()
    page.locator("#add [name=title]").fill("Heat")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="I watched it! Heat").wait_for()
    return SimpleNamespace(page=page, path=page.url, token=page.locator("[name=csrf_token]").first.input_value())


def test_forms_work_and_cookie_is_bound_to_host(alice, context):
    cookies = context.cookies()
    assert {cookie["name"] for cookie in cookies} == {"__Host-flicklist", "__Host-flicklist-browser"}
    for cookie in cookies:
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    alice.page.get_by_role("button", name="I watched it! Heat").click()
    expect(alice.page.get_by_role("status")).to_contain_text("Watched “Heat” today.")


@pytest.mark.parametrize("host", ["evil.example", f"sub.{HOST}"])
def test_form_from_another_site_changes_nothing_even_with_token(alice, context, origin, host):
    other = context.new_page()
    there = origin.replace(HOST, host)
    form = (
        f'<form method="post" action="{alice.path}add"><input name="csrf_token" value="{alice.token}">'
        '<input name="title" value="Planted"><button>Win</button></form>'
    )
    other.route(f"{there}/", lambda route: route.fulfill(body=form, content_type="text/html"))
    other.goto(f"{there}/")
    with other.expect_navigation() as navigation:
        other.get_by_role("button").click()
    answer = navigation.value
    assert answer.status == 403
    alice.page.goto(alice.path)  # still logged in: her cookie was not replaced
    assert alice.page.locator(".movies .title").all_inner_texts() == ["Heat"]


def test_back_button_shows_no_movie_after_log_out(alice):
    follow(alice.page, "Watched")
    follow(alice.page, "Watchlist")
    alice.page.get_by_role("button", name="Log out").click()
    alice.page.get_by_role("heading", name="Log in").wait_for()
    for _ in range(3):
        alice.page.go_back()
        assert "Heat" not in alice.page.content()
    expect(alice.page.get_by_role("heading", name="Keep a list")).to_be_visible()


def test_content_security_policy_blocks_injected_code(alice):
    stopped = alice.page.evaluate(
        """async () => {
            const stopped = [];
            document.addEventListener("securitypolicyviolation", event => stopped.push(event.effectiveDirective));
            const slip = html => document.body.insertAdjacentHTML("beforeend", html);
            slip('<img src="/nothing" onerror="window.slipped = 1"><p style="color: red">x</p>');
            slip('<iframe src="/login"></iframe><img src="https://evil.example/x.png">');
            const script = document.createElement("script");
            script.textContent = "window.slipped = 2";
            document.body.append(script);
            await fetch("https://evil.example/").catch(() => 0);
            await new Promise(done => setTimeout(done, 500));
            return {stopped, slipped: window.slipped};
        }"""
    )
    assert stopped.get("slipped") is None
    assert {"script-src-attr", "script-src-elem", "style-src-attr", "frame-src", "img-src", "connect-src"} <= set(
        stopped["stopped"]
    )


def test_site_cannot_be_framed(context, origin):
    page = context.new_page()
    there = origin.replace(HOST, "evil.example")
    frame = f'<iframe src="{origin}/login"></iframe>'
    page.route(f"{there}/", lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(f"{there}/")
    page.wait_for_timeout(500)
    assert [each.url for each in page.frames[1:]] == ["chrome-error://chromewebdata/"]


def test_plain_http_redirects_to_https_without_cookie(origin, plain):
    connection = http.client.HTTPConnection("127.0.0.1", plain)
    connection.request("GET", "/login", headers={"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/login")
    assert "Set-Cookie" not in answer.headers
    connection.close()


def test_unknown_host_gives_400(context, origin):
    page = context.new_page()
    assert page.goto(f"{origin.replace(HOST, 'evil.example')}/login").status == 400


def negotiate_cipher(origin, version, ciphers="ALL:@SECLEVEL=0"):
    """Connect with only one TLS version, and return the negotiated cipher."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    connection = socket.create_connection(("127.0.0.1", urlsplit(origin).port))
    with connection, context.wrap_socket(connection, server_hostname=HOST) as encrypted:
        return encrypted.cipher()[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_current_tls_versions_are_accepted(origin, version):
    assert negotiate_cipher(origin, version)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_tls_versions_are_refused(origin, version):
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        negotiate_cipher(origin, ssl.TLSVersion[version])


def test_cipher_without_forward_secrecy_is_refused(origin):
    with pytest.raises(ssl.SSLError, match="alert handshake failure"):
        negotiate_cipher(origin, ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0")


@pytest.mark.parametrize(
    "path", ["password-reset/new?token=", "register?invitation=", "register?next=/account/confirm-email%3Ftoken%3D"]
)
def test_tokens_in_links_are_not_logged(context, origin, path):
    """The `origin` fixture checks the log after nginx has stopped."""
    assert context.new_page().goto(f"{origin}/{path}0123456789").status == 200


def send(origin, method, path, content_length=0):
    """Send the headers of a request, and return the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", urlsplit(origin).port, context=context)
    connection.request(method, path, headers={"Host": HOST, "Content-Length": str(content_length)})
    return connection


def answer_to(connection):
    answer = connection.getresponse()
    connection.close()
    return answer


@pytest.mark.parametrize("query", ["token=0123456789", "a=b&invitation=0123456789", "next=%2F%3Ftoken%3D0123456789"])
def test_log_has_path_of_every_request_without_query(origin, folder, query):
    path = f"/{query.partition('=')[0]}-in-query"
    assert answer_to(send(origin, "GET", f"{path}?{query}")).status == 303
    log = folder / "access.log"
    wait_until(lambda: f'"GET {path} HTTP/1.1" 303 ' in log.read_text(), "the request is logged")
    assert not re.search(r'"(GET|POST) [^" ]*\?', log.read_text())


def test_requests_under_way_from_one_address_are_limited(origin, documented):
    limit = int(re.search(r"limit_conn connections (\d+);", documented)[1])
    waiting = [send(origin, "POST", "/", content_length=1) for _ in range(limit)]  # the body never comes
    refused = answer_to(send(origin, "GET", "/login?token=0123456789"))  # which is an error in nginx's log
    assert (refused.status, refused.headers["Retry-After"]) == (429, "3")
    for connection in waiting:
        connection.close()
    wait_until(lambda: answer_to(send(origin, "GET", "/login")).status == 200, "others are served again")


def test_rate_limited_client_gets_retry_after(origin):
    """Must be the last test: all tests share one client address, which is blocked afterwards."""
    for _ in range(40):
        answer = answer_to(send(origin, "POST", "/login"))
        if answer.status == 429:
            break
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
