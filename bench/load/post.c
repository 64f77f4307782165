/* Events with acknowledgements, each socket with a script of its own: one on its way for each, or with --rate so many
   a second in all, from the sockets in turn, however long the answers take. Then an answer's time counts from when its
   event was due.

   A script line is a JSON object:
     {"auth": object of the CONNECT packet,
      "setup": [event arrays, emitted with an acknowledgement each once connected],
      "event": event array, emitted again and again,
      "events": [event arrays, emitted in turn instead],
      "delivery": name of the event that brings deliveries,
      "mark": text counted inside such an event if it brings several (default: the event counts as one)}
   In the event %K becomes a fresh key of 24 digits and %T the time of CLOCK_MONOTONIC in 20.
   An acknowledgement without "ok":true is an error. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ON_THEIR_WAY = 256 }; /* events of one socket */

struct script {
    char *auth, *setup, *event, *events, *delivery, *mark;
    const char *next; /* of the events */
    uint64_t asked_at[ON_THEIR_WAY];
    unsigned asked, answered;
    size_t mark_length, delivery_length;
};

static struct script *scripts;
static uint64_t asked, acks, errors, deliveries, keys;
static struct histogram latencies;
static bool measuring, asking;

/* The end of the JSON value at `text`: strings and nesting are all it must know. */
static const char *value_end(const char *text)
{
    int depth = 0;
    for (bool quoted = false;; text++) {
        if (!*text) fail("a script line ends too early");
        if (quoted) {
            if (*text == '\\') text++;
            else if (*text == '"') quoted = false;
        } else if (*text == '"') {
            quoted = true;
        } else if (*text == '{' || *text == '[') {
            depth++;
        } else if (*text == '}' || *text == ']') {
            depth--;
        }
        if (depth == 0 && !quoted && (text[1] == ',' || text[1] == '}' || text[1] == ']')) return text + 1;
    }
}

/* A copy of the value of a key of the outermost object, NULL if it has none. */
static char *value_of(const char *line, const char *key)
{
    size_t size = strlen(key);
    for (const char *at = line + 1 + strspn(line + 1, " "); *at == '"';) {
        const char *colon = strchr(at + 1, '"') + 1;
        bool found = (size_t)(colon - at) == size + 2 && !memcmp(at + 1, key, size);
        const char *value = colon + strspn(colon, ": "), *end = value_end(value);
        if (found) return strndup(value, (size_t)(end - value));
        at = end + strspn(end, ", ");
    }
    return NULL;
}

static char *unquoted(char *value)
{
    /* Names and marks: quotes inside are the only thing escaped. */
    if (!value || *value != '"') return value;
    char *to = value;
    for (char *from = value + 1; *from && !(*from == '"' && !from[1]); from++) {
        if (*from == '\\' && from[1]) from++;
        *to++ = *from;
    }
    *to = 0;
    return value;
}

static void read_scripts(void)
{
    FILE *file = options.script ? fopen(options.script, "r") : NULL;
    if (!file) fail("post needs --script FILE");
    scripts = calloc((size_t)options.sockets, sizeof *scripts);
    char *line = NULL;
    size_t capacity = 0;
    for (int i = 0; i < options.sockets; i++) {
        if (getline(&line, &capacity, file) < 2) fail("the script has only %d lines", i);
        struct script *script = &scripts[i];
        script->auth = value_of(line, "auth");
        script->setup = value_of(line, "setup");
        script->event = value_of(line, "event");
        script->events = value_of(line, "events");
        char *delivery = unquoted(value_of(line, "delivery"));
        if (asprintf(&script->delivery, "42[\"%s\",", delivery ? delivery : "") < 0) fail("out of memory");
        script->delivery_length = strlen(script->delivery);
        script->mark = unquoted(value_of(line, "mark"));
        script->mark_length = script->mark ? strlen(script->mark) : 0;
    }
    fclose(file);
}

static const char *script_auth(struct connection *connection) { return scripts[connection->index].auth; }

static int script_setup(struct connection *connection)
{
    int count = 0;
    const char *setup = scripts[connection->index].setup;
    for (const char *at = setup ? setup + 1 : ""; *at == '['; count++) {
        const char *end = value_end(at);
        char *packet;
        int size = asprintf(&packet, "42%d%.*s", 900000 + count, (int)(end - at), at);
        send_text(connection, packet, (size_t)size);
        free(packet);
        at = end + strspn(end, ", ");
    }
    return count;
}

static bool is_script_answer(const char *packet, size_t length)
{
    if (length < 8 || memcmp(packet, "439000", 6)) return false;
    if (memmem(packet, length, "\"ok\":false", 10)) fail("setup: %.*s", (int)length, packet);
    return true;
}

/* The event that is due; sets where it ends. */
static const char *next_event(struct script *script, const char **end)
{
    if (!script->events) {
        *end = script->event + strlen(script->event);
        return script->event;
    }
    if (!script->next || *script->next != '[') script->next = script->events + 1;
    const char *event = script->next;
    *end = value_end(event);
    script->next = *end + strspn(*end, ", ");
    return event;
}

