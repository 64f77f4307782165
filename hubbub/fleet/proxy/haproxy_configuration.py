"""The text of HAProxy's configuration, for 2.6 and later."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hubbub.fleet.proxy import Backend
from hubbub.fleet.proxy.common import (
    ACME_PORT,
    CIPHERS,
    COMPRESSED_TYPES,
    CONNECT_SECONDS,
    COOKIE,
    HSTS,
    IDLE_SECONDS,
    PAGE,
    REQUEST_SECONDS,
    RETRY_AFTER,
    SANE_REQUEST_ID,
    SECURITY_HEADERS,
    SOCKET_PATH,
    TUNNEL_SECONDS,
    Address,
    addresses,
    existing_user,
    networks,
    problem,
)
from hubbub.fleet.settings import FleetSettings, size

RELOADS = 50
"""So many old processes may live on for their sockets; the oldest ends then."""
ADDRESSES = 100_000
"""How many clients' addresses are counted at a time; the longest unseen goes."""
CLIENT = "src,ipmask(32,64)"
"""Whose limits they are: with IPv6 everybody has a whole network of addresses."""
HOPS = 5
"""Trusted proxies in a row."""
MOST_FILES = 200_000
LARGEST_HEAD = 12_288
"""Bytes of all headers; above 15 KB the request does not fit HAProxy's buffer and gets 400."""
DRAINED_LIST = "drained.list"
"""Names of the servers that get no new sessions; HAProxy reads it at its start, and is told of changes."""
WINDOW = 10
"""Seconds over which rates are averaged."""

LOG = {
    "time": "%[date,utime(%Y-%m-%dT%H:%M:%SZ)]",
    "level": "info",
    "logger": "proxy",
    "request_id": "%[var(txn.id)]",
    "client": "%[src]",
    "method": "%HM",
    "path": "%[var(txn.path),json(utf8s)]",
    "version": "%HV",
    "agent": "%[var(txn.agent),json(utf8s)]",
    "worker": "%s",
    "ended": "%ts",
    "retries": "%rc",
}
LOGGED_NUMBERS = {"status": "%ST", "bytes": "%B", "milliseconds": "%Ta"}


def server_name(port: int) -> str:
    return f"w{port}"


