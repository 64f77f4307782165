/* The load generator's shared declarations. One thread, one epoll set, no allocation per message. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clock.c: time, other processes' CPU and memory, latencies */

uint64_t now_ns(void); /* CLOCK_MONOTONIC */
double process_cpu(const int *pids, int count); /* user and system seconds of these processes so far */
double own_cpu(void);
double own_work(void); /* seconds of CPU, or with --spin of handling what came */
double process_rss(const int *pids, int count); /* resident bytes */

/* Latencies in buckets no wider than 1.6 % of their value; `max` is exact. */
struct histogram {
    uint64_t counts[64 * 64];
    uint64_t total, max;
};
void histogram_add(struct histogram *histogram, uint64_t ns);
double histogram_ms(const struct histogram *histogram, double quantile);

/* options.c */

struct options {
    const char *mode;
    const char *protocol; /* socketio, polling or nats */
    const char *host;
    const char *script;
    const char *path;
    int port, sockets, rooms, publishers, window, size, slow, sample, sources, parallel;
    double rate, seconds, warmup;
    bool binary, spin;
    int pids[16], pid_count;
};
extern struct options options;
void parse_options(int argc, char **argv);
_Noreturn void fail(const char *format, ...);

/* connection.c: sockets, handshakes, frames */

enum state { CONNECTING, UPGRADING, OPENING, JOINING_NAMESPACE, SETTING_UP, READY, CLOSED };
enum protocol { SOCKETIO, POLLING, NATS };

struct buffer {
    char *data;
    size_t length, capacity;
};
void buffer_add(struct buffer *buffer, const void *data, size_t length);

struct connection {
    int fd, index;
    enum protocol protocol;
    enum state state;
    bool want_write, posting;
    int setup_left;   /* answers awaited before the connection is ready */
    int close_code;   /* of the WebSocket close frame, 0 if none came */
    struct buffer in; /* what was read and is not complete yet */
    struct buffer out;
    struct buffer posts; /* polling: packets for the next POST */
    char session[64]; /* polling: the session's id */
};

extern struct connection *connections;
extern int ready_count, closed_count;
extern uint64_t pings, bytes_in;
extern uint64_t handling_ns; /* with --spin: time spent on what had arrived */

/* What a mode does with packets; set before `connect_all`. */
extern const char *(*auth_of)(struct connection *);            /* the CONNECT packet's JSON, or NULL */
extern int (*set_up)(struct connection *);                     /* sends what comes first; answers awaited */
extern bool (*is_setup_answer)(const char *packet, size_t length);
extern void (*on_packet)(struct connection *, const char *packet, size_t length, bool binary);

void connect_all(int count, enum protocol (*protocol_of)(int index)); /* returns when all are ready */
enum protocol chosen_protocol(int index);                             /* what --protocol says */
void receive_packet(struct connection *connection, const char *packet, size_t length, bool binary);
void send_text(struct connection *connection, const char *text, size_t length);
void send_binary(struct connection *connection, const void *data, size_t length);
void send_raw(struct connection *connection, const void *data, size_t length);
void send_close(struct connection *connection);
void stop_reading(struct connection *connection);
void read_connection(struct connection *connection);
void turn(uint64_t until_ns); /* handles what is there, waits for more until then */

/* http.c: long-polling */

void polling_begin(struct connection *connection);
void polling_send(struct connection *connection, const char *packet, size_t length);
size_t polling_parse(struct connection *connection, char *data, size_t length);

/* modes */

void run_fanout(void);
void run_echo(void);
void run_idle(void);
void run_post(void);

#endif
