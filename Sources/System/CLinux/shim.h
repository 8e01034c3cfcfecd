// Inline wrappers of system calls that Swift cannot call by itself: variadic ones, and ones behind _GNU_SOURCE.
//
// _GNU_SOURCE itself stays undefined here: it changes types that Swift's own module of the C library has too, and a
// program that imports both would then not compile.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/bsg.h>
#include <mcheck.h>
#include <scsi/sg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// memfd_create(2): an anonymous file that can be sealed. -1 and errno on failure.
static inline int warifu_memfd_create(const char *name) {
  return (int)syscall(SYS_memfd_create, name, 0x0001U | 0x0002U /* MFD_CLOEXEC | MFD_ALLOW_SEALING */);
}

// fcntl(2) F_ADD_SEALS: no more writing, growing, shrinking or sealing.
//
// EBUSY: the system itself holds one of the pages for a moment, to move it, say. It waits for that, but not long.
static inline int warifu_seal(int descriptor) {
  int result;
  int tries = 100;
  do result = fcntl(descriptor, 1033 /* F_ADD_SEALS */, 0x0001 | 0x0002 | 0x0004 | 0x0008);
  while (result < 0 && errno == EBUSY && --tries > 0);
  return result;
}

// fcntl(2) F_GET_SEALS.
static inline int warifu_seals(int descriptor) { return fcntl(descriptor, 1034 /* F_GET_SEALS */); }

// execveat(2) with AT_EMPTY_PATH: becomes the program behind a descriptor. Returns only on failure.
static inline int warifu_execveat(int descriptor, char *const argv[], char *const envp[]) {
  return (int)syscall(SYS_execveat, descriptor, "", argv, envp, 0x1000 /* AT_EMPTY_PATH */);
}

// execvpe(3): becomes a program that is looked for in PATH. Returns only on failure.
extern int execvpe(const char *program, char *const argv[], char *const envp[]);
static inline int warifu_execvpe(const char *program, char *const argv[], char *const envp[]) {
  return execvpe(program, argv, envp);
}

// explicit_bzero(3): a wipe that no optimiser removes.
static inline void warifu_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

// open(2) with a mode.
static inline int warifu_open(const char *path, int flags, unsigned int mode) { return open(path, flags, (mode_t)mode); }

// mkostemp(3): a new file, open for its owner alone, whose name takes the place of the template's last six letters X.
extern int mkostemp(char *path, int flags);
static inline int warifu_make_temporary(char *path) { return mkostemp(path, O_CLOEXEC); }

// pipe2(2): a pipe that programs started meanwhile do not inherit. -1 and errno on failure.
static inline int warifu_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

// fcntl(2) F_OFD_SETLK: a whole-file write lock that belongs to the open file. -1 and EAGAIN when someone holds it.
static inline int warifu_try_lock(int descriptor) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}

// fcntl(2) F_OFD_SETLK: a whole-file read lock, for files open only for reading. -1 and EAGAIN when a writer holds it.
static inline int warifu_try_shared_lock(int descriptor) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}

// fcntl(2) F_OFD_SETLK: gives the lock up, also while a child just forked still holds the file open.
static inline int warifu_unlock(int descriptor) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}

// fallocate(2) with FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE: octets become zero and take no space any more. -1 and errno.
static inline int warifu_punch_hole(int descriptor, int64_t offset, int64_t length) {
  return (int)syscall(SYS_fallocate, descriptor, 0x02 | 0x01, offset, length);
}

// renameat2(2) with RENAME_NOREPLACE: a rename that fails with EEXIST instead of replacing a file. File systems without
// it (NFS) get link(2), which does not replace either, and unlink(2).
static inline int warifu_rename_new(const char *from, const char *to) {
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1 /* RENAME_NOREPLACE */) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  return link(from, to) == 0 ? unlink(from) : -1;
}

// renameat2(2) with RENAME_EXCHANGE: two names change places, all at once. -1 and errno; EINVAL where there is no such thing.
static inline int warifu_rename_exchange(const char *one, const char *other) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2 /* RENAME_EXCHANGE */);
}

// prctl(2) PR_SET_DUMPABLE: whether a crash leaves a core, and others of the same user may look into the memory.
static inline int warifu_set_dumpable(int on) { return (int)syscall(SYS_prctl, 4, (long)on, 0L, 0L, 0L); }

// prctl(2) PR_GET_DUMPABLE.
static inline int warifu_is_dumpable(void) { return (int)syscall(SYS_prctl, 3, 0L, 0L, 0L, 0L); }

// socket(2) for streams with SOCK_CLOEXEC. By system call, because <sys/socket.h> here would take its names away from
// Swift's own module of the C library.
static inline int warifu_stream_socket(int family) {
  return (int)syscall(SYS_socket, family, 1 /* SOCK_STREAM */ | 02000000 /* SOCK_CLOEXEC */, 0);
}

