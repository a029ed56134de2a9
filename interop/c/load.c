/*
 * As many requests as ZooKeeper's C client and a server manage, on several sessions with several requests outstanding
 * each, by the asynchronous calls of its library with threads.
 *
 * Usage: load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS
 */

#define _POSIX_C_SOURCE 200809L
#define THREADED

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zookeeper/zookeeper.h>

enum { SESSION_TIMEOUT_MS = 10000, PATH_BYTES = 64 };

struct session {
    zhandle_t *client;
    char path[PATH_BYTES];
    /* The library answers each session's requests on a thread of its own. */
    _Alignas(64) atomic_long answers;
};

static bool writes;
static char *data;
static int bytes;
static atomic_bool is_over;

static void ask(struct session *session);

static void fail(const char *what, int code)
{
    fprintf(stderr, "%s: %s\n", what, zerror(code));
    exit(1);
}

/* The answer asks anew. */
static void answered(struct session *session, int code)
{
    if (atomic_load_explicit(&is_over, memory_order_relaxed))
        return;
    if (code != ZOK)
        fail("answered with an error", code);
    atomic_fetch_add_explicit(&session->answers, 1, memory_order_relaxed);
    ask(session);
}

static void got(int code, const char *value, int length, const struct Stat *stat, const void *session)
{
    (void)value, (void)stat;
    if (code == ZOK && length != bytes)
        fail("another length was read than written", ZDATAINCONSISTENCY);
    answered((struct session *)session, code);
}

static void was_set(int code, const struct Stat *stat, const void *session)
{
    (void)stat;
    answered((struct session *)session, code);
}

static void ask(struct session *session)
{
    int code = writes ? zoo_aset(session->client, session->path, data, bytes, -1, was_set, session)
                      : zoo_aget(session->client, session->path, 0, got, session);
    if (code != ZOK)
        fail("ask", code);
}

static void begin(struct session *session, const char *hosts, int number, int outstanding)
{
    char prefix[PATH_BYTES];
    session->client = zookeeper_init(hosts, NULL, SESSION_TIMEOUT_MS, NULL, NULL, 0);
    if (session->client == NULL) {
        perror("zookeeper_init");
        exit(1);
    }
    snprintf(prefix, sizeof prefix, "/load-c-%d-", number);
    int code = zoo_create(session->client, prefix, data, bytes, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL,
                          session->path, sizeof session->path);
    if (code != ZOK)
        fail("create", code);
    for (int request = 0; request < outstanding; request++)
        ask(session);
}

static long answers_of(struct session *sessions, int count)
{
    long sum = 0;
    for (int number = 0; number < count; number++)
        sum += atomic_load_explicit(&sessions[number].answers, memory_order_relaxed);
    return sum;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void pause_for(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

int main(int count, char **arguments)
{
    if (count != 8) {
        fprintf(stderr, "usage: load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS\n");
        return 1;
    }
    int many = atoi(arguments[3]), outstanding = atoi(arguments[4]);
    writes = strcmp(arguments[2], "set") == 0;
    bytes = atoi(arguments[5]);
    data = malloc((size_t)bytes + 1);
    struct session *sessions = aligned_alloc(64, (size_t)many * sizeof *sessions);
    if (data == NULL || sessions == NULL)
        return 1;
    memset(data, 'x', (size_t)bytes);
    memset(sessions, 0, (size_t)many * sizeof *sessions);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    for (int number = 0; number < many; number++)
        begin(&sessions[number], arguments[1], number, outstanding);

    pause_for(atof(arguments[6]));
    long before = answers_of(sessions, many);
    double began = now();
    pause_for(atof(arguments[7]));
    double took = now() - began;
    printf("{\"ops_per_sec\":%.0f}\n", (double)(answers_of(sessions, many) - before) / took);

    atomic_store(&is_over, true);
    for (int number = 0; number < many; number++)
        zookeeper_close(sessions[number].client);
    return 0;
}
