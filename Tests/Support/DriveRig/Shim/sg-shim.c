// A SCSI device that is not there: LD_PRELOAD this, and a program that opens WARIFU_SHIM_DEVICE and sends SCSI commands
// with SG_IO talks to the iSCSI logical unit WARIFU_SHIM_URL (libiscsi's form, iscsi://HOST:PORT/TARGET/LUN).
//
// The device's name says what it seems to be: /dev/bsg/... a bsg device (header version 4), /dev/sd... a block device,
// anything else an sg device (header version 3). Every open is a session of its own, of another initiator; attentions
// that the target has ready for a new session are taken by libiscsi at login.
//
// WARIFU_SHIM_SENSE=descriptor turns sense data into the descriptor format, which newer drives send.
// WARIFU_SHIM_REFUSE=NUMBER makes open fail with that errno.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <linux/bsg.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MOST_SESSIONS = 16, MOST_OCTETS = 256 * 1024, BSG_MAJOR = 248, BLKSECTGET_ = 0x1267 };

struct session {
  int descriptor;  // -1: free
  struct iscsi_context *iscsi;
  int lun;
  pthread_mutex_t lock;
};

static struct session sessions[MOST_SESSIONS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void prepare(void) {
  for (int i = 0; i < MOST_SESSIONS; i++) {
    sessions[i].descriptor = -1;
    pthread_mutex_init(&sessions[i].lock, NULL);
  }
}

static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

// What the device seems to be

static const char *device_path(void) { return getenv("WARIFU_SHIM_DEVICE"); }

static bool is_device(const char *path) {
  const char *device = device_path();
  return device && path && strcmp(path, device) == 0;
}

static bool is_bsg(void) { return strncmp(device_path(), "/dev/bsg/", 9) == 0; }
static bool is_block(void) { return strncmp(device_path(), "/dev/sd", 7) == 0; }

static dev_t device_number(void) {
  if (is_block()) return makedev(8, 2000 * 16);
  return is_bsg() ? makedev(BSG_MAJOR, 77) : makedev(21, 77);
}

// struct stat and struct stat64 are the same on 64-bit systems.
static int describe(struct stat *status) {
  memset(status, 0, sizeof *status);
  status->st_mode = (is_block() ? S_IFBLK : S_IFCHR) | 0600;
  status->st_nlink = 1;
  status->st_rdev = device_number();
  return 0;
}

// Sessions

static struct session *session_of(int descriptor) {
  if (descriptor < 0) return NULL;
  for (int i = 0; i < MOST_SESSIONS; i++) {
    if (sessions[i].descriptor == descriptor) return &sessions[i];
  }
  return NULL;
}

static struct iscsi_context *connect_to(const char *url, int *lun) {
  static int number = 0;
  char name[96];
  snprintf(name, sizeof name, "iqn.2026-11.org.example.warifu:shim.%d.%d", (int)getpid(),
           __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED));
  struct iscsi_context *iscsi = iscsi_create_context(name);
  if (!iscsi) return NULL;
  struct iscsi_url *place = url ? iscsi_parse_full_url(iscsi, url) : NULL;
  if (!place) {
    iscsi_destroy_context(iscsi);
    return NULL;
  }
  iscsi_set_targetname(iscsi, place->target);
  iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
  iscsi_set_header_digest(iscsi, ISCSI_HEADER_DIGEST_NONE_CRC32C);
  iscsi_set_noautoreconnect(iscsi, 1);
  *lun = place->lun;
  int result = iscsi_full_connect_sync(iscsi, place->portal, place->lun);
  if (result != 0) fprintf(stderr, "shim: %s: %s\n", url, iscsi_get_error(iscsi));
  iscsi_destroy_url(place);
  if (result == 0) return iscsi;
  iscsi_destroy_context(iscsi);
  return NULL;
}

