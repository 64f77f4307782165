/* Sockets of the load: many connections in one epoll set, WebSocket frames of RFC 6455. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 8 << 20, READ_SIZE = 1 << 18, EVENTS = 1024 };

struct connection *connections;
int ready_count, closed_count;
uint64_t pings, bytes_in, handling_ns;
const char *(*auth_of)(struct connection *);
int (*set_up)(struct connection *);
bool (*is_setup_answer)(const char *packet, size_t length);
void (*on_packet)(struct connection *, const char *packet, size_t length, bool binary);

static int poller = -1;
static char *read_buffer;

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2;
        buffer->data = realloc(buffer->data, buffer->capacity);
        if (!buffer->data) fail("out of memory");
    }
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

/* Sending */

static void watch(struct connection *connection, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (connection->want_write ? EPOLLOUT : 0u),
                                .data.ptr = connection};
    if (epoll_ctl(poller, operation, connection->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void lose(struct connection *connection)
{
    if (connection->state == CLOSED) return;
    if (connection->state == READY) ready_count--;
    connection->state = CLOSED;
    closed_count++;
    close(connection->fd);
    free(connection->in.data);
    free(connection->out.data);
    connection->in = connection->out = (struct buffer){0};
}

static void flush(struct connection *connection)
{
    struct buffer *out = &connection->out;
    size_t sent = 0;
    while (sent < out->length) {
        ssize_t count = send(connection->fd, out->data + sent, out->length - sent, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN && errno != ENOTCONN) return lose(connection);
            break;
        }
        sent += (size_t)count;
    }
    memmove(out->data, out->data + sent, out->length - sent);
    out->length -= sent;
    if (connection->want_write != (out->length > 0)) {
        connection->want_write = out->length > 0;
        watch(connection, EPOLL_CTL_MOD);
    }
}

void send_raw(struct connection *connection, const void *data, size_t length)
{
    if (connection->state == CLOSED) return;
    if (connection->out.length == 0) {
        ssize_t count = send(connection->fd, data, length, MSG_NOSIGNAL);
        if (count == (ssize_t)length) return;
        if (count > 0) {
            data = (const char *)data + count;
            length -= (size_t)count;
        } else if (count < 0 && errno != EAGAIN && errno != ENOTCONN) {
            return lose(connection);
        }
    }
    buffer_add(&connection->out, data, length);
    if (!connection->want_write) {
        connection->want_write = true;
        watch(connection, EPOLL_CTL_MOD);
    }
}

static void send_frame(struct connection *connection, uint8_t opcode, const void *data, size_t length)
{
    if (connection->protocol == POLLING) return polling_send(connection, data, length);
    static struct buffer frame;
    static const uint8_t mask[8] = {0x37, 0xfa, 0x21, 0x3d, 0x37, 0xfa, 0x21, 0x3d};
    uint8_t head[14] = {(uint8_t)(0x80 | opcode)};
    size_t size = 2;
    if (length < 126) {
        head[1] = (uint8_t)(0x80 | length);
    } else if (length < 65536) {
        head[1] = 0x80 | 126;
        head[size++] = (uint8_t)(length >> 8);
        head[size++] = (uint8_t)length;
    } else {
        head[1] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8) head[size++] = (uint8_t)(length >> shift);
    }
    memcpy(head + size, mask, 4);
    frame.length = 0;
    buffer_add(&frame, head, size + 4);
    buffer_add(&frame, data, length);
    uint8_t *payload = (uint8_t *)frame.data + size + 4;
    for (size_t i = 0; i < length; i++) payload[i] ^= mask[i & 7];
    send_raw(connection, frame.data, frame.length);
}

void send_text(struct connection *connection, const char *text, size_t length)
{
    send_frame(connection, 1, text, length);
}

void send_binary(struct connection *connection, const void *data, size_t length)
{
    send_frame(connection, 2, data, length);
}

void send_close(struct connection *connection)
{
    if (connection->protocol == SOCKETIO) send_frame(connection, 8, "\x03\xe8", 2);
    else if (connection->state != CLOSED) shutdown(connection->fd, SHUT_WR);
}

/* Opening */

