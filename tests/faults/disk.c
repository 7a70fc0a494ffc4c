/* A disk that loses its power, fails to sync, or is full: preloaded into a process, for the files below one directory.

   What is durable is kept apart, in a second directory (the "platter"): a page gets there when the file that it belongs
   to is synced after the page was written, a name when its directory is synced. The process itself sees its files as
   always, as it would see them in the page cache. After a power cut the platter is what is left (disk.py puts it back).

   A sync that fails does as Linux does: the pages count as clean from then on, and a later sync that succeeds does not
   write them.

   Environment: FAULTY_DISK the directory, FAULTY_PLATTER the platter, FAULTY_ORDERS a file of four 32-bit numbers
   (struct orders) that the test and the process share.

   Not followed: dup, mmap, writev. Neither SQLite (its -shm is no data) nor the gateway writes that way. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, FDS = 4096, NAME = 64 };

struct orders {
    volatile uint32_t fail_sync; /* 1: syncs fail with EIO */
    volatile uint32_t full;      /* 1: nothing can grow, ENOSPC */
    volatile uint32_t syncs;     /* syncs so far */
    volatile uint32_t failures;  /* calls that failed by order */
};

/* One file, by its inode: which of its pages the platter has not. */
struct file {
    char key[NAME];
    uint8_t *dirty;
    size_t pages;
    int is_directory;
    char path[PATH_MAX];
    struct file *next;
};

static char disk[PATH_MAX], platter[PATH_MAX];
static struct orders *orders;
static struct file *files;
static struct file *open_files[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *where = getenv("FAULTY_DISK"), *kept = getenv("FAULTY_PLATTER"), *control = getenv("FAULTY_ORDERS");
    if (!where || !kept || !control || !realpath(where, disk) || !realpath(kept, platter))
        return;
    int fd = real_open(control, O_RDWR | O_CLOEXEC);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        abort(); /* a test without its fault would prove nothing */
    orders = mapped;
    real_close(fd);
}

static int fail(int number) {
    __sync_fetch_and_add(&orders->failures, 1);
    errno = number;
    return -1;
}

static int key_of(int fd, char key[NAME], int *is_directory) {
    struct stat about;
    if (fstat(fd, &about))
        return -1;
    snprintf(key, NAME, "%llx", (unsigned long long)about.st_ino);
    *is_directory = S_ISDIR(about.st_mode);
    return S_ISDIR(about.st_mode) || S_ISREG(about.st_mode) ? 0 : -1;
}

/* Give a file a second name: its inode's number is then not used again while the platter knows it. */
static void hold(int fd, const char *key) {
    char name[64], held[PATH_MAX + NAME + 8];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    snprintf(held, sizeof held, "%s/held/%s", platter, key);
    if (linkat(AT_FDCWD, name, AT_FDCWD, held, AT_SYMLINK_FOLLOW) && errno != EEXIST)
        abort();
}

static int is_below(const char *path) {
    size_t length = strlen(disk);
    return !strncmp(path, disk, length) && (path[length] == '/' || !path[length]);
}

/* Remember an open file if it lies on the disk. A file that has lost its name already (mkstemp, SQLite's temporary
   ones) is nobody's data. */
static int follow(int fd) {
    int kept = errno;
    char name[64], path[PATH_MAX], key[NAME];
    int is_directory;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = orders && fd >= 0 && fd < FDS ? readlink(name, path, sizeof path - 1) : -1;
    if (length > 0) {
        path[length] = 0;
        struct stat about;
        if (is_below(path) && !fstat(fd, &about) && about.st_nlink && !key_of(fd, key, &is_directory)) {
            pthread_mutex_lock(&lock);
            struct file *file = files;
            while (file && strcmp(file->key, key))
                file = file->next;
            if (!file) {
                file = calloc(1, sizeof *file);
                strcpy(file->key, key);
                strcpy(file->path, path);
                file->is_directory = is_directory;
                file->next = files;
                files = file;
                if (!is_directory)
                    hold(fd, key);
            }
            open_files[fd] = file;
            pthread_mutex_unlock(&lock);
        }
    }
    errno = kept;
    return fd;
}

static struct file *followed(int fd) {
    return orders && fd >= 0 && fd < FDS ? open_files[fd] : NULL;
}

static void spoil(struct file *file, off_t start, size_t size) {
    size_t first = start / PAGE, last = (start + size + PAGE - 1) / PAGE;
    pthread_mutex_lock(&lock);
    if (last > file->pages) {
        size_t more = last * 2;
        file->dirty = realloc(file->dirty, more);
        memset(file->dirty + file->pages, 0, more - file->pages);
        file->pages = more;
    }
    memset(file->dirty + first, 1, last - first);
    pthread_mutex_unlock(&lock);
}

