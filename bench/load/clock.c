#include "load.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time)) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

double own_cpu(void) { return (double)read_clock(CLOCK_PROCESS_CPUTIME_ID) / 1e9; }

double own_work(void) { return options.spin ? (double)handling_ns / 1e9 : own_cpu(); }

double process_cpu(const int *pids, int count)
{
    uint64_t total = 0;
    for (int i = 0; i < count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(pids[i], &clock)) fail("there is no process %d", pids[i]);
        total += read_clock(clock);
    }
    return (double)total / 1e9;
}

double process_rss(const int *pids, int count)
{
    double total = 0;
    for (int i = 0; i < count; i++) {
        char name[64];
        long size = 0, resident = 0;
        snprintf(name, sizeof name, "/proc/%d/statm", pids[i]);
        FILE *file = fopen(name, "r");
        if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2) fail("cannot read %s", name);
        fclose(file);
        total += (double)resident * (double)sysconf(_SC_PAGESIZE);
    }
    return total;
}

/* Log-linear: 64 buckets for each power of two, one for each value below 128. */
void histogram_add(struct histogram *histogram, uint64_t ns)
{
    int shift = 63 - __builtin_clzll(ns | 64) - 6;
    histogram->counts[shift * 64 + (int)(ns >> shift)]++;
    histogram->total++;
    if (ns > histogram->max) histogram->max = ns;
}

double histogram_ms(const struct histogram *histogram, double quantile)
{
    uint64_t wanted = (uint64_t)(quantile * (double)histogram->total), seen = 0;
    for (int i = 0; i < 64 * 64; i++) {
        seen += histogram->counts[i];
        if (seen > wanted) {
            int shift = i < 128 ? 0 : i / 64 - 1;
            return (double)((uint64_t)(i - shift * 64) << shift) / 1e6;
        }
    }
    return (double)histogram->max / 1e6;
}