static void open_connection(struct connection *connection, enum protocol protocol)
{
    static const int yes = 1;
    connection->protocol = protocol;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("socket: %s", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (options.sources > 1) {
        /* One address has some 28,000 ports; the whole of 127/8 is ours. */
        setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(connection->index % options.sources));
        if (bind(connection->fd, (struct sockaddr *)&from, sizeof from)) fail("bind: %s", strerror(errno));
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    if (inet_pton(AF_INET, options.host, &to.sin_addr) != 1) fail("%s is no address", options.host);
    if (connect(connection->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    connection->state = CONNECTING;
    connection->want_write = true;
    watch(connection, EPOLL_CTL_ADD);
}

static void become_ready(struct connection *connection)
{
    connection->state = READY;
    ready_count++;
}

static void begin_setup(struct connection *connection)
{
    connection->state = SETTING_UP;
    connection->setup_left = set_up ? set_up(connection) : 0;
    if (connection->setup_left == 0) become_ready(connection);
}

static void connected(struct connection *connection)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) fail("connection %d: %s", connection->index, strerror(error));
    connection->want_write = false;
    watch(connection, EPOLL_CTL_MOD);
    char request[512];
    if (connection->protocol == POLLING) return polling_begin(connection);
    if (connection->protocol == NATS) {
        static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n";
        connection->state = OPENING;
        return send_raw(connection, hello, sizeof hello - 1);
    }
    connection->state = UPGRADING;
    int length = snprintf(request, sizeof request,
        "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", options.path, options.host, options.port);
    send_raw(connection, request, (size_t)length);
}

/* Packets of a connection that is not ready yet move its state on. */
void receive_packet(struct connection *connection, const char *packet, size_t length, bool binary)
{
    if (!binary && length == 1 && *packet == '2') {
        pings++;
        return send_text(connection, "3", 1);
    }
    switch (connection->state) {
    case OPENING: {
        if (*packet != '0') fail("no handshake: %.*s", (int)length, packet);
        const char *auth = auth_of ? auth_of(connection) : NULL;
        char connect[2048];
        int size = snprintf(connect, sizeof connect, "40%s", auth ? auth : "");
        if (size >= (int)sizeof connect) fail("the CONNECT packet is too long");
        connection->state = JOINING_NAMESPACE;
        return send_text(connection, connect, (size_t)size);
    }
    case JOINING_NAMESPACE:
        if (length < 2 || packet[0] != '4') return;
        if (packet[1] == '4') fail("refused: %.*s", (int)length, packet);
        if (packet[1] == '0') begin_setup(connection);
        return;
    case SETTING_UP:
        if (!binary && is_setup_answer(packet, length) && --connection->setup_left == 0)
            become_ready(connection);
        return;
    default:
        if (on_packet) on_packet(connection, packet, length, binary);
    }
}

/* Receiving. Each parser answers how many bytes it took. */

static size_t parse_frames(struct connection *connection, char *data, size_t length)
{
    size_t at = 0;
    while (length - at >= 2 && connection->state != CLOSED) {
        const uint8_t *head = (uint8_t *)data + at;
        size_t size = head[1], start = 2;
        if (size == 126) {
            if (length - at < 4) break;
            size = (size_t)head[2] << 8 | head[3];
            start = 4;
        } else if (size == 127) {
            if (length - at < 10) break;
            size = 0;
            for (int i = 2; i < 10; i++) size = size << 8 | head[i];
            start = 10;
        }
        if (length - at - start < size) break;
        const char *payload = data + at + start;
        at += start + size;
        switch (head[0]) {
        case 0x81: receive_packet(connection, payload, size, false); break;
        case 0x82: receive_packet(connection, payload, size, true); break;
        case 0x88:
            if (size >= 2) connection->close_code = (uint8_t)payload[0] << 8 | (uint8_t)payload[1];
            lose(connection);
            break;
        case 0x8a: break;
        default: fail("unexpected frame %02x", head[0]);
        }
    }
    return at;
}

static size_t parse_upgrade(struct connection *connection, char *data, size_t length)
{
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (length < 12 || memcmp(data + 9, "101", 3)) fail("no upgrade: %.*s", (int)(end - data), data);
    connection->state = OPENING;
    size_t taken = (size_t)(end - data) + 4;
    return taken + parse_frames(connection, data + taken, length - taken);
}

static size_t parse_nats(struct connection *connection, char *data, size_t length)
{
    size_t at = 0;
    while (connection->state != CLOSED) {
        char *line = data + at, *end = memchr(line, '\n', length - at);
        if (!end) break;
        size_t next = (size_t)(end - data) + 1;
        if (!memcmp(line, "MSG ", 4)) {
            char *number = end - 1; /* the size is the last word of the line */
            while (number[-1] != ' ') number--;
            size_t size = (size_t)strtoul(number, NULL, 10);
            if (length - next < size + 2) break;
            on_packet(connection, data + next, size, false);
            next += size + 2;
        } else if (!memcmp(line, "PING", 4)) {
            pings++;
            send_raw(connection, "PONG\r\n", 6);
        } else if (!memcmp(line, "PONG", 4)) {
            if (connection->state == OPENING) begin_setup(connection);
            else if (connection->state == SETTING_UP && --connection->setup_left == 0)
                become_ready(connection);
        } else if (!memcmp(line, "-ERR", 4)) {
            fail("NATS: %.*s", (int)(end - line), line);
        }
        at = next;
    }
    return at;
}

static size_t parse(struct connection *connection, char *data, size_t length)
{
    if (connection->protocol == NATS) return parse_nats(connection, data, length);
    if (connection->protocol == POLLING) return polling_parse(connection, data, length);
    if (connection->state == UPGRADING) return parse_upgrade(connection, data, length);
    return parse_frames(connection, data, length);
}

void read_connection(struct connection *connection)
{
    struct buffer *in = &connection->in;
    size_t before = in->length;
    if (before > BUFFER_SIZE - READ_SIZE) fail("a packet is too long");
    if (before) memcpy(read_buffer, in->data, before);
    ssize_t count = recv(connection->fd, read_buffer + before, READ_SIZE, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return lose(connection);
    bytes_in += (uint64_t)count;
    in->length = 0;
    size_t length = before + (size_t)count, taken = parse(connection, read_buffer, length);
    if (connection->state != CLOSED && taken < length) buffer_add(in, read_buffer + taken, length - taken);
}

void stop_reading(struct connection *connection)
{
    if (epoll_ctl(poller, EPOLL_CTL_DEL, connection->fd, NULL)) fail("epoll_ctl: %s", strerror(errno));
}

void turn(uint64_t until_ns)
{
    static struct epoll_event events[EVENTS];
    uint64_t now = now_ns(), wait = until_ns > now && !options.spin ? until_ns - now : 0;
    struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    int count = epoll_pwait2(poller, events, EVENTS, &timeout, NULL);
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    if (options.spin && count > 0) now = now_ns();
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->state == CLOSED) continue;
        if (connection->state == CONNECTING) {
            connected(connection);
            continue;
        }
        if (events[i].events & EPOLLOUT) flush(connection);
        if (connection->state != CLOSED && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            read_connection(connection);
    }
    if (options.spin && count > 0) handling_ns += now_ns() - now;
}

void connect_all(int count, enum protocol (*protocol_of)(int index))
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if ((rlim_t)count + 32 > files.rlim_cur)
        fail("%d sockets, but only %d open files are allowed", count, (int)files.rlim_cur);
    if (poller < 0) {
        poller = epoll_create1(EPOLL_CLOEXEC);
        read_buffer = malloc(BUFFER_SIZE);
        connections = calloc((size_t)count, sizeof *connections);
    }
    uint64_t patience = now_ns() + 120000000000u;
    for (int opened = 0; ready_count < count;) {
        while (opened < count && opened - ready_count < options.parallel) {
            connections[opened].index = opened;
            open_connection(&connections[opened], protocol_of(opened));
            opened++;
        }
        turn(now_ns() + 1000000000u);
        if (closed_count) fail("the server closed a connection while %d were opened", count);
        if (now_ns() > patience) fail("only %d of %d connections got ready", ready_count, count);
    }
}