static int has_no_room(int fd, off_t end) {
    struct stat about;
    return orders->full && !fstat(fd, &about) && end > about.st_size;
}

/* Bring the dirty pages and the length of a file to the platter. Reads through the descriptor itself where it can: to
   open a database file once more and close it would drop the locks that the process has on it (fcntl(2)). */
static void keep_pages(int fd, struct file *file) {
    char path[PATH_MAX + NAME], page[PAGE], name[64];
    snprintf(path, sizeof path, "%s/%s", platter, file->key);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int write_only = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
    int from = write_only ? real_open(name, O_RDONLY | O_CLOEXEC) : fd;
    int to = real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct stat about;
    if (from < 0 || to < 0 || fstat(from, &about))
        abort();
    for (size_t each = 0; each < file->pages; each++) {
        if (!file->dirty[each])
            continue;
        ssize_t got = pread(from, page, PAGE, each * PAGE);
        if (got > 0 && real_pwrite(to, page, got, each * PAGE) != got)
            abort();
        file->dirty[each] = 0;
    }
    if (real_ftruncate(to, about.st_size))
        abort();
    if (write_only)
        real_close(from);
    real_close(to);
}

/* Bring the names in a directory to the platter: a line each, "f" or "d", the inode's key, the name. */
static void keep_names(struct file *file) {
    char path[PATH_MAX + NAME], unfinished[PATH_MAX + NAME + 8], key[NAME];
    snprintf(path, sizeof path, "%s/%s", platter, file->key);
    snprintf(unfinished, sizeof unfinished, "%s.%d", path, getpid());
    DIR *directory = opendir(file->path);
    FILE *list = fopen(unfinished, "w");
    if (!directory || !list)
        abort();
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        int is_directory, fd;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        fd = real_openat(dirfd(directory), entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && !key_of(fd, key, &is_directory))
            fprintf(list, "%c %s %s\n", is_directory ? 'd' : 'f', key, entry->d_name);
        if (fd >= 0)
            real_close(fd);
    }
    closedir(directory);
    if (fclose(list) || rename(unfinished, path))
        abort();
}

static int sync_file(int fd, int (*really)(int)) {
    struct file *file = followed(fd);
    if (!file)
        return really(fd);
    pthread_mutex_lock(&lock);
    int broken = orders->fail_sync;
    if (broken && file->dirty)
        memset(file->dirty, 0, file->pages);
    int result = broken ? fail(EIO) : really(fd);
    if (!result && file->is_directory)
        keep_names(file);
    else if (!result)
        keep_pages(fd, file);
    __sync_fetch_and_add(&orders->syncs, 1);
    pthread_mutex_unlock(&lock);
    return result;
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

/* --- the calls that are replaced ---------------------------------------------------------------------------------- */

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                            \
        va_end(rest);                                                                                                  \
        return follow(real_open(path, flags | O_LARGEFILE, mode));                                                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...) {                                                        \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                            \
        va_end(rest);                                                                                                  \
        return follow(real_openat(directory, path, flags | O_LARGEFILE, mode));                                        \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    if (followed(fd))
        open_files[fd] = NULL;
    return real_close(fd);
}

ssize_t write(int fd, const void *data, size_t size) {
    struct file *file = followed(fd);
    if (!file)
        return real_write(fd, data, size);
    off_t end = (fcntl(fd, F_GETFL) & O_APPEND) ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    if (has_no_room(fd, end + size))
        return fail(ENOSPC);
    ssize_t written = real_write(fd, data, size);
    if (written > 0)
        spoil(file, end, written);
    return written;
}

#define PWRITE(name)                                                                                                   \
    ssize_t name(int fd, const void *data, size_t size, off_t place) {                                                 \
        struct file *file = followed(fd);                                                                              \
        if (file && has_no_room(fd, place + size))                                                                     \
            return fail(ENOSPC);                                                                                       \
        ssize_t written = real_pwrite(fd, data, size, place);                                                          \
        if (file && written > 0)                                                                                       \
            spoil(file, place, written);                                                                               \
        return written;                                                                                                \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                                                                                \
    int name(int fd, off_t size) {                                                                                     \
        struct file *file = followed(fd);                                                                              \
        if (file && has_no_room(fd, size))                                                                             \
            return fail(ENOSPC);                                                                                       \
        struct stat before;                                                                                            \
        int known = file && !fstat(fd, &before);                                                                       \
        int result = real_ftruncate(fd, size);                                                                         \
        if (!result && known && size != before.st_size) {                                                              \
            off_t least = size < before.st_size ? size : before.st_size;                                               \
            spoil(file, least, (size < before.st_size ? before.st_size : size) - least);                               \
        }                                                                                                              \
        return result;                                                                                                 \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

int fsync(int fd) {
    return sync_file(fd, real_fsync);
}

int fdatasync(int fd) {
    return sync_file(fd, real_fdatasync);
}
