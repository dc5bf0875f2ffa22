/*
 * Runs one bundled JavaScript program on QuickJS and lends it the system: a few hot calls and one generic system call.
 *
 * QuickJS-NG comes as WebAssembly (npm quickjs-wasi), turned into C by wasm2c; its memory is one array here, and the program
 * names places in it by their offset. The program is bytecode linked into this binary (programs.c): nothing is ever
 * evaluated from outside, for the context has no eval and no Function constructor.
 *
 * Calls lent to the program:
 *   sys(nr, where, a0..a5)  system call nr; bit i of where says that argument i is an offset into our memory.
 *                           Returns its result, or -errno.
 *   read(path, at, size)    opens the file whose C string is at offset path, reads up to size bytes to offset at, closes it.
 *                           Returns the bytes read, or -errno. For files of /proc, /sys and /run: a disk could block it.
 *   now()                   CLOCK_MONOTONIC in milliseconds, with fractions.
 *   hear(fd, at, size, from)  takes a datagram of up to size bytes to offset at and who sent it, a struct ucred, to offset from.
 *                           Returns its length, or -errno: EMSGSIZE for a longer one, which is gone. Never waits.
 *   exec(at, count)         becomes the program named by the first of count C strings at offset at, with them as its arguments and
 *                           this environment. Returns -errno, if it returns.
 *   address(uint8array)     its offset in our memory; it does not move while the array lives.
 * and `args`, the command line after the program's name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "programs.h"
#include "quickjs.h"
#include "wasm-rt-impl.h"

/* Exit code of a program that threw or ran out of its memory: a defect, not a finding. */
#define EXIT_DEFECT 70

/* Scripts get a few; the daemon starts itself anew with five. */
#define MAX_ARGUMENTS 64

/* What the kernel's one-record files are built in. */
#define PAGE 4096

/* Standard objects, JSON, Map and Set, typed arrays; no Date, eval, RegExp, Proxy, Promise (quickjs-wasi's Intrinsics). */
#define INTRINSICS ((1u << 3) | (1u << 5) | (1u << 6))

static Z_quickjs_instance_t js;

static char *at(u32 offset) { return (char *)js.w2c_memory.data + offset; }

static double number(u32 value) { return Z_quickjsZ_qjs_get_float64(&js, value); }

static u32 string(const char *text) {
  u32 length = strlen(text), copy = Z_quickjsZ_wasm_malloc(&js, length + 1);
  strcpy(at(copy), text);
  u32 value = Z_quickjsZ_qjs_new_string(&js, copy, length);
  Z_quickjsZ_wasm_free(&js, copy);
  return value;
}

static void set(u32 object, const char *name, u32 value) {
  u32 length = strlen(name), copy = Z_quickjsZ_wasm_malloc(&js, length + 1);
  strcpy(at(copy), name);
  Z_quickjsZ_qjs_set_prop_string(&js, object, copy, value);
  Z_quickjsZ_wasm_free(&js, copy);
}

static double system_call(u32 argc, const u32 *argv) {
  long args[6] = {0};
  unsigned where = number(argv[1]);
  for (u32 i = 2; i < argc && i < 8; i++) {
    double value = number(argv[i]);
    args[i - 2] = where >> (i - 2) & 1 ? (long)at(value) : (long)(long long)value;
  }
  long nr = number(argv[0]);
#ifdef SYS_socketcall
  /* It takes its arguments in memory, as longs, places among them: only here is known where those are. */
  long rest[5];
  if (nr == SYS_socketcall) args[1] = (long)memcpy(rest, args + 1, sizeof rest);
#endif
  long result = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
  return result == -1 ? -errno : result;
}

static double read_file(const char *path, char *to, size_t size) {
  int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* musl's open adds an fcntl to each */
  if (fd < 0) return -errno;
  /* Files of /proc and /sys that hold one record hand it out whole, so less than a page is all of it. */
  size_t have = 0;
  ssize_t got;
  do {
    got = read(fd, to + have, size - have);
    if (got > 0) have += got;
  } while (got >= PAGE && have < size);
  double result = got < 0 ? -errno : (double)have;
  close(fd);
  return result;
}

