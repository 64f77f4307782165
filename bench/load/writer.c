/* The physical limit: the least a server on one core can do to bring the same bytes to the same sockets.

   It speaks just enough Socket.IO for our load (`join`, `msg`), checks nothing, escapes nothing and trusts everybody.
   What came in one turn of epoll goes out in one write for each socket, as in the gateway. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOMS = 10000, EVENTS = 1024, READ_SIZE = 1 << 18 };

struct buffer {
    char *data;
    size_t length, capacity;
};

struct client {
    int fd, room;
    bool upgraded, blocked;
    struct buffer in, out;
};

struct room {
    struct client **members;
    int count, capacity;
    bool dirty;
    struct buffer out;
};

static struct room rooms[ROOMS];
static int dirty[ROOMS], dirty_count, poller;

static void add(struct buffer *buffer, const void *data, size_t length)
{
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2;
        buffer->data = realloc(buffer->data, buffer->capacity);
        if (!buffer->data) abort();
    }
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

static void add_frame(struct buffer *buffer, const char *payload, size_t length)
{
    uint8_t head[10] = {0x81};
    size_t size = 2;
    if (length < 126) {
        head[1] = (uint8_t)length;
    } else if (length < 65536) {
        head[1] = 126;
        head[size++] = (uint8_t)(length >> 8);
        head[size++] = (uint8_t)length;
    } else {
        head[1] = 127;
        for (int shift = 56; shift >= 0; shift -= 8) head[size++] = (uint8_t)(length >> shift);
    }
    add(buffer, head, size);
    add(buffer, payload, length);
}

static void watch(struct client *client, bool writable)
{
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0u), .data.ptr = client};
    epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &event);
    client->blocked = writable;
}

static void write_out(struct client *client, const char *data, size_t length)
{
    ssize_t sent = client->out.length ? 0 : send(client->fd, data, length, MSG_NOSIGNAL);
    if (sent < 0) sent = 0;
    if ((size_t)sent == length) return;
    add(&client->out, data + sent, length - (size_t)sent);
    if (!client->blocked) watch(client, true);
}

static void flush(struct client *client)
{
    ssize_t sent = send(client->fd, client->out.data, client->out.length, MSG_NOSIGNAL);
    if (sent <= 0) return;
    client->out.length -= (size_t)sent;
    memmove(client->out.data, client->out.data + sent, client->out.length);
    if (!client->out.length) watch(client, false);
}

static void leave(struct client *client)
{
    if (client->room >= 0) {
        struct room *room = &rooms[client->room];
        for (int i = 0; i < room->count; i++)
            if (room->members[i] == client) room->members[i] = room->members[--room->count];
    }
    close(client->fd);
    free(client->in.data);
    free(client->out.data);
    free(client);
}

static void answer(struct client *client, const char *text)
{
    struct buffer frame = {0};
    add_frame(&frame, text, strlen(text));
    write_out(client, frame.data, frame.length);
    free(frame.data);
}

static void receive(struct client *client, const char *text, size_t length)
{
    if (!memcmp(text, "40", 2)) {
        answer(client, "40{\"sid\":\"x\"}");
    } else if (length > 17 && !memcmp(text, "42[\"join\",\"r", 12)) {
        client->room = atoi(text + 12) % ROOMS;
        struct room *room = &rooms[client->room];
        if (room->count == room->capacity) {
            room->capacity = room->capacity * 2 + 8;
            room->members = realloc(room->members, (size_t)room->capacity * sizeof *room->members);
        }
        room->members[room->count++] = client;
        answer(client, "42[\"joined\"]");
    } else if (length > 24 && !memcmp(text, "42[\"msg\",{\"room\":\"r", 19)) {
        int number = atoi(text + 19) % ROOMS;
        add_frame(&rooms[number].out, text, length);
        if (!rooms[number].dirty) dirty[dirty_count++] = number;
        rooms[number].dirty = true;
    }
}

static void upgrade(struct client *client)
{
    /* The load sends the key of RFC 6455's example; this is the example's answer. */
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    write_out(client, head, sizeof head - 1);
    answer(client, "0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    client->upgraded = true;
    client->in.length = 0;
}

/* False when the client is gone. */
static bool read_client(struct client *client)
{
    static char data[READ_SIZE];
    ssize_t count = recv(client->fd, data, sizeof data, 0);
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;
    add(&client->in, data, (size_t)count);
    if (!client->upgraded) {
        static const char up[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        if (client->in.length >= 10 && !memcmp(client->in.data, "GET /ready", 10)) {
            write_out(client, up, sizeof up - 1);
            return false;
        }
        if (memmem(client->in.data, client->in.length, "\r\n\r\n", 4)) upgrade(client);
        return true;
    }
    size_t at = 0;
    uint8_t *in = (uint8_t *)client->in.data;
    while (client->in.length - at >= 6) {
        size_t size = in[at + 1] & 127, start = 2;
        if (size == 126) {
            size = (size_t)in[at + 2] << 8 | in[at + 3];
            start = 4;
        } else if (size == 127) {
            return false;
        }
        if (client->in.length - at < start + 4 + size) break;
        uint8_t *mask = in + at + start, *payload = mask + 4;
        for (size_t i = 0; i < size; i++) payload[i] ^= mask[i & 3];
        if ((in[at] & 15) == 8) return false;
        receive(client, (char *)payload, size);
        at += start + 4 + size;
    }
    memmove(in, in + at, client->in.length - at);
    client->in.length -= at;
    return true;
}

static void accept_all(int listener)
{
    static const int yes = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct client *client = calloc(1, sizeof *client);
        client->fd = fd;
        client->room = -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    static const int yes = 1;
    static struct epoll_event events[EVENTS];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("writer");
        return 1;
    }
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT) flush(client);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !read_client(client)) leave(client);
        }
        for (int i = 0; i < dirty_count; i++) {
            struct room *room = &rooms[dirty[i]];
            for (int m = 0; m < room->count; m++) write_out(room->members[m], room->out.data, room->out.length);
            room->out.length = 0;
            room->dirty = false;
        }
        dirty_count = 0;
    }
}