static int open_device(int flags) {
  const char *refusal = getenv("WARIFU_SHIM_REFUSE");
  if (refusal) {
    errno = atoi(refusal);
    return -1;
  }
  int lun = 0;
  struct iscsi_context *iscsi = connect_to(getenv("WARIFU_SHIM_URL"), &lun);
  if (!iscsi) {
    errno = ENXIO;
    return -1;
  }
  int (*real_open)(const char *, int, ...) = real("open");
  int descriptor = real_open("/dev/null", O_RDWR | (flags & O_CLOEXEC));
  pthread_mutex_lock(&table);
  struct session *session = NULL;
  for (int i = 0; i < MOST_SESSIONS && !session && descriptor >= 0; i++) {
    if (sessions[i].descriptor == -1) session = &sessions[i];
  }
  if (session) {
    session->iscsi = iscsi;
    session->lun = lun;
    session->descriptor = descriptor;
  }
  pthread_mutex_unlock(&table);
  if (!session) {
    iscsi_destroy_context(iscsi);
    errno = EMFILE;
    return -1;
  }
  return descriptor;
}

// One command

struct command {
  const unsigned char *cdb;
  int cdb_length;
  void *output, *input;
  uint32_t output_length, input_length;
  unsigned char *sense;
  uint32_t sense_room;
  uint32_t timeout;  // milliseconds
  // Results.
  uint32_t status, host_status, driver_status, sense_length;
  int32_t residual;
};

// SPC-4, 4.5.2: the same facts as descriptors.
static int to_descriptors(const unsigned char *fixed, int length, unsigned char *out) {
  memset(out, 0, 8);
  out[0] = fixed[0] & 1 ? 0x73 : 0x72;
  out[1] = fixed[2] & 0x0F;
  out[2] = length > 12 ? fixed[12] : 0;
  out[3] = length > 13 ? fixed[13] : 0;
  int end = 8;
  if (fixed[0] & 0x80 && length >= 7) {
    const unsigned char information[12] = {0x00, 0x0A, 0x80, 0, 0, 0, 0, 0, fixed[3], fixed[4], fixed[5], fixed[6]};
    memcpy(out + end, information, sizeof information);
    end += sizeof information;
  }
  if (length > 17 && fixed[15] & 0x80) {
    const unsigned char specific[8] = {0x02, 0x06, 0, 0, fixed[15], fixed[16], fixed[17], 0};
    memcpy(out + end, specific, sizeof specific);
    end += sizeof specific;
  }
  out[7] = (unsigned char)(end - 8);
  return end;
}

static void keep_sense(struct command *command, const struct scsi_task *task) {
  // The SCSI Response's data segment: a length, then the sense data (RFC 7143, 11.4.7).
  if (task->datain.size < 3) return;
  const unsigned char *sense = task->datain.data + 2;
  int length = task->datain.data[0] << 8 | task->datain.data[1];
  if (length > task->datain.size - 2) length = task->datain.size - 2;
  unsigned char descriptors[64];
  const char *format = getenv("WARIFU_SHIM_SENSE");
  if (format && strcmp(format, "descriptor") == 0 && length >= 8 && (sense[0] & 0x7F) < 0x72) {
    length = to_descriptors(sense, length, descriptors);
    sense = descriptors;
  }
  command->sense_length = (uint32_t)length < command->sense_room ? (uint32_t)length : command->sense_room;
  if (command->sense) memcpy(command->sense, sense, command->sense_length);
  command->driver_status = 0x08;  // DRIVER_SENSE
}

