/* Preloaded into a process, has its clock on the wall show as many seconds more than the real one
   as the file CLOCK_HAND says. The monotonic clock, like that of a real machine, stays as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    FILE *hand = clock == CLOCK_REALTIME ? fopen(getenv("CLOCK_HAND"), "r") : NULL;
    long seconds = 0;
    if (hand && fscanf(hand, "%ld", &seconds) == 1)
        now->tv_sec += seconds;
    if (hand)
        fclose(hand);
    return result;
}
