"""The text of nginx's configuration, for 1.22 and later."""

import os
import resource
from collections.abc import Iterable, Sequence
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
    RESPONSES,
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

MOST_CONNECTIONS = 65_536
LEAVING_SECONDS = 86_400
"""How long an old process may keep its sockets after a change."""
SMALLEST_COMPRESSED = 1_024
WINDOW = 10
"""Seconds over which rates are averaged: so much may come at once."""
IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {
    "application/javascript": "js mjs",
    "application/json": "json",
    "application/manifest+json": "webmanifest",
    "application/wasm": "wasm",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "font/woff2": "woff2",
    "image/avif": "avif",
    "image/jpeg": "jpg jpeg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "image/x-icon": "ico",
    "text/css": "css",
    "text/plain": "txt",
}
LOOSE_FILES = "png|jpg|jpeg|webp|avif|svg|ico|woff2|mp3|ogg|webmanifest|txt"
"""Served from the folder wherever they are in it; pages and scripts outside assets may be the application's work."""

LOG = {
    "time": "$time_iso8601",
    "level": "info",
    "logger": "proxy",
    "request_id": "$id",
    "client": "$remote_addr",
    "method": "$request_method",
    "path": "$bare_path",
    "version": "$server_protocol",
    "agent": "$http_user_agent",
    "worker": "$served",
    "tried": "$upstream_addr",
    "seconds": "$request_time",
}
LOGGED_NUMBERS = {"status": "$status", "bytes": "$bytes_sent"}