static void execute(struct session *session, struct command *command) {
  int direction = SCSI_XFER_NONE, length = 0;
  if (command->output_length) direction = SCSI_XFER_WRITE, length = (int)command->output_length;
  if (command->input_length) direction = SCSI_XFER_READ, length = (int)command->input_length;
  pthread_mutex_lock(&session->lock);
  iscsi_set_timeout(session->iscsi, (int)(command->timeout / 1000 + 1));
  struct scsi_task *task = scsi_create_task(command->cdb_length, (unsigned char *)command->cdb, direction, length);
  struct iscsi_data data = {command->output_length, command->output};
  if (task && direction == SCSI_XFER_READ) scsi_task_add_data_in_buffer(task, length, command->input);
  if (task) {
    task = iscsi_scsi_command_sync(session->iscsi, session->lun, task, direction == SCSI_XFER_WRITE ? &data : NULL);
  }
  if (!task || task->status == SCSI_STATUS_ERROR || task->status == SCSI_STATUS_CANCELLED) {
    command->host_status = 0x0E;  // DID_TRANSPORT_DISRUPTED
  } else if (task->status == (int)SCSI_STATUS_TIMEOUT) {
    command->host_status = 0x03;  // DID_TIME_OUT
  } else {
    command->status = (uint32_t)task->status;
    if (task->residual_status == SCSI_RESIDUAL_UNDERFLOW) command->residual = (int32_t)task->residual;
    if (task->status == SCSI_STATUS_CHECK_CONDITION) keep_sense(command, task);
  }
  if (task) scsi_free_scsi_task(task);
  pthread_mutex_unlock(&session->lock);
}

static int run_version3(struct session *session, sg_io_hdr_t *header) {
  bool in = header->dxfer_direction == SG_DXFER_FROM_DEV || header->dxfer_direction == SG_DXFER_TO_FROM_DEV;
  bool out = header->dxfer_direction == SG_DXFER_TO_DEV;
  if (header->iovec_count || header->dxfer_len > MOST_OCTETS || header->cmd_len < 6) {
    errno = EINVAL;
    return -1;
  }
  struct command command = {
      .cdb = header->cmdp, .cdb_length = header->cmd_len,
      .output = header->dxferp, .output_length = out ? header->dxfer_len : 0,
      .input = header->dxferp, .input_length = in ? header->dxfer_len : 0,
      .sense = header->sbp, .sense_room = header->mx_sb_len, .timeout = header->timeout};
  execute(session, &command);
  header->status = (unsigned char)command.status;
  header->masked_status = (unsigned char)(command.status >> 1 & 0x7F);
  header->msg_status = 0;
  header->sb_len_wr = (unsigned char)command.sense_length;
  header->host_status = (unsigned short)command.host_status;
  header->driver_status = (unsigned short)command.driver_status;
  header->resid = command.residual;
  header->duration = 0;
  header->info = command.status || command.host_status ? SG_INFO_CHECK : 0;
  return 0;
}

static int run_version4(struct session *session, struct sg_io_v4 *header) {
  if (header->dout_iovec_count || header->din_iovec_count || header->dout_xfer_len > MOST_OCTETS ||
      header->din_xfer_len > MOST_OCTETS || (header->dout_xfer_len && header->din_xfer_len)) {
    errno = EINVAL;
    return -1;
  }
  struct command command = {
      .cdb = (const unsigned char *)(uintptr_t)header->request, .cdb_length = (int)header->request_len,
      .output = (void *)(uintptr_t)header->dout_xferp, .output_length = header->dout_xfer_len,
      .input = (void *)(uintptr_t)header->din_xferp, .input_length = header->din_xfer_len,
      .sense = (unsigned char *)(uintptr_t)header->response, .sense_room = header->max_response_len,
      .timeout = header->timeout};
  execute(session, &command);
  header->device_status = command.status;
  header->transport_status = command.host_status;
  header->driver_status = command.driver_status;
  header->response_len = command.sense_length;
  header->dout_resid = header->dout_xfer_len ? command.residual : 0;
  header->din_resid = header->din_xfer_len ? command.residual : 0;
  header->info = command.status || command.host_status ? SG_INFO_CHECK : 0;
  return 0;
}

