// Kills the program in front of one of its writes: LD_PRELOAD this, and say in WARIFU_KILL_AT which one, from 0.
//
// Counted is what changes files: write and pwrite to a regular file, ftruncate, rename, unlink, and the syncs, since what
// stands between two of them is what a crash can show. Whatever happens between two such calls leaves the files alike.
// A send is counted as well: that is what libpq writes to a database server with, and no other code here uses it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

static void count(void) {
  static long limit = -2;
  if (limit == -2) {
    const char *text = getenv("WARIFU_KILL_AT");
    limit = text ? atol(text) : -1;
  }
  if (atomic_fetch_add(&calls, 1) == limit) kill(getpid(), SIGKILL);
}

static void count_file(int descriptor) {
  struct stat information;
  if (fstat(descriptor, &information) == 0 && S_ISREG(information.st_mode)) count();
}

ssize_t write(int descriptor, const void *octets, size_t count_) {
  count_file(descriptor);
  return ((ssize_t(*)(int, const void *, size_t))real("write"))(descriptor, octets, count_);
}

ssize_t pwrite(int descriptor, const void *octets, size_t count_, off_t offset) {
  count_file(descriptor);
  return ((ssize_t(*)(int, const void *, size_t, off_t))real("pwrite"))(descriptor, octets, count_, offset);
}

ssize_t pwrite64(int descriptor, const void *octets, size_t count_, off64_t offset) {
  count_file(descriptor);
  return ((ssize_t(*)(int, const void *, size_t, off64_t))real("pwrite64"))(descriptor, octets, count_, offset);
}

ssize_t send(int descriptor, const void *octets, size_t count_, int flags) {
  count();
  return ((ssize_t(*)(int, const void *, size_t, int))real("send"))(descriptor, octets, count_, flags);
}

int ftruncate(int descriptor, off_t length) {
  count_file(descriptor);
  return ((int (*)(int, off_t))real("ftruncate"))(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) {
  count_file(descriptor);
  return ((int (*)(int, off64_t))real("ftruncate64"))(descriptor, length);
}

int fsync(int descriptor) {
  count_file(descriptor);
  return ((int (*)(int))real("fsync"))(descriptor);
}

int fdatasync(int descriptor) {
  count_file(descriptor);
  return ((int (*)(int))real("fdatasync"))(descriptor);
}

int rename(const char *from, const char *to) {
  count();
  return ((int (*)(const char *, const char *))real("rename"))(from, to);
}

int unlink(const char *path) {
  count();
  return ((int (*)(const char *))real("unlink"))(path);
}