def configuration(settings: FleetSettings, folder: Path, backends: Sequence[Backend]) -> str:
    """Everything nginx reads. Raises ProxyError for a setting it could not use."""
    proxy = settings.proxy
    http, https = addresses(proxy)
    ready = [backend.port for backend in backends if backend.state == "ready"]
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], MOST_CONNECTIONS)
    user = existing_user("www-data", "nginx", "nobody")
    lines = [
        *([f"user {user[0]} {user[1]};"] if user else []),
        "daemon off;",
        "worker_processes auto;",
        f"worker_rlimit_nofile {files};",
        f"worker_shutdown_timeout {LEAVING_SECONDS}s;",
        f"pid {folder}/nginx.pid;",
        "error_log stderr warn;",
        f"events {{ worker_connections {files - 64}; }}",
        "http {",
        *http_section(folder),
        *maps(networks(proxy)),
        *limit_zones(settings),
        *upstreams(ready, proxy.stickiness),
        *targets(backends, proxy.stickiness),
        *server(settings, folder, http, https, nobody=not ready),
        "server {",
        f"listen unix:{folder}/figures.sock;",
        "access_log off;",
        "location = /status { stub_status; }",
        "}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def http_section(folder: Path) -> Iterable[str]:
    words = [f'"{name}":"{value}"' for name, value in LOG.items()]
    words += [f'"{name}":{value}' for name, value in LOGGED_NUMBERS.items()]
    yield "log_format line escape=json '{" + ",".join(words) + "}';"
    yield "access_log /dev/stdout line;"
    yield "server_tokens off;"
    yield "sendfile on;"
    yield "default_type application/octet-stream;"
    yield "types { " + " ".join(f"{kind} {names};" for kind, names in TYPES.items()) + " }"
    if os.geteuid() != 0:
        # As root nginx has its own folders, which the user it becomes may enter.
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
            yield f"{kind}_temp_path {folder}/{kind};"
    yield f"client_header_timeout {REQUEST_SECONDS}s;"
    yield f"client_body_timeout {REQUEST_SECONDS}s;"
    yield f"send_timeout {IDLE_SECONDS}s;"
    yield f"keepalive_timeout {IDLE_SECONDS}s;"
    yield "reset_timedout_connection on;"
    yield "large_client_header_buffers 2 8k;"
    yield "client_body_buffer_size 128k;"
    yield "proxy_max_temp_file_size 0;"
    yield "gzip on;"
    yield "gzip_vary on;"
    yield "gzip_proxied any;"
    yield "gzip_comp_level 5;"
    yield f"gzip_min_length {SMALLEST_COMPRESSED};"
    yield f"gzip_types {' '.join(kind for kind in COMPRESSED_TYPES if kind != 'text/html')};"


def maps(trusted: Sequence[str]) -> Iterable[str]:
    """Who asks, how, and under which id. Only a trusted proxy is believed about any of it."""
    nets = " ".join(f"{network} 1;" for network in trusted)
    yield f"geo $realip_remote_addr $proxied {{ default 0; {nets} }}"
    yield (
        'map "$proxied$http_x_request_id" $id {'
        f' "~^1(?<given_id>{SANE_REQUEST_ID})$" $given_id; default $request_id; }}'
    )
    yield (
        'map "$proxied$http_x_forwarded_proto" $edge_scheme'
        " { 1https https; 1http http; default $scheme; }"
    )
    yield 'map $edge_scheme $secure { https "; Secure"; default ""; }'
    # Only for the log: who knows the rest of such a path may read the calendar.
    yield 'map $request_uri $bare_path { "~^/calendar/" "/calendar/-"; "~^(?<before_query>[^?]*)" $before_query; }'
    yield 'map $http_accept $page { "~text/html" 1; default 0; }'
    yield 'map $http_upgrade $onward { "" close; default upgrade; }'
    yield (
        'map "$edge_scheme:$uri" $redirected'
        r' { "~^http:/\.well-known/acme-challenge/" 0; "~^http:" 1; default 0; }'
    )
    yield r'map $upstream_addr $served { "~:(?<served_port>\d+)$" w$served_port; default ""; }'
    # A websocket of its own needs no particular worker, and must not follow an old cookie.
    yield (
        'map "$http_upgrade:$arg_sid" $sticky'
        ' { "~*^websocket:$" ""; "~:.+$" session; default begin; }'
    )
    yield (
        f'map "$sticky:$served:$cookie_{COOKIE}" $set_cookie {{'
        r' "~:(w\d+):\1$" ""; "~^:" "";'
        r' "~:(?<set_worker>w\d+):"'
        f' "{COOKIE}=$set_worker; Path={SOCKET_PATH}; HttpOnly; SameSite=Lax$secure";'
        ' default ""; }'
    )
    for name, value in SECURITY_HEADERS.items():
        yield f'map $upstream_http_{variable(name)} $add_{variable(name)} {{ "" "{value}"; default ""; }}'
    yield (
        'map "$edge_scheme:$upstream_http_strict_transport_security" $add_hsts'
        f' {{ "https:" "{HSTS}"; default ""; }}'
    )
    if trusted:
        yield from (f"set_real_ip_from {network};" for network in trusted)
        yield "real_ip_header X-Forwarded-For;"
        yield "real_ip_recursive on;"


def variable(header: str) -> str:
    return header.lower().replace("-", "_")


def limit_zones(settings: FleetSettings) -> Iterable[str]:
    proxy = settings.proxy
    if proxy.connections_per_address:
        yield "limit_conn_zone $binary_remote_addr zone=connections:10m;"
    if proxy.requests_per_second:
        rate = proxy.requests_per_second
        yield f"limit_req_zone $binary_remote_addr zone=requests:10m rate={rate}r/s;"
    if proxy.connects_per_second:
        path = SOCKET_PATH.replace(".", r"\.")
        yield (
            'map "$http_upgrade:$arg_sid:$uri" $connecting {'
            f' "~*^websocket::" $binary_remote_addr; "~^::{path}" $binary_remote_addr;'
            ' default ""; }'
        )
        rate = proxy.connects_per_second
        yield f"limit_req_zone $connecting zone=connects:10m rate={rate}r/s;"


def limits(settings: FleetSettings) -> Iterable[str]:
    proxy = settings.proxy
    if proxy.connections_per_address:
        yield f"limit_conn connections {proxy.connections_per_address};"
    if proxy.requests_per_second:
        yield f"limit_req zone=requests burst={proxy.requests_per_second * WINDOW} nodelay;"
    if proxy.connects_per_second:
        yield f"limit_req zone=connects burst={proxy.connects_per_second * WINDOW} nodelay;"
    yield "limit_conn_status 429;"
    yield "limit_req_status 429;"
    yield f"client_max_body_size {size(proxy.largest_body)};"


def upstreams(ready: Sequence[int], stickiness: str) -> Iterable[str]:
    # No failure takes a worker out: with all of them out at once a restart would be an outage.
    servers = [f"server 127.0.0.1:{port} max_fails=0;" for port in ready]
    nobody = ["server 127.0.0.1:1 down;"]
    yield f"upstream workers {{ least_conn; zone workers 256k; {' '.join(servers or nobody)} }}"
    if stickiness == "address":
        yield (
            "upstream by_address { hash $remote_addr consistent; zone by_address 256k;"
            f" {' '.join(servers or nobody)} }}"
        )


def targets(backends: Sequence[Backend], stickiness: str) -> Iterable[str]:
    """Which upstream a request of the socket path goes to."""
    if stickiness == "cookie":
        ready = [backend.port for backend in backends if backend.state == "ready"]
        for backend in backends:
            # The others are there for when this one is not.
            others = "".join(
                f" server 127.0.0.1:{port} max_fails=0 backup;"
                for port in ready
                if port != backend.port
            )
            yield (
                f"upstream w{backend.port} {{ zone w{backend.port} 64k;"
                f" server 127.0.0.1:{backend.port} max_fails=0;{others} }}"
            )
        # A session goes on where it is; a new one does not begin at a worker that is being drained.
        own = [f"session:w{backend.port}" for backend in backends]
        own += [f"begin:w{port}" for port in ready]
        known = " ".join(f'"{key}" {key.partition(":")[2]};' for key in own)
        yield f'map "$sticky:$cookie_{COOKIE}" $target {{ default workers; {known} }}'
    elif stickiness == "address":
        yield 'map $sticky $target { "" workers; default by_address; }'
    else:
        yield "map $sticky $target { default workers; }"


def server(
    settings: FleetSettings,
    folder: Path,
    http: Address | None,
    https: Address | None,
    *,
    nobody: bool,
) -> Iterable[str]:
    yield "server {"
    if http:
        yield f"listen {http.text};"
    if https:
        yield f"listen {https.text} ssl http2;"
        yield f"ssl_certificate {folder}/certificate.pem;"
        yield f"ssl_certificate_key {folder}/certificate.pem;"
        yield "ssl_protocols TLSv1.2 TLSv1.3;"
        yield f"ssl_ciphers {CIPHERS};"
        yield "ssl_prefer_server_ciphers off;"
        yield "ssl_session_cache shared:tls:10m;"
        yield "ssl_session_tickets off;"
    yield from headers()
    yield from limits(settings)
    if http and https:
        port = "" if https.port == 443 else f":{https.port}"
        yield f"if ($redirected) {{ return 301 https://$host{port}$request_uri; }}"
    yield from proxied()
    unavailable = ["return 503;"] if nobody else []
    yield from location("/", [*unavailable, "proxy_pass http://workers;"])
    yield from location("@application", [*unavailable, "proxy_pass http://workers;"])
    yield from location(
        f"^~ {SOCKET_PATH}",
        [
            *(["if ($target = workers) { return 503; }"] if nobody else []),
            "proxy_pass http://$target;",
            f"proxy_read_timeout {TUNNEL_SECONDS}s;",
            f"proxy_send_timeout {TUNNEL_SECONDS}s;",
            *(
                ["add_header Set-Cookie $set_cookie;"]
                if settings.proxy.stickiness == "cookie"
                else []
            ),
            *headers(),
        ],
    )
    yield from location(
        "^~ /.well-known/acme-challenge/", [f"proxy_pass http://127.0.0.1:{ACME_PORT};"]
    )
    if settings.proxy.static:
        yield from static(Path(settings.proxy.static).absolute())
    yield from errors(size(settings.proxy.largest_body))
    yield "}"


def location(what: str, lines: Iterable[str]) -> Iterable[str]:
    return (f"location {what} {{", *lines, "}")


def proxied() -> Iterable[str]:
    """How a request goes to a worker. Each has a connection of its own: a kept one may be dying when it is used."""
    yield "proxy_http_version 1.1;"
    given = {
        "Host": "$http_host",
        "Connection": "$onward",
        "Upgrade": "$http_upgrade",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$edge_scheme",
        "X-Request-ID": "$id",
        "Forwarded": '""',
        "X-Real-IP": '""',
        "Proxy": '""',
    }
    yield from (f"proxy_set_header {name} {value};" for name, value in given.items())
    yield "proxy_hide_header X-Request-ID;"
    yield f"proxy_connect_timeout {CONNECT_SECONDS}s;"
    yield f"proxy_read_timeout {IDLE_SECONDS}s;"
    yield f"proxy_send_timeout {IDLE_SECONDS}s;"
    # What is not idempotent is repeated only when it was not yet sent.
    yield "proxy_next_upstream error invalid_header;"
    yield "proxy_next_upstream_tries 4;"


def headers() -> Iterable[str]:
    """What every answer has. nginx forgets them in a location that adds one of its own."""
    yield "add_header X-Request-ID $id always;"
    for name in SECURITY_HEADERS:
        yield f"add_header {name} $add_{variable(name)} always;"
    yield "add_header Strict-Transport-Security $add_hsts always;"


def static(folder: Path) -> Iterable[str]:
    """Files of the built client; what is not there, and every page, is the application's."""
    for what, cache in (
        (r"~ ^/assets/(?!.*\.map$)", IMMUTABLE),
        (rf"~ ^/(?!api/).+\.(?:{LOOSE_FILES})$", "no-cache"),
    ):
        yield from location(
            what,
            [
                f'root "{folder}";',
                "try_files $uri @application;",
                "gzip_static on;",
                f'add_header Cache-Control "{cache}";',
                *headers(),
            ],
        )


def errors(largest_body: int) -> Iterable[str]:
    """Answers of nginx itself: problem documents, and a page for people where they asked for one."""
    yield "error_page 494 =431 /.fleet/431;"
    for status in RESPONSES:
        kinds = {"": ("application/problem+json", problem(status, "$id", largest_body))}
        if status in (502, 503):
            kinds = {"/0": kinds[""], "/1": ("text/html", PAGE)}
            yield f"error_page {status} /.fleet/{status}/$page;"
        elif status != 431:
            yield f"error_page {status} /.fleet/{status};"
        for suffix, (kind, text) in kinds.items():
            retry = RETRY_AFTER.get(status)
            escaped = text.replace("\\", "\\\\").replace("'", "\\'")
            yield from location(
                f"= /.fleet/{status}{suffix}",
                [
                    "internal;",
                    f"default_type {kind};",
                    *([f"add_header Retry-After {retry} always;"] if retry else []),
                    "add_header Cache-Control no-store always;",
                    *headers(),
                    f"return {status} '{escaped}';",
                ],
            )
