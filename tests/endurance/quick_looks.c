/* pcscd sleeps 0.4 s between two looks at a reader. Preloaded, this makes it KIOSK_LOOKS_MS,
 * so that thousands of tokens can be put in and taken out in an hour. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int (*sleeps)(const struct timespec *, struct timespec *);
static long look;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("KIOSK_LOOKS_MS");
    *(void **)&sleeps = dlsym(RTLD_NEXT, "nanosleep");
    look = text ? atol(text) * 1000000L : 0;
}

int nanosleep(const struct timespec *asked, struct timespec *left)
{
    struct timespec shorter = {0, look};
    if (look && asked->tv_sec == 0 && asked->tv_nsec == 400000000L)
        return sleeps(&shorter, left);
    return sleeps(asked, left);
}
