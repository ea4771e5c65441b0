/* Give the process that preloads this a monotonic clock that drifts, or steps: liblsl measures that clock, so that changed
   stamps alone would test nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static double first_s, drift;
static volatile double step_s;

static double number(const char *name) {
    const char *text = getenv(name);
    return text ? atof(text) : 0.0;
}

static double seconds(const struct timespec *at) { return (double)at->tv_sec + 1e-9 * (double)at->tv_nsec; }

__attribute__((constructor)) static void begin(void) {
    struct timespec now;
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_gettime(CLOCK_MONOTONIC, &now);
    first_s = seconds(&now);
    drift = 1e-6 * number("OTHER_CLOCK_DRIFT_PPM");
}

/* Let the clock step, from now on. */
void other_clock_step(double by_s) { step_s += by_s; }

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (!real_gettime) begin();
    int failed = real_gettime(clock, at);
    if (failed || clock != CLOCK_MONOTONIC) return failed;
    double since_s = seconds(at) - first_s;
    double added_s = drift * since_s + step_s;
    long long nanoseconds = at->tv_nsec + (long long)(1e9 * added_s);
    at->tv_sec += nanoseconds / 1000000000;
    at->tv_nsec = nanoseconds % 1000000000;
    return 0;
}
