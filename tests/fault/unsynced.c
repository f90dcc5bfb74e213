/* What a disk would hold after the power went: everything that was synced, nothing else.
 *
 * Preloaded into a program (LD_PRELOAD), it keeps a shadow of the folder AIMON_FAULT_LIVE in the folder
 * AIMON_FAULT_SHADOW. Each fsync or fdatasync of a file below the first copies that file's content, as it
 * stands then, to the same place below the second. A removal counts at once, a renaming too: of a file that
 * was never synced it leaves an empty one, as real file systems do.
 *
 * AIMON_FAULT_DIE=n ends the program, without a word, where it is about to sync for the n-th time.
 *
 * Not modelled: entries of folders are durable without a sync of the folder. O_SYNC, sync_file_range,
 * syncfs and msync sync nothing here; a program that relies on them shows up as losing data.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One change of the shadow at a time: two threads may sync one file. */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

/* A shadow that can't be kept would make the test say something untrue. */
static void give_up(const char *what) {
    fprintf(stderr, "panicked: the fault layer can't %s: %s\n", what, strerror(errno));
    abort();
}

/* The shadow's path of a file below the live folder; 0 for all others. Folders above it are made. */
static int shadow_of(const char *path, char *out) {
    const char *live = getenv("AIMON_FAULT_LIVE"), *shadow = getenv("AIMON_FAULT_SHADOW");
    if (live == NULL || shadow == NULL) return 0;
    size_t length = strlen(live);
    if (strncmp(path, live, length) != 0 || path[length] != '/') return 0;
    if (snprintf(out, PATH_MAX, "%s%s", shadow, path + length) >= PATH_MAX - 8) give_up("name a file");
    for (char *slash = out + strlen(shadow); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(out, 0700) != 0 && errno != EEXIST) give_up("make a folder");
        *slash = '/';
    }
    return 1;
}

/* Where a descriptor's file lies; 0 if it has no name any more. */
static int path_of(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length <= 0) return 0;
    out[length] = '\0';
    return strstr(out, " (deleted)") == NULL;
}

/* Where the file at `path` will be found by a name that does not depend on the working folder. */
static int absolute(int dir, const char *path, char *out) {
    char base[PATH_MAX];
    if (path[0] == '/') return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    if (dir == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !path_of(dir, base)) return 0;
    return snprintf(out, PATH_MAX, "%s/%s", base, path) < PATH_MAX;
}

/* The file's content, whole or not at all, even if the program is killed meanwhile. The calls are made
 * past the functions below: these would see them. */
static void keep(int fd, const char *to) {
    char part[PATH_MAX], buffer[1 << 16];
    struct stat is;
    if (fstat(fd, &is) != 0 || !S_ISREG(is.st_mode)) return;
    /* The descriptor may be open for writing only. */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (snprintf(part, sizeof part, "%s.part~", to) >= PATH_MAX) give_up("name a file");
    int in = open(link, O_RDONLY | O_CLOEXEC);
    int out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, is.st_mode & 0777);
    if (in < 0 || out < 0) give_up("open a file");
    for (;;) {
        ssize_t n = read(in, buffer, sizeof buffer);
        if (n < 0) give_up("read");
        if (n == 0) break;
        if (write(out, buffer, (size_t)n) != n) give_up("write");
    }
    close(in);
    close(out);
    if (syscall(SYS_renameat2, AT_FDCWD, part, AT_FDCWD, to, 0) != 0) give_up("rename");
}

static int synced(int fd, const char *call) {
    static int count;
    char path[PATH_MAX], to[PATH_MAX];
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
    int is_ours = path_of(fd, path) && shadow_of(path, to);
    if (!is_ours) return real(fd);
    pthread_mutex_lock(&one);
    const char *die = getenv("AIMON_FAULT_DIE");
    if (die != NULL && ++count == atoi(die)) kill(getpid(), SIGKILL);
    int done = real(fd);
    if (done == 0) keep(fd, to);
    pthread_mutex_unlock(&one);
    return done;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }

int unlinkat(int dir, const char *path, int flags) {
    char from[PATH_MAX], shadow[PATH_MAX];
    int is_ours = absolute(dir, path, from) && shadow_of(from, shadow);
    pthread_mutex_lock(&one);
    int done = (int)syscall(SYS_unlinkat, dir, path, flags), why = errno;
    if (done == 0 && is_ours) syscall(SYS_unlinkat, AT_FDCWD, shadow, flags);
    pthread_mutex_unlock(&one);
    errno = why;
    return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char a[PATH_MAX], b[PATH_MAX], shadow_a[PATH_MAX], shadow_b[PATH_MAX];
    int is_from = absolute(from_dir, from, a) && shadow_of(a, shadow_a);
    int is_to = absolute(to_dir, to, b) && shadow_of(b, shadow_b);
    pthread_mutex_lock(&one);
    int done = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags), why = errno;
    if (done == 0 && is_from && is_to) {
        if (syscall(SYS_renameat2, AT_FDCWD, shadow_a, AT_FDCWD, shadow_b, 0) != 0) {
            int empty = open(shadow_b, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            if (empty >= 0) close(empty);
        }
    }
    pthread_mutex_unlock(&one);
    errno = why;
    return done;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
