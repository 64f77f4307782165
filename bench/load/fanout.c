/* Rooms: publishers send, every member receives. Counts each delivery and checks its order. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The body has its fields at fixed places, so that reading it costs little:
   {"room":"r0000","p":"00","n":"0000000000","t":"00000000000000000000","pad":"…"} */
enum { ROOM_AT = 9, PUBLISHER_AT = 21, NUMBER_AT = 30, TIME_AT = 47, PAD_AT = 76 };

static int members; /* of each room */
static uint32_t *last_number; /* by socket and publisher */
static uint64_t *sent_count;  /* by room and publisher */
static uint64_t deliveries, disorder, sent;
static struct histogram latencies;
static bool measuring;
static bool refilling; /* a publisher that gets its own message back sends the next */
static char *pad;

static int room_of(const struct connection *connection) { return connection->index % options.rooms; }
static int place_of(const struct connection *connection) { return connection->index / options.rooms; }

/* The last places of each room do not read. */
static bool is_slow(const struct connection *connection)
{
    return connection->index >= options.sockets - options.slow;
}

static enum protocol protocol_of(int index)
{
    enum protocol chosen = chosen_protocol(index);
    /* A poll blocks its connection, so publishers among polling clients use WebSockets. */
    return chosen == POLLING && index / options.rooms < options.publishers ? SOCKETIO : chosen;
}

static void publish(struct connection *connection)
{
    static char packet[2 << 20];
    int room = room_of(connection), publisher = place_of(connection);
    uint64_t number = ++sent_count[room * options.publishers + publisher];
    int pad_size = options.binary ? 0 : options.size - PAD_AT - 2;
    char body[4096 + 128], *big = body;
    if (pad_size > 4096) big = packet + (1 << 20);
    int length = sprintf(big, "{\"room\":\"r%04d\",\"p\":\"%02d\",\"n\":\"%010u\",\"t\":\"%020llu\",\"pad\":\"%.*s\"", room,
                         publisher, (unsigned)number, (unsigned long long)now_ns(), pad_size, pad);
    if (options.binary) length += sprintf(big + length, ",\"data\":{\"_placeholder\":true,\"num\":0}");
    length += sprintf(big + length, "}");
    if (connection->protocol == NATS) {
        int size = sprintf(packet, "PUB r%04d %d\r\n%s\r\n", room, length, big);
        send_raw(connection, packet, (size_t)size);
    } else {
        int size = sprintf(packet, "%s[\"msg\",%s]", options.binary ? "451-" : "42", big);
        send_text(connection, packet, (size_t)size);
        if (options.binary) send_binary(connection, pad, (size_t)options.size);
    }
    sent++;
}

static uint64_t digits(const char *text, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value * 10 + (uint64_t)(text[i] - '0');
    return value;
}

static void receive_body(struct connection *connection, const char *body)
{
    int publisher = (int)digits(body + PUBLISHER_AT, 2);
    if (publisher >= options.publishers) fail("a message of an unknown publisher");
    uint32_t number = (uint32_t)digits(body + NUMBER_AT, 10);
    uint32_t *last = &last_number[connection->index * options.publishers + publisher];
    if (number != *last + 1) disorder++;
    *last = number;
    deliveries++;
    if (measuring && connection->index % options.sample == 0)
        histogram_add(&latencies, now_ns() - digits(body + TIME_AT, 20));
    if (refilling && publisher == place_of(connection)) publish(connection);
}

static void receive(struct connection *connection, const char *packet, size_t length, bool binary)
{
    static const char text[] = "42[\"msg\",", attached[] = "451-[\"msg\",";
    if (connection->protocol == NATS) return receive_body(connection, packet);
    if (binary) return; /* the packet before it was counted */
    if (length > sizeof text + PAD_AT && !memcmp(packet, text, sizeof text - 1))
        receive_body(connection, packet + sizeof text - 1);
    else if (length > sizeof attached + PAD_AT && !memcmp(packet, attached, sizeof attached - 1))
        receive_body(connection, packet + sizeof attached - 1);
}

static int join_room(struct connection *connection)
{
    char text[64];
    if (connection->protocol == NATS) {
        int length = sprintf(text, "SUB r%04d 1\r\nPING\r\n", room_of(connection));
        send_raw(connection, text, (size_t)length);
    } else {
        int length = sprintf(text, "42[\"join\",\"r%04d\"]", room_of(connection));
        send_text(connection, text, (size_t)length);
    }
    return 1;
}

