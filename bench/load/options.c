#include "load.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
    .protocol = "socketio",
    .host = "127.0.0.1",
    .path = "/socket.io/",
    .sockets = 1000,
    .rooms = 1,
    .publishers = 1,
    .window = 32,
    .size = 150,
    .sample = 1,
    .sources = 1,
    .parallel = 64,
    .seconds = 5,
    .warmup = 1,
};

static const char usage[] =
    "load MODE --port P [options]; prints one JSON object.\n"
    "  fanout  --sockets N --rooms R --publishers P (of each room) --size BYTES [--binary]\n"
    "          --rate MESSAGES/S, or 0: each publisher keeps --window messages on their way\n"
    "          --slow K sockets stop reading; --sample N takes every Nth socket's latencies\n"
    "  echo    every socket sends to itself, --window at a time, or --rate in all; [--binary]\n"
    "  idle    opens --sockets from --sources addresses, --parallel at a time, holds, closes\n"
    "  post    --script FILE, one JSON object for each socket (see post.c); --rate EVENTS/S in all\n"
    "common:   --protocol socketio|polling|nats --path /socket.io/ --seconds S --warmup S\n"
    "          --pid PID of the server, repeated if it has several\n"
    "          --spin: never sleep, so that the server is not charged for waking its clients,\n"
    "          which on a network are on other machines\n";

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || value < least || value > most) fail("%s is not in range", text);
    return value;
}

void parse_options(int argc, char **argv)
{
    enum { PROTOCOL = 1, HOST, PORT, SOCKETS, ROOMS, PUBLISHERS, WINDOW, RATE, SIZE, SLOW, SAMPLE,
           SOURCES, PARALLEL, SECONDS, WARMUP, PID, SCRIPT, BINARY, SPIN, URL_PATH };
    static const struct option names[] = {
        {"protocol", 1, 0, PROTOCOL}, {"host", 1, 0, HOST}, {"port", 1, 0, PORT},
        {"sockets", 1, 0, SOCKETS}, {"rooms", 1, 0, ROOMS}, {"publishers", 1, 0, PUBLISHERS},
        {"window", 1, 0, WINDOW}, {"rate", 1, 0, RATE}, {"size", 1, 0, SIZE}, {"slow", 1, 0, SLOW},
        {"sample", 1, 0, SAMPLE}, {"sources", 1, 0, SOURCES}, {"parallel", 1, 0, PARALLEL},
        {"seconds", 1, 0, SECONDS}, {"warmup", 1, 0, WARMUP}, {"pid", 1, 0, PID},
        {"script", 1, 0, SCRIPT}, {"binary", 0, 0, BINARY}, {"spin", 0, 0, SPIN}, {"path", 1, 0, URL_PATH}, {0, 0, 0, 0}};
    if (argc < 2) fail("which mode?\n%s", usage);
    options.mode = argv[1];
    for (int name; (name = getopt_long(argc - 1, argv + 1, "", names, NULL)) != -1;) switch (name) {
        case PROTOCOL: options.protocol = optarg; break;
        case HOST: options.host = optarg; break;
        case PORT: options.port = (int)number(optarg, 1, 65535); break;
        case SOCKETS: options.sockets = (int)number(optarg, 1, 1e6); break;
        case ROOMS: options.rooms = (int)number(optarg, 1, 10000); break;
        case PUBLISHERS: options.publishers = (int)number(optarg, 1, 100); break;
        case WINDOW: options.window = (int)number(optarg, 1, 10000); break;
        case RATE: options.rate = number(optarg, 0, 1e7); break;
        case SIZE: options.size = (int)number(optarg, 100, 1e6); break;
        case SLOW: options.slow = (int)number(optarg, 0, 1e6); break;
        case SAMPLE: options.sample = (int)number(optarg, 1, 1e6); break;
        case SOURCES: options.sources = (int)number(optarg, 1, 200); break;
        case PARALLEL: options.parallel = (int)number(optarg, 1, 10000); break;
        case SECONDS: options.seconds = number(optarg, 0.1, 3600); break;
        case WARMUP: options.warmup = number(optarg, 0, 600); break;
        case SCRIPT: options.script = optarg; break;
        case BINARY: options.binary = true; break;
        case SPIN: options.spin = true; break;
        case URL_PATH: options.path = optarg; break;
        case PID:
            if (options.pid_count == 16) fail("too many processes");
            options.pids[options.pid_count++] = (int)number(optarg, 1, 1e9);
            break;
        default: fail("unknown option\n%s", usage);
        }
    if (!options.port) fail("which port?\n%s", usage);
}

enum protocol chosen_protocol(int index)
{
    (void)index;
    if (!strcmp(options.protocol, "socketio")) return SOCKETIO;
    if (!strcmp(options.protocol, "polling")) return POLLING;
    if (!strcmp(options.protocol, "nats")) return NATS;
    fail("unknown protocol %s", options.protocol);
}
