/* Preloaded into a server: lets writes to its store fail from the nth one on, as long as a test wants.
 *
 * ASKSTREAM_FAULT_FILE is shared memory of four numbers: calls so far, the first
 * that fails (0: none), the error, and the first that succeeds again.
 * ASKSTREAM_FAULT_PREFIX is what the paths of the files begin with that are meant. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    int64_t calls, from, error, until;
};

static struct control *control;
static const char *prefix;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ASKSTREAM_FAULT_FILE");
    prefix = getenv("ASKSTREAM_FAULT_PREFIX");
    int fd = path ? open(path, O_RDWR) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || !prefix)
        abort();
    control = map;
}

/* Whether this call is to fail. */
static int fails(int fd) {
    char link[64], path[4096];
    if (!control)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, prefix, strlen(prefix)) != 0)
        return 0;
    int64_t call = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
    int64_t from = __atomic_load_n(&control->from, __ATOMIC_SEQ_CST);
    if (!from || call < from || call >= __atomic_load_n(&control->until, __ATOMIC_SEQ_CST))
        return 0;
    errno = (int)control->error;
    return 1;
}

#define FAULTY(type, name, parameters, ...)                            \
    type name parameters {                                             \
        static type(*next) parameters;                                 \
        if (fails(fd))                                                 \
            return -1;                                                 \
        if (!next)                                                     \
            next = (type(*) parameters)dlsym(RTLD_NEXT, #name);        \
        return next(__VA_ARGS__);                                      \
    }

FAULTY(ssize_t, write, (int fd, const void *data, size_t size), fd, data, size)
FAULTY(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
FAULTY(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
FAULTY(ssize_t, writev, (int fd, const struct iovec *data, int count), fd, data, count)
FAULTY(ssize_t, pwritev, (int fd, const struct iovec *data, int count, off_t at), fd, data, count, at)
FAULTY(ssize_t, pwritev64, (int fd, const struct iovec *data, int count, off64_t at), fd, data, count, at)
FAULTY(int, ftruncate, (int fd, off_t size), fd, size)
FAULTY(int, ftruncate64, (int fd, off64_t size), fd, size)
FAULTY(int, fsync, (int fd), fd)
FAULTY(int, fdatasync, (int fd), fd)