static bool is_joined(const char *packet, size_t length)
{
    return length >= 11 && !memcmp(packet, "42[\"joined\"", 11);
}

static void publish_due(uint64_t start, uint64_t *done)
{
    /* Rooms take turns, and so do the publishers of a room. */
    uint64_t due = (uint64_t)((double)(now_ns() - start) / 1e9 * options.rate);
    uint64_t publishers = (uint64_t)options.rooms * (uint64_t)options.publishers;
    for (; *done < due; ++*done) publish(&connections[*done % publishers]);
}

void run_fanout(void)
{
    if (options.sockets % options.rooms) fail("the rooms must be of one size");
    members = options.sockets / options.rooms;
    if (options.publishers > members) fail("more publishers than members");
    last_number = calloc((size_t)options.sockets * (size_t)options.publishers, sizeof *last_number);
    sent_count = calloc((size_t)options.rooms * (size_t)options.publishers, sizeof *sent_count);
    pad = malloc((size_t)options.size + 1);
    memset(pad, 'x', (size_t)options.size);
    pad[options.size] = 0;
    set_up = join_room;
    is_setup_answer = is_joined;
    on_packet = receive;
    connect_all(options.sockets, protocol_of);
    for (int i = 0; i < options.sockets; i++)
        if (is_slow(&connections[i])) stop_reading(&connections[i]);

    int publishers = options.rooms * options.publishers;
    uint64_t start = now_ns(), done = 0;
    uint64_t from = start + (uint64_t)(options.warmup * 1e9), until = from + (uint64_t)(options.seconds * 1e9);
    refilling = options.rate == 0;
    if (refilling)
        for (int w = 0; w < options.window; w++)
            for (int i = 0; i < publishers; i++) publish(&connections[i]);
    uint64_t before = 0, began = 0;
    double cpu = 0, load_cpu = 0, rss = process_rss(options.pids, options.pid_count);
    while (now_ns() < until) {
        if (!measuring && now_ns() >= from) {
            measuring = true;
            began = now_ns();
            before = deliveries;
            cpu = process_cpu(options.pids, options.pid_count);
            load_cpu = own_work();
        }
        uint64_t next = measuring ? until : from;
        if (options.rate > 0) {
            publish_due(start, &done);
            uint64_t due = start + (uint64_t)((double)(done + 1) / options.rate * 1e9);
            if (due < next) next = due;
        }
        turn(next);
        if (closed_count > options.slow) fail("the server closed %d sockets", closed_count);
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    uint64_t counted = deliveries - before;
    cpu = process_cpu(options.pids, options.pid_count) - cpu;
    load_cpu = own_work() - load_cpu;
    double rss_after = process_rss(options.pids, options.pid_count);
    measuring = refilling = false;

    /* What is on its way arrives; then nothing may be missing. */
    uint64_t expected = 0;
    for (int i = 0; i < options.sockets; i++)
        if (!is_slow(&connections[i]))
            for (int p = 0; p < options.publishers; p++)
                expected += sent_count[room_of(&connections[i]) * options.publishers + p];
    for (uint64_t patience = now_ns() + 10000000000u; deliveries < expected && now_ns() < patience;)
        turn(now_ns() + 100000000u);

    /* The slow ones find out now whether they were closed, and with which code. */
    uint64_t complete = deliveries;
    int slow_closed = 0;
    for (int i = 0; i < options.sockets; i++) {
        struct connection *connection = &connections[i];
        if (!is_slow(connection)) continue;
        for (int reads = 0; connection->state != CLOSED && reads < 1000; reads++) read_connection(connection);
        slow_closed += connection->state == CLOSED;
    }
    printf("{\"deliveries\":%llu,\"seconds\":%.6f,\"per_second\":%.1f,\"server_cpu\":%.6f,\"per_cpu_second\":%.1f,"
           "\"load_cpu\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"sent\":%llu,\"missing\":%lld,"
           "\"out_of_order\":%llu,\"rss_mb\":%.1f,\"rss_grown_mb\":%.1f,\"slow_closed\":%d,\"close_code\":%d}\n",
           (unsigned long long)counted, seconds, (double)counted / seconds, cpu, cpu > 0 ? (double)counted / cpu : 0,
           load_cpu, histogram_ms(&latencies, 0.5), histogram_ms(&latencies, 0.99), (double)latencies.max / 1e6,
           (unsigned long long)sent, (long long)(expected - complete), (unsigned long long)disorder, rss_after / 1e6,
           (rss_after - rss) / 1e6, slow_closed, options.slow ? connections[options.sockets - 1].close_code : 0);
}
