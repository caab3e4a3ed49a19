/* Preloaded into a server: looks up some names as a test wants, and all others as the system does.
 *
 * later.test      cannot be looked up at the moment
 * nowhere.test    does not exist
 * half-dead.test  has two addresses; nothing listens at the first one
 * six.test        has an address of version 6, at which nothing listens, and one of version 4 that lives */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Both lists as one; the system frees it node by node. */
static int both(look_up *next, const char *first, const char *second, const char *service,
                const struct addrinfo *hints, struct addrinfo **found) {
    struct addrinfo *more = NULL;
    int failed = next(first, service, hints, found);
    if (failed)
        return failed;
    failed = next(second, service, hints, &more);
    if (failed) {
        freeaddrinfo(*found);
        return failed;
    }
    struct addrinfo *last = *found;
    while (last->ai_next)
        last = last->ai_next;
    last->ai_next = more;
    return 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    static look_up *next;
    if (!next)
        next = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && !strcmp(name, "later.test"))
        return EAI_AGAIN;
    if (name && !strcmp(name, "nowhere.test"))
        return EAI_NONAME;
    if (name && !strcmp(name, "half-dead.test"))
        return both(next, "127.0.0.2", "127.0.0.1", service, hints, found);
    if (name && !strcmp(name, "six.test"))
        return both(next, "::1", "127.0.0.1", service, hints, found);
    return next(name, service, hints, found);
}
