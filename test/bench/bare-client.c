// The least a libvirt client can do: `true` in guests, by one thread and one connection a guest, without Kubernetes.
// usage: bare-client URI RUNS GUEST…      prints how many milliseconds each run took, one a line
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// libvirt's public ABI, so that no development package is needed.
typedef struct _virConnect *virConnectPtr;
typedef struct _virDomain *virDomainPtr;
int virInitialize(void);
virConnectPtr virConnectOpen(const char *uri);
int virConnectClose(virConnectPtr connection);
virDomainPtr virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid);
int virDomainFree(virDomainPtr domain);
char *virDomainQemuAgentCommand(virDomainPtr domain, const char *command, int timeout, unsigned int flags);

static const struct timespec poll_interval = {.tv_nsec = 20 * 1000 * 1000};
static const int timeout_seconds = 10;
static const char *uri;
static int runs;

static void fail(const char *what)
{
    fprintf(stderr, "bare-client: %s failed\n", what);
    exit(1);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static char *ask(virDomainPtr domain, const char *command)
{
    char *reply = virDomainQemuAgentCommand(domain, command, timeout_seconds, 0);
    if (!reply) fail(command);
    return reply;
}

static void run_true(virDomainPtr domain)
{
    char *reply = ask(domain, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"true\",\"capture-output\":true}}");
    const char *pid = strstr(reply, "\"pid\":");
    if (!pid) fail("guest-exec");
    char status[128];
    snprintf(status, sizeof status, "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%d}}", atoi(pid + 6));
    free(reply);
    for (int exited = 0; !exited; free(reply)) {
        nanosleep(&poll_interval, NULL);
        reply = ask(domain, status);
        exited = strstr(reply, "\"exited\":true") != NULL;
        if (exited && !strstr(reply, "\"exitcode\":0")) fail("true");
    }
}

static void *run_in_guest(void *uuid)
{
    virConnectPtr connection = virConnectOpen(uri);
    if (!connection) fail("virConnectOpen");
    virDomainPtr domain = virDomainLookupByUUIDString(connection, uuid);
    if (!domain) fail("virDomainLookupByUUIDString");
    for (int run = 0; run < runs; run++) {
        double started = now_ms();
        run_true(domain);
        printf("%.3f\n", now_ms() - started);
    }
    virDomainFree(domain);
    virConnectClose(connection);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 4) fail("reading the arguments URI RUNS GUEST…");
    uri = argv[1];
    runs = atoi(argv[2]);
    int guests = argc - 3;
    pthread_t threads[guests];
    if (virInitialize() < 0) fail("virInitialize");
    for (int i = 0; i < guests; i++)
        if (pthread_create(&threads[i], NULL, run_in_guest, argv[3 + i])) fail("pthread_create");
    for (int i = 0; i < guests; i++) pthread_join(threads[i], NULL);
    return 0;
}