static void ask(struct connection *connection, uint64_t due)
{
    static char packet[1 << 16];
    struct script *script = &scripts[connection->index];
    if (script->asked - script->answered == ON_THEIR_WAY) fail("a socket has too many events on their way");
    unsigned number = script->asked++ % ON_THEIR_WAY;
    size_t length = (size_t)sprintf(packet, "42%u", number);
    const char *end;
    for (const char *at = next_event(script, &end); at < end; at++) {
        if (length > sizeof packet - 64) fail("an event is too long");
        if (at[0] == '%' && at[1] == 'K') {
            length += (size_t)sprintf(packet + length, "%08x%016llx", (unsigned)connection->index,
                                      (unsigned long long)++keys);
            at++;
        } else if (at[0] == '%' && at[1] == 'T') {
            length += (size_t)sprintf(packet + length, "%020llu", (unsigned long long)now_ns());
            at++;
        } else {
            packet[length++] = *at;
        }
    }
    asked++;
    script->asked_at[number] = due;
    send_text(connection, packet, length);
}

static void receive(struct connection *connection, const char *packet, size_t length, bool binary)
{
    struct script *script = &scripts[connection->index];
    if (binary) return;
    if (length > 4 && !memcmp(packet, "43", 2)) {
        unsigned long number = strtoul(packet + 2, NULL, 10);
        if (number >= ON_THEIR_WAY) fail("an unknown answer: %.*s", (int)(length < 80 ? length : 80), packet);
        script->answered++;
        if (!memmem(packet, length, "\"ok\":true", 9)) {
            if (errors++ == 0) fprintf(stderr, "load: first error: %.*s\n", (int)length, packet);
        } else {
            acks++;
        }
        if (measuring) histogram_add(&latencies, now_ns() - script->asked_at[number]);
        if (asking && options.rate == 0) ask(connection, now_ns());
    } else if (length > script->delivery_length && !memcmp(packet, script->delivery, script->delivery_length)) {
        if (!script->mark) {
            deliveries++;
        } else {
            const char *at = packet, *end = packet + length;
            while ((at = memmem(at, (size_t)(end - at), script->mark, script->mark_length))) {
                deliveries++;
                at += script->mark_length;
            }
        }
    }
}

void run_post(void)
{
    read_scripts();
    auth_of = script_auth;
    set_up = script_setup;
    is_setup_answer = is_script_answer;
    on_packet = receive;
    connect_all(options.sockets, chosen_protocol);
    uint64_t start = now_ns(), from = start + (uint64_t)(options.warmup * 1e9);
    uint64_t until = from + (uint64_t)(options.seconds * 1e9), began = 0;
    uint64_t acks_before = 0, deliveries_before = 0;
    double cpu = 0, load_cpu = 0;
    keys = start; /* so that a second run makes other keys */
    asking = true;
    if (options.rate == 0)
        for (int i = 0; i < options.sockets; i++)
            if (scripts[i].event) ask(&connections[i], now_ns());
    while (now_ns() < until) {
        if (!measuring && now_ns() >= from) {
            measuring = true;
            began = now_ns();
            acks_before = acks;
            deliveries_before = deliveries;
            cpu = process_cpu(options.pids, options.pid_count);
            load_cpu = own_work();
        }
        uint64_t next = measuring ? until : from;
        if (options.rate > 0) {
            uint64_t now = now_ns(), due;
            while ((due = start + (uint64_t)((double)(asked + 1) / options.rate * 1e9)) <= now)
                ask(&connections[asked % (uint64_t)options.sockets], due);
            if (due < next) next = due;
        }
        turn(next);
        if (closed_count) fail("the server closed %d sockets", closed_count);
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    uint64_t acked = acks - acks_before, delivered = deliveries - deliveries_before;
    cpu = process_cpu(options.pids, options.pid_count) - cpu;
    load_cpu = own_work() - load_cpu;
    asking = false;
    /* With a rate each event counts that was due in time, however late its answer. */
    measuring = options.rate > 0;
    uint64_t ended = now_ns(), quiet = ended + 500000000u, latest = ended + 20 * 1000000000ull;
    while (now_ns() < quiet) {
        turn(quiet);
        if (options.rate > 0 && acks + errors < asked && now_ns() < latest) quiet = now_ns() + 500000000u;
    }
    double waited = (double)(now_ns() - ended) / 1e9;
    printf("{\"acks\":%llu,\"seconds\":%.6f,\"acks_per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
           "\"deliveries\":%llu,\"server_cpu\":%.6f,\"load_cpu\":%.6f,\"errors\":%llu,\"asked\":%llu,\"all_acks\":%llu,"
           "\"all_deliveries\":%llu,\"waited\":%.6f}\n",
           (unsigned long long)acked, seconds, (double)acked / seconds, histogram_ms(&latencies, 0.5),
           histogram_ms(&latencies, 0.99), (double)latencies.max / 1e6, (unsigned long long)delivered, cpu, load_cpu,
           (unsigned long long)errors, (unsigned long long)asked, (unsigned long long)acks, (unsigned long long)deliveries,
           waited);
}
