/* Every socket talks to itself: an event, its echo, the next event. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_AT = 5 }; /* {"t":"00000000000000000000","pad":"…"} */

static uint64_t echoes;
static struct histogram latencies;
static bool measuring, refilling;
static char *pad;

static void ask(struct connection *connection)
{
    static char packet[2 << 20];
    int length = sprintf(packet, "%s[\"message\",{\"t\":\"%020llu\",\"pad\":\"%.*s\"", options.binary ? "451-" : "42",
                         (unsigned long long)now_ns(), options.binary ? 0 : options.size - 37, pad);
    length += sprintf(packet + length, "%s}]", options.binary ? ",\"data\":{\"_placeholder\":true,\"num\":0}" : "");
    send_text(connection, packet, (size_t)length);
    if (options.binary) send_binary(connection, pad, (size_t)options.size);
}

static void receive(struct connection *connection, const char *packet, size_t length, bool binary)
{
    static uint64_t sent;
    if (!binary) {
        const char *body = memmem(packet, length < 64 ? length : 64, "\"message-back\",{", 16);
        if (!body) return;
        sent = strtoull(body + 15 + TIME_AT + 1, NULL, 10);
        if (options.binary) return; /* complete with its attachment */
    }
    echoes++;
    if (measuring) histogram_add(&latencies, now_ns() - sent);
    if (refilling) ask(connection);
}

void run_echo(void)
{
    pad = malloc((size_t)options.size + 1);
    memset(pad, 'x', (size_t)options.size);
    pad[options.size] = 0;
    on_packet = receive;
    connect_all(options.sockets, chosen_protocol);
    uint64_t start = now_ns(), asked = 0, before = 0, began = 0;
    uint64_t from = start + (uint64_t)(options.warmup * 1e9), until = from + (uint64_t)(options.seconds * 1e9);
    double cpu = 0, load_cpu = 0;
    refilling = options.rate == 0;
    if (refilling)
        for (int w = 0; w < options.window; w++)
            for (int i = 0; i < options.sockets; i++, asked++) ask(&connections[i]);
    while (now_ns() < until) {
        if (!measuring && now_ns() >= from) {
            measuring = true;
            began = now_ns();
            before = echoes;
            cpu = process_cpu(options.pids, options.pid_count);
            load_cpu = own_work();
        }
        uint64_t next = measuring ? until : from;
        if (!refilling) {
            uint64_t due = (uint64_t)((double)(now_ns() - start) / 1e9 * options.rate);
            for (; asked < due; asked++) ask(&connections[asked % (uint64_t)options.sockets]);
            uint64_t then = start + (uint64_t)((double)(asked + 1) / options.rate * 1e9);
            if (then < next) next = then;
        }
        turn(next);
        if (closed_count) fail("the server closed %d sockets", closed_count);
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    uint64_t counted = echoes - before;
    cpu = process_cpu(options.pids, options.pid_count) - cpu;
    load_cpu = own_work() - load_cpu;
    printf("{\"deliveries\":%llu,\"seconds\":%.6f,\"per_second\":%.1f,\"server_cpu\":%.6f,\"per_cpu_second\":%.1f,"
           "\"load_cpu\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           (unsigned long long)counted, seconds, (double)counted / seconds, cpu, cpu > 0 ? (double)counted / cpu : 0,
           load_cpu, histogram_ms(&latencies, 0.5), histogram_ms(&latencies, 0.99), (double)latencies.max / 1e6);
}