static int control(struct session *session, unsigned long request, void *argument) {
  switch (request) {
    case SG_IO:
      if (!is_bsg() && *(int *)argument == 'S') return run_version3(session, argument);
      if (is_bsg() && *(int *)argument == 'Q') return run_version4(session, argument);
      errno = EINVAL;
      return -1;
    case SG_GET_VERSION_NUM:
      *(int *)argument = 30536;
      return 0;
    case SG_GET_RESERVED_SIZE:
      *(int *)argument = 32768;
      return 0;
    case SG_SET_RESERVED_SIZE:
      return 0;
    case BLKSECTGET_:
      if (is_bsg()) break;
      if (is_block()) {
        *(unsigned short *)argument = MOST_OCTETS / 512;
      } else {
        *(int *)argument = MOST_OCTETS;
      }
      return 0;
  }
  errno = ENOTTY;
  return -1;
}

// What stands before the C library

#define OPEN(name)                                                    \
  int name(const char *path, int flags, ...) {                        \
    if (is_device(path)) return open_device(flags);                   \
    va_list arguments;                                                \
    va_start(arguments, flags);                                       \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments);                                                \
    int (*original)(const char *, int, ...) = real(#name);            \
    return original(path, flags, mode);                               \
  }
OPEN(open)
OPEN(open64)

#define OPEN_AT(name)                                                 \
  int name(int folder, const char *path, int flags, ...) {            \
    if (is_device(path)) return open_device(flags);                   \
    va_list arguments;                                                \
    va_start(arguments, flags);                                       \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments);                                                \
    int (*original)(int, const char *, int, ...) = real(#name);       \
    return original(folder, path, flags, mode);                       \
  }
OPEN_AT(openat)
OPEN_AT(openat64)

#define OPEN_CHECKED(name)                                            \
  int name(const char *path, int flags) {                             \
    if (is_device(path)) return open_device(flags);                   \
    int (*original)(const char *, int) = real(#name);                 \
    return original(path, flags);                                     \
  }
OPEN_CHECKED(__open_2)
OPEN_CHECKED(__open64_2)

#define STATUS(name, type)                                            \
  int name(const char *path, type *status) {                          \
    if (is_device(path)) return describe((struct stat *)status);      \
    int (*original)(const char *, type *) = real(#name);              \
    return original(path, status);                                    \
  }
STATUS(stat, struct stat)
STATUS(lstat, struct stat)
STATUS(stat64, struct stat64)
STATUS(lstat64, struct stat64)

#define STATUS_OF_DESCRIPTOR(name, type)                              \
  int name(int descriptor, type *status) {                            \
    if (session_of(descriptor)) return describe((struct stat *)status); \
    int (*original)(int, type *) = real(#name);                       \
    return original(descriptor, status);                              \
  }
STATUS_OF_DESCRIPTOR(fstat, struct stat)
STATUS_OF_DESCRIPTOR(fstat64, struct stat64)

// sysfs tells the subsystem of a character device.
ssize_t readlink(const char *path, char *target, size_t room) {
  char link[64];
  if (device_path() && is_bsg()) {
    snprintf(link, sizeof link, "/sys/dev/char/%u:%u/subsystem", major(device_number()), minor(device_number()));
    if (strcmp(path, link) == 0) {
      static const char name[] = "../../../../class/bsg";
      size_t count = sizeof name - 1 < room ? sizeof name - 1 : room;
      memcpy(target, name, count);
      return (ssize_t)count;
    }
  }
  ssize_t (*original)(const char *, char *, size_t) = real("readlink");
  return original(path, target, room);
}

int ioctl(int descriptor, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  struct session *session = session_of(descriptor);
  if (session) return control(session, request, argument);
  int (*original)(int, unsigned long, ...) = real("ioctl");
  return original(descriptor, request, argument);
}

int close(int descriptor) {
  pthread_mutex_lock(&table);
  struct session *session = session_of(descriptor);
  struct iscsi_context *iscsi = session ? session->iscsi : NULL;
  if (session) session->descriptor = -1;
  pthread_mutex_unlock(&table);
  if (iscsi) {
    iscsi_logout_sync(iscsi);
    iscsi_destroy_context(iscsi);
  }
  int (*original)(int) = real("close");
  return original(descriptor);
}