static double hear(int fd, char *to, size_t size, char *from) {
  struct iovec content = {to, size};
  /* Room for its sender alone: descriptors that come along find none, and the kernel closes them. */
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(struct ucred))];
  } control;
  struct msghdr message = {
      .msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
  if (got < 0) return -errno;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (message.msg_flags & MSG_TRUNC || header == NULL || header->cmsg_type != SCM_CREDENTIALS) return -EMSGSIZE;
  memcpy(from, CMSG_DATA(header), sizeof(struct ucred));
  return got;
}

static double execute(char *strings, u32 count) {
  char *arguments[MAX_ARGUMENTS + 1];
  if (count > MAX_ARGUMENTS) return -E2BIG;
  for (u32 i = 0; i < count; i++, strings += strlen(strings) + 1) arguments[i] = strings;
  arguments[count] = NULL;
  execve(arguments[0], arguments, environ);
  return -errno;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double address_of(u32 array) {
  u32 out = Z_quickjsZ_wasm_malloc(&js, 12);
  u32 buffer = Z_quickjsZ_qjs_get_typed_array_buffer(&js, array, out, out + 4, out + 8);
  u32 data = Z_quickjsZ_qjs_get_array_buffer(&js, buffer, out + 4);
  u32 offset;
  memcpy(&offset, at(out), sizeof offset);
  Z_quickjsZ_qjs_free_value(&js, buffer);
  Z_quickjsZ_wasm_free(&js, out);
  return data + offset;
}

/* The engine's one import for calls into the host; the first letter tells them apart. */
u32 Z_envZ_host_call(struct Z_env_instance_t *env, u32 name, u32 name_length, u32 this, u32 argc, u32 argv_offset) {
  const u32 *argv = (const u32 *)at(argv_offset);
  double result;
  switch (*at(name)) {
    case 's': result = system_call(argc, argv); break;
    case 'r': result = read_file(at(number(argv[0])), at(number(argv[1])), number(argv[2])); break;
    case 'n': result = now(); break;
    case 'h': result = hear(number(argv[0]), at(number(argv[1])), number(argv[2]), at(number(argv[3]))); break;
    case 'e': result = execute(at(number(argv[0])), number(argv[1])); break;
    default: result = address_of(argv[0]);
  }
  return Z_quickjsZ_qjs_new_number(&js, result);
}

/* Imports that this program has no use for: no time zones, no modules, no promises, no interrupts. */
u32 Z_envZ_host_get_timezone_offset(struct Z_env_instance_t *env, u32 high, u32 low) { return 0; }
u32 Z_envZ_host_interrupt(struct Z_env_instance_t *env) { return 0; }
u32 Z_envZ_host_module_load(struct Z_env_instance_t *env, u32 name, u32 length) { return 0; }
u32 Z_envZ_host_module_normalize(struct Z_env_instance_t *env, u32 base, u32 name) { return 0; }
void Z_envZ_host_promise_rejection(struct Z_env_instance_t *env, u32 promise, u32 reason, u32 handled) {}

/* WASI, as little as QuickJS needs: a clock and random numbers to seed Math.random; files are not reached this way.
 * Kernels before 3.17 have no getrandom; the engine does without. */
#define WASI_NOSYS 52
struct Z_wasi_snapshot_preview1_instance_t;
u32 Z_wasi_snapshot_preview1Z_clock_time_get(struct Z_wasi_snapshot_preview1_instance_t *w, u32 id, u64 precision, u32 out) {
  struct timespec time;
  clock_gettime(id == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &time);
  u64 ns = time.tv_sec * 1000000000ull + time.tv_nsec;
  memcpy(at(out), &ns, sizeof ns);
  return 0;
}
u32 Z_wasi_snapshot_preview1Z_random_get(struct Z_wasi_snapshot_preview1_instance_t *w, u32 to, u32 size) {
  return getrandom(at(to), size, GRND_NONBLOCK) < 0 ? WASI_NOSYS : 0;
}
u32 Z_wasi_snapshot_preview1Z_fd_close(struct Z_wasi_snapshot_preview1_instance_t *w, u32 fd) { return WASI_NOSYS; }
u32 Z_wasi_snapshot_preview1Z_fd_fdstat_get(struct Z_wasi_snapshot_preview1_instance_t *w, u32 fd, u32 out) { return WASI_NOSYS; }
u32 Z_wasi_snapshot_preview1Z_fd_seek(struct Z_wasi_snapshot_preview1_instance_t *w, u32 fd, u64 by, u32 from, u32 out) { return WASI_NOSYS; }
u32 Z_wasi_snapshot_preview1Z_fd_write(struct Z_wasi_snapshot_preview1_instance_t *w, u32 fd, u32 iovs, u32 count, u32 out) { return WASI_NOSYS; }

static void define(u32 global, const char *name) {
  u32 length = strlen(name), copy = Z_quickjsZ_wasm_malloc(&js, length + 1);
  strcpy(at(copy), name);
  set(global, name, Z_quickjsZ_qjs_new_host_function(&js, copy, length, 0));
  Z_quickjsZ_wasm_free(&js, copy);
}

static void complain(const char *what, const char *why) {
  fprintf(stderr, "bernard-guest: %s: %s\n", what, why);
}

/* Says what was thrown, and in which functions: a defect must be reportable from the log. */
static void complain_of_exception(void) {
  u32 exception = Z_quickjsZ_qjs_get_exception(&js), length = Z_quickjsZ_wasm_malloc(&js, 4);
  u32 text = Z_quickjsZ_qjs_get_string_len(&js, exception, length);
  complain("defect in the program", text ? at(text) : "unknown");
  u32 key = Z_quickjsZ_wasm_malloc(&js, sizeof "stack");
  strcpy(at(key), "stack");
  text = Z_quickjsZ_qjs_get_string_len(&js, Z_quickjsZ_qjs_get_prop_string(&js, exception, key), length);
  if (text) fputs(at(text), stderr);
}

/* Copies the bytecode into the engine's memory and runs it to its end. */
static int run(const struct program *program, int argc, char **argv) {
  Z_quickjsZ__initialize(&js);
  Z_quickjsZ_qjs_init2(&js, INTRINSICS);
  Z_quickjsZ_qjs_set_memory_limit(&js, program->memory);
  u32 global = Z_quickjsZ_qjs_get_global(&js), args = Z_quickjsZ_qjs_new_array(&js);
  define(global, "sys");
  define(global, "read");
  define(global, "now");
  define(global, "hear");
  define(global, "exec");
  define(global, "address");
  for (int i = 1; i < argc; i++) Z_quickjsZ_qjs_set_prop_uint32(&js, args, i - 1, string(argv[i]));
  set(global, "args", args);
  u32 code = Z_quickjsZ_wasm_malloc(&js, program->size);
  memcpy(at(code), program->bytecode, program->size);
  u32 result = Z_quickjsZ_qjs_eval_bytecode(&js, code, program->size);
  if (!Z_quickjsZ_qjs_is_exception(&js, result)) return 0; /* programs end by exit_group, so this is a short one */
  complain_of_exception();
  return EXIT_DEFECT;
}

/* Descriptors 0 to 2 must be somebody's: else the device or the channel would get one, and log lines would go there. */
static void hold_standard_descriptors(void) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

int main(int argc, char **argv) {
  hold_standard_descriptors();
  signal(SIGCHLD, SIG_IGN); /* children need no reaping: nobody asks how one ended */
  wasm_rt_init();
  Z_quickjs_init_module();
  wasm_rt_trap_t trap = wasm_rt_impl_try();
  if (trap != WASM_RT_TRAP_NONE) {
    complain("the engine stopped", trap == WASM_RT_TRAP_EXHAUSTION ? "stack exhausted" : "out of bounds or out of memory");
    return EXIT_DEFECT;
  }
  Z_quickjs_instantiate(&js, NULL, NULL);
  return run(choose_program(argc, argv), argc, argv);
}
