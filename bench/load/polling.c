/* Long-polling: one request at a time on a connection that is kept, GET unless there is something to POST. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void request_next(struct connection *connection)
{
    char head[512];
    struct buffer *posts = &connection->posts;
    connection->posting = posts->length > 0;
    int length = snprintf(head, sizeof head, "%s %s?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: %s:%d\r\n",
                          connection->posting ? "POST" : "GET", options.path,
                          *connection->session ? "&sid=" : "", connection->session, options.host, options.port);
    if (connection->posting)
        length += snprintf(head + length, sizeof head - (size_t)length,
                           "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", posts->length);
    length += snprintf(head + length, sizeof head - (size_t)length, "\r\n");
    struct buffer whole = {0};
    buffer_add(&whole, head, (size_t)length);
    buffer_add(&whole, posts->data, posts->length);
    posts->length = 0;
    send_raw(connection, whole.data, whole.length);
    free(whole.data);
}

void polling_begin(struct connection *connection)
{
    connection->state = OPENING;
    request_next(connection);
}

void polling_send(struct connection *connection, const char *packet, size_t length)
{
    if (connection->posts.length) buffer_add(&connection->posts, "\x1e", 1);
    buffer_add(&connection->posts, packet, length);
}

static void receive_payload(struct connection *connection, const char *body, size_t length)
{
    if (connection->state == OPENING) {
        const char *from = memmem(body, length, "\"sid\":\"", 7), *to = NULL;
        if (from) to = memchr(from + 7, '"', length - (size_t)(from + 7 - body));
        if (!to || to - from - 7 >= (long)sizeof connection->session) fail("no session: %.*s", (int)length, body);
        memcpy(connection->session, from + 7, (size_t)(to - from - 7));
    }
    for (const char *end = body + length; body < end;) {
        const char *next = memchr(body, '\x1e', (size_t)(end - body));
        if (!next) next = end;
        receive_packet(connection, body, (size_t)(next - body), *body == 'b');
        body = next + 1;
    }
}

/* Whether a chunked body is complete, and how long; with `join` its chunks are moved together. */
static bool read_chunks(char *body, size_t length, bool join, size_t *taken, size_t *size)
{
    *taken = *size = 0;
    for (size_t chunk = 1; chunk;) {
        char *end = memmem(body + *taken, length - *taken, "\r\n", 2);
        if (!end) return false;
        chunk = strtoul(body + *taken, NULL, 16);
        size_t start = (size_t)(end - body) + 2;
        if (length < start + chunk + 2) return false;
        if (join) memmove(body + *size, body + start, chunk);
        *size += chunk;
        *taken = start + chunk + 2;
    }
    return true;
}

size_t polling_parse(struct connection *connection, char *data, size_t length)
{
    char *body = memmem(data, length, "\r\n\r\n", 4);
    if (!body) return 0;
    body += 4;
    char saved = body[-1];
    body[-1] = 0;
    char *field = strcasestr(data, "\ncontent-length:");
    bool chunked = strcasestr(data, "\ntransfer-encoding: chunked") != NULL;
    size_t size = field ? strtoul(field + 16, NULL, 10) : 0, taken = size;
    if ((!field && !chunked) || memcmp(data + 9, "200", 3)) fail("an answer to a poll: %s", data);
    body[-1] = saved;
    size_t there = length - (size_t)(body - data);
    if (chunked ? !read_chunks(body, there, false, &taken, &size) : there < size) return 0;
    if (chunked) read_chunks(body, there, true, &taken, &size);
    if (!connection->posting) receive_payload(connection, body, size);
    if (connection->state != CLOSED) request_next(connection);
    return (size_t)(body - data) + taken;
}
