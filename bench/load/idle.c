/* Many sockets that say nothing: how fast they come, what they cost, whether pings are in time, how fast they go. */
#include "load.h"

#include <stdio.h>

void run_idle(void)
{
    double cpu = process_cpu(options.pids, options.pid_count), load_cpu = own_work();
    double rss = process_rss(options.pids, options.pid_count);
    uint64_t start = now_ns();
    connect_all(options.sockets, chosen_protocol);
    double connect_seconds = (double)(now_ns() - start) / 1e9;
    double connect_cpu = process_cpu(options.pids, options.pid_count) - cpu;
    load_cpu = own_work() - load_cpu;

    uint64_t until = now_ns() + (uint64_t)(options.seconds * 1e9);
    double hold_cpu = process_cpu(options.pids, options.pid_count);
    pings = 0;
    while (now_ns() < until) turn(until);
    hold_cpu = process_cpu(options.pids, options.pid_count) - hold_cpu;
    double grown = process_rss(options.pids, options.pid_count) - rss;
    if (closed_count) fail("the server closed %d idle sockets", closed_count);

    start = now_ns();
    uint64_t patience = start + 60000000000u;
    for (int i = 0; i < options.sockets; i++) {
        send_close(&connections[i]);
        if (i % 64 == 63) turn(0); /* so that neither side's queues grow without end */
    }
    while (closed_count < options.sockets && now_ns() < patience) turn(patience);
    double close_seconds = (double)(now_ns() - start) / 1e9;
    printf("{\"sockets\":%d,\"connects_per_second\":%.1f,\"connects_per_cpu_second\":%.1f,\"load_cpu\":%.6f,"
           "\"seconds\":%.6f,\"bytes_per_socket\":%.1f,\"rss_mb\":%.1f,\"pings\":%llu,\"hold_cpu\":%.6f,"
           "\"close_seconds\":%.3f,\"not_closed\":%d}\n",
           options.sockets, options.sockets / connect_seconds, connect_cpu > 0 ? options.sockets / connect_cpu : 0,
           load_cpu, connect_seconds, grown / options.sockets, (rss + grown) / 1e6, (unsigned long long)pings, hold_cpu,
           close_seconds, options.sockets - closed_count);
}