def configuration(settings: FleetSettings, folder: Path, backends: Sequence[Backend]) -> str:
    """Everything HAProxy reads. Raises ProxyError for a setting it could not use."""
    proxy = settings.proxy
    http, https = addresses(proxy)
    trusted = networks(proxy)
    sections = [
        global_section(folder),
        defaults_section(),
        [
            "peers fleet",
            f"    bind unix@{folder}/peers.sock mode 600",
            "    server fleet",
        ],
        table("connections", "conn_cur"),
        table("clients", f"conn_cur,http_req_rate({WINDOW}s),gpc0_rate({WINDOW}s)"),
        frontend(settings, folder, http, https, trusted),
        acme_section(),
        workers(settings, folder, backends),
        [
            "frontend figures",
            f"    bind unix@{folder}/figures.sock mode 600",
            "    no log",
            "    http-request use-service prometheus-exporter if { path /metrics }",
            "    http-request return status 404",
        ],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def global_section(folder: Path) -> list[str]:
    lines = [
        "global",
        "    localpeer fleet",
        f"    stats socket {folder}/stats.sock mode 600 level admin expose-fd listeners",
        "    stats timeout 30s",
        f"    server-state-file {folder}/servers.state",
        f"    mworker-max-reloads {RELOADS}",
        f"    fd-hard-limit {MOST_FILES}",
        # Another fleet on the same port is an error, not half of the clients.
        "    noreuseport",
        "    log stdout len 8192 format raw local0 info",
        "    ssl-default-bind-options ssl-min-ver TLSv1.2",
        f"    ssl-default-bind-ciphers {CIPHERS}",
    ]
    if user := existing_user("haproxy", "nobody"):
        lines += [f"    user {user[0]}", f"    group {user[1]}"]
    return lines


def defaults_section() -> list[str]:
    lines = [
        "defaults",
        "    mode http",
        "    log global",
        "    option dontlognull",
        # A request that meets the end of a reload is answered, not cut.
        "    option idle-close-on-response",
        "    option http-ignore-probes",
        f"    timeout connect {CONNECT_SECONDS}s",
        f"    timeout http-request {REQUEST_SECONDS}s",
        f"    timeout http-keep-alive {IDLE_SECONDS}s",
        f"    timeout client {IDLE_SECONDS}s",
        f"    timeout server {IDLE_SECONDS}s",
        f"    timeout tunnel {TUNNEL_SECONDS}s",
        "    timeout client-fin 5s",
        "    timeout server-fin 5s",
        f"    timeout queue {CONNECT_SECONDS}s",
        "    load-server-state-from-file global",
    ]
    for status in (400, 408, 502, 503, 504):
        text = quoted(problem(status, "%[var(txn.id)]"))
        retry = f" hdr Retry-After {RETRY_AFTER[status]}" if status in RETRY_AFTER else ""
        lines.append(
            f"    http-error status {status} content-type application/problem+json"
            f" lf-string {text}{retry}"
        )
    return lines


def table(name: str, counters: str) -> list[str]:
    """A section that only counts, by address. The peers hand it over in a reload."""
    kind = f"stick-table type ipv6 size {ADDRESSES} expire 60s peers fleet"
    return [f"backend {name}", f"    {kind} store {counters}"]


def frontend(
    settings: FleetSettings,
    folder: Path,
    http: Address | None,
    https: Address | None,
    trusted: Sequence[str],
) -> list[str]:
    proxy = settings.proxy
    lines = [
        *([f"bind {http.text}"] if http else []),
        *(
            [f"bind {https.text} ssl crt {folder}/certificate.pem alpn h2,http/1.1"]
            if https
            else []
        ),
        f"log-format {quoted(log_line())}",
        *connection_limit(settings, trusted),
        *identify(trusted),
        "acl secure var(txn.scheme) -m str https",
        f"acl socket path -m beg {SOCKET_PATH}",
        "acl session url_param(sid) -m found",
        "acl page req.hdr(accept) -m sub text/html",
        *limits(settings),
    ]
    if http and https:
        port = "" if https.port == 443 else f":{https.port}"
        host = "%[req.hdr(host),regsub(:[0-9]+$,)]"
        # certbot's challenge comes by plain HTTP.
        lines.append(
            f"http-request redirect code 301 location https://{host}{port}%[capture.req.uri]"
            " unless secure or { path_beg /.well-known/acme-challenge/ }"
        )
    lines += [
        *refuse(431, "if { req.hdrs,length gt " + str(LARGEST_HEAD) + " }"),
        *refuse(413, f"if {{ req.body_size gt {size(proxy.largest_body)} }}", settings),
        "http-request set-header X-Forwarded-For %[src]",
        "http-request set-header X-Forwarded-Proto %[var(txn.scheme)]",
        "http-request set-header X-Request-ID %[var(txn.id)]",
        *(f"http-request del-header {name}" for name in ("Forwarded", "X-Real-IP", "Proxy")),
        f"http-request set-var(txn.worker) req.cook({COOKIE}) if socket",
        "http-request set-var(txn.secure) str('; Secure') if secure",
        # A worker that is being drained serves who belongs to it even when no other one is there.
        # An old process counts none while it ends what it has; then the workers are there all the same.
        "acl nobody nbsrv(workers) eq 0",
        "acl leaving stopping",
        "acl belongs var(txn.worker) -m found",
        "http-request return status 503 content-type text/html"
        f" string {quoted(PAGE)} hdr Retry-After {RETRY_AFTER[503]} hdr Cache-Control no-store"
        " if nobody !leaving page !belongs",
        *refuse(503, "if nobody !leaving !belongs"),
        "compression algo gzip",
        f"compression type {' '.join(COMPRESSED_TYPES)}",
        *answers(),
        "use_backend acme if { path_beg /.well-known/acme-challenge/ }",
        "default_backend workers",
    ]
    return ["frontend edge", *(f"    {line}" for line in lines)]


def identify(trusted: Sequence[str]) -> Iterable[str]:
    """Who asks, how, and under which id. Only a trusted proxy is believed about any of it."""
    yield "unique-id-format %[uuid()]"
    yield "http-request set-var(txn.id) unique-id"
    yield "http-request set-var(txn.scheme) str(http)"
    yield "http-request set-var(txn.scheme) str(https) if { ssl_fc }"
    # Only for the log: who knows the rest of such a path may read the calendar.
    yield "http-request set-var(txn.path) path,regsub(^/calendar/.*,/calendar/-),bytes(0,1000)"
    yield "http-request set-var(txn.agent) req.hdr(user-agent),bytes(0,300)"
    if not trusted:
        return
    yield f"acl proxied src {' '.join(trusted)}"
    yield (
        "http-request set-var(txn.id) req.hdr(x-request-id)"
        f" if proxied {{ req.hdr(x-request-id) -m reg ^{SANE_REQUEST_ID}$ }}"
    )
    for scheme in ("http", "https"):
        yield (
            f"http-request set-var(txn.scheme) str({scheme})"
            f" if proxied {{ req.hdr(x-forwarded-proto) {scheme} }}"
        )
    # The rightmost address that is no trusted proxy. A word that is none ends the search: what is left of it was
    # written by somebody unknown.
    yield "http-request set-var(txn.hop) int(0)"
    for hop in range(1, HOPS + 1):
        found = f"req.hdr_ip(x-forwarded-for,-{hop})"
        yield (
            f"http-request set-var(txn.hop) int({hop}) if proxied {{ {found} -m found }}"
            f" {{ var(txn.hop) -m int eq {hop - 1} }}"
        )
        yield f"http-request set-src {found} if {{ var(txn.hop) -m int eq {hop} }}"


def connection_limit(settings: FleetSettings, trusted: Sequence[str]) -> Iterable[str]:
    """Counts connections before anything of them is read; cut is only what is far above the limit."""
    most = settings.proxy.connections_per_address
    if most:
        direct = f" unless {{ src {' '.join(trusted)} }}" if trusted else ""
        yield f"tcp-request connection track-sc1 {CLIENT} table connections{direct}"
        yield f"tcp-request connection reject if {{ sc1_conn_cur gt {2 * most} }}"


def limits(settings: FleetSettings) -> Iterable[str]:
    """429 for an address that asks too much."""
    proxy = settings.proxy
    yield f"http-request track-sc0 {CLIENT} table clients"
    highest = {
        "sc1_conn_cur": proxy.connections_per_address,
        "sc0_conn_cur": proxy.connections_per_address,
        "sc0_http_req_rate": proxy.requests_per_second * WINDOW,
    }
    if tests := [f"{{ {name} gt {count} }}" for name, count in highest.items() if count]:
        yield from refuse(429, f"if {' || '.join(tests)}")
    yield "acl connecting path -m beg " + SOCKET_PATH
    yield "acl connecting hdr(upgrade) -i websocket"
    if proxy.connects_per_second:
        rate = f"{{ sc0_gpc0_rate ge {proxy.connects_per_second * WINDOW} }}"
        yield from refuse(429, f"if connecting !session {rate}")
    yield "http-request sc-inc-gpc0(0) if connecting !session"


def refuse(status: int, when: str, settings: FleetSettings | None = None) -> list[str]:
    """The rule that answers with a problem document."""
    limit = size(settings.proxy.largest_body) if settings else 0
    text = quoted(problem(status, "%[var(txn.id)]", limit))
    retry = f" hdr Retry-After {RETRY_AFTER[status]}" if status in RETRY_AFTER else ""
    return [
        f"http-request return status {status} content-type application/problem+json"
        f" lf-string {text}{retry} hdr Cache-Control no-store {when}"
    ]


def answers() -> Iterable[str]:
    """What every answer has, those HAProxy makes itself as well."""
    yield "http-after-response set-header X-Request-ID %[var(txn.id)] if { var(txn.id) -m found }"
    yield "http-after-response set-header X-Request-ID %[unique-id] unless { var(txn.id) -m found }"
    for name, value in SECURITY_HEADERS.items():
        missing = f"unless {{ res.hdr({name}) -m found }}"
        yield f"http-after-response set-header {name} {quoted(value)} {missing}"
    name = "Strict-Transport-Security"
    missing = f"!{{ res.hdr({name}) -m found }}"
    yield (
        f"http-after-response set-header {name} {quoted(HSTS)}"
        f" if {{ var(txn.scheme) -m str https }} {missing}"
    )


def acme_section() -> list[str]:
    return ["backend acme", f"    server certbot 127.0.0.1:{ACME_PORT}"]


def workers(settings: FleetSettings, folder: Path, backends: Sequence[Backend]) -> list[str]:
    """One server for each port a worker may have: coming and going only changes states."""
    shown: Mapping[int, Backend] = {backend.port: backend for backend in backends}
    lines = [
        "balance leastconn",
        # A small body is read before a worker hears of it; 100-continue is answered here.
        "option http-buffer-request",
        "option abortonclose",
        "option redispatch 1",
        "retries 3",
        # A worker that died before it answered. Only what may safely be done twice is.
        "retry-on conn-failure empty-response",
        "http-request disable-l7-retry unless METH_GET or { req.hdr(idempotency-key) -m found }",
        f"option httpchk GET {settings.probe_path}",
        "http-check expect status 200",
        f"timeout check {round(settings.probe_timeout * 1000)}ms",
        f"acl socket path -m beg {SOCKET_PATH}",
        "acl session url_param(sid) -m found",
        "acl websocket req.hdr(upgrade) -i websocket",
        # A websocket of its own needs no particular worker, and must not follow an old cookie.
        "http-request set-var(txn.sticky) bool(true) if socket !websocket || socket session",
        *stickiness(settings.proxy.stickiness, folder),
        "default-server check inter 1s fastinter 250ms downinter 250ms fall 2 rise 1",
    ]
    for port in settings.port_range:
        disabled = "" if port in shown else " disabled"
        lines.append(f"server {server_name(port)} 127.0.0.1:{port}{disabled}")
    return ["backend workers", *(f"    {line}" for line in lines)]


def stickiness(kind: str, folder: Path) -> Iterable[str]:
    if kind == "cookie":
        # A session goes on where it is; a new one does not begin at a worker that is being drained.
        yield f"acl drained var(txn.worker) -m str -f {folder}/{DRAINED_LIST}"
        yield "use-server %[var(txn.worker)] if { var(txn.sticky) -m bool } session"
        yield "use-server %[var(txn.worker)] if { var(txn.sticky) -m bool } !drained"
        yield "http-response set-var(txn.server) srv_name"
        yield (
            f'http-response add-header Set-Cookie "{COOKIE}=%[srv_name]; Path={SOCKET_PATH};'
            ' HttpOnly; SameSite=Lax%[var(txn.secure)]"'
            " if { var(txn.sticky) -m bool } !{ var(txn.server),strcmp(txn.worker) eq 0 }"
        )
    elif kind == "address":
        yield f"stick-table type ipv6 size {ADDRESSES} expire 1h peers fleet"
        yield "stick on src if { var(txn.sticky) -m bool }"


def log_line() -> str:
    words = [f'"{name}":"{value}"' for name, value in LOG.items()]
    words += [f'"{name}":{value}' for name, value in LOGGED_NUMBERS.items()]
    return "{" + ",".join(words) + "}"


def quoted(text: str) -> str:
    """One word of the configuration, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"