// accept4(2), which is behind _GNU_SOURCE, with SOCK_CLOEXEC.
static inline int warifu_accept(int listener) {
  return (int)syscall(SYS_accept4, listener, NULL, NULL, 02000000 /* SOCK_CLOEXEC */);
}

// sync_file_range(2): begins to write out what is in memory of a file's range (0 octets: to its end), and returns.
static inline int warifu_start_writeback(int descriptor, int64_t offset, int64_t octets) {
  return (int)syscall(SYS_sync_file_range, descriptor, offset, octets, 2U /* SYNC_FILE_RANGE_WRITE */);
}

// eventfd(2): a descriptor that can be read while its count is not zero.
static inline int warifu_eventfd(void) {
  return (int)syscall(SYS_eventfd2, 0, 02000000 /* EFD_CLOEXEC */ | 00004000 /* EFD_NONBLOCK */);
}

// fcntl(2) F_SETFL.
static inline int warifu_set_nonblocking(int descriptor, int on) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -1;
  return fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

// tcp(7): what is sent leaves at once (TCP_NODELAY).
static inline void warifu_set_no_delay(int descriptor) {
  int on = 1;
  syscall(SYS_setsockopt, descriptor, 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */, &on, sizeof on);
}

// tcp(7): what comes is acknowledged at once, until the system changes its mind (TCP_QUICKACK).
static inline void warifu_set_quick_acknowledgement(int descriptor) {
  int on = 1;
  syscall(SYS_setsockopt, descriptor, 6 /* IPPROTO_TCP */, 12 /* TCP_QUICKACK */, &on, sizeof on);
}

// ioctl(2), declared here because <sys/ioctl.h> brings names that Swift's own module of the C library has, too.
extern int ioctl(int descriptor, unsigned long request, ...);

// sg(4) and block devices, SG_IO: one SCSI command. Returns errno, or 0; the header says how the command ended.
static inline int warifu_sg_io(int descriptor, sg_io_hdr_t *header) {
  return ioctl(descriptor, SG_IO, header) < 0 ? errno : 0;
}

// bsg, SG_IO: the same with the header that bsg devices take.
static inline int warifu_bsg_io(int descriptor, struct sg_io_v4 *header) {
  return ioctl(descriptor, SG_IO, header) < 0 ? errno : 0;
}

// BLKSECTGET of a block device: the most sectors of 512 octets that one command moves. -1 if it does not say.
static inline int warifu_block_most_sectors(int descriptor) {
  unsigned short sectors = 0;
  return ioctl(descriptor, 0x1267 /* BLKSECTGET */, &sectors) < 0 ? -1 : sectors;
}

// BLKSECTGET of an sg device: the most octets that one command moves. -1 if it does not say.
static inline int warifu_sg_most_octets(int descriptor) {
  int octets = 0;
  return ioctl(descriptor, 0x1267 /* BLKSECTGET */, &octets) < 0 ? -1 : octets;
}

// Whether the processor has an instruction for CRC-32C (SSE 4.2).
static inline int warifu_has_crc32c(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") ? 1 : 0;
#else
  return 0;
#endif
}

// CRC-32C by that instruction, from one state of its register to the next. Only where warifu_has_crc32c() says so.
#if defined(__x86_64__)
__attribute__((target("sse4.2")))
#endif
static inline uint32_t warifu_crc32c(uint32_t state, const void *bytes, size_t count) {
#if defined(__x86_64__)
  const unsigned char *next = (const unsigned char *)bytes;
  uint64_t wide = state;
  for (; count >= 8; next += 8, count -= 8) {
    uint64_t octets;
    memcpy(&octets, next, 8);
    wide = __builtin_ia32_crc32di(wide, octets);
  }
  state = (uint32_t)wide;
  for (; count > 0; next++, count--) state = __builtin_ia32_crc32qi(state, *next);
#else
  (void)bytes;
  (void)count;
#endif
  return state;
}

// The same for three runs of `count` octets each that lie behind one another, each with a register of its own; `count` is a
// multiple of eight.
#if defined(__x86_64__)
__attribute__((target("sse4.2")))
#endif
static inline void warifu_crc32c_three(
    uint32_t *first, uint32_t *second, uint32_t *third, const void *bytes, size_t count) {
#if defined(__x86_64__)
  const unsigned char *next = (const unsigned char *)bytes;
  uint64_t wide[3] = {*first, *second, *third};
  for (const unsigned char *end = next + count; next < end; next += 8) {
    uint64_t octets[3];
    memcpy(&octets[0], next, 8);
    memcpy(&octets[1], next + count, 8);
    memcpy(&octets[2], next + 2 * count, 8);
    wide[0] = __builtin_ia32_crc32di(wide[0], octets[0]);
    wide[1] = __builtin_ia32_crc32di(wide[1], octets[1]);
    wide[2] = __builtin_ia32_crc32di(wide[2], octets[2]);
  }
  *first = (uint32_t)wide[0];
  *second = (uint32_t)wide[1];
  *third = (uint32_t)wide[2];
#else
  (void)first, (void)second, (void)third, (void)bytes, (void)count;
#endif
}
