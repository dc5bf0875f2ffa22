/**
 * Linux as the kernel numbers it: system calls per architecture, flags and ioctls that ours share.
 * Sources: arch/x86/entry/syscalls/syscall_{64,32}.tbl, include/uapi/linux/{fcntl,watchdog,prctl,sched}.h.
 * Nothing newer than Linux 2.6.32 is called (the C host tries getrandom, and does without).
 */

export interface SystemCalls {
  readonly read: number;
  readonly write: number;
  readonly close: number;
  readonly poll: number;
  readonly ioctl: number;
  readonly getdents64: number;
  readonly pread64: number;
  readonly pwrite64: number;
  readonly openat: number;
  readonly mkdirat: number;
  readonly unlinkat: number;
  readonly readlinkat: number;
  readonly fsync: number;
  readonly pipe2: number;
  readonly fork: number;
  readonly chdir: number;
  readonly exitGroup: number;
  readonly getpid: number;
  readonly getppid: number;
  readonly prctl: number;
  readonly mlockall: number;
  readonly schedSetscheduler: number;
  readonly rtSigprocmask: number;
  readonly signalfd4: number;
}

const X86_64: SystemCalls = {
  read: 0,
  write: 1,
  close: 3,
  poll: 7,
  ioctl: 16,
  getdents64: 217,
  pread64: 17,
  pwrite64: 18,
  openat: 257,
  mkdirat: 258,
  unlinkat: 263,
  readlinkat: 267,
  fsync: 74,
  pipe2: 293,
  fork: 57,
  chdir: 80,
  exitGroup: 231,
  getpid: 39,
  getppid: 110,
  prctl: 157,
  mlockall: 151,
  schedSetscheduler: 144,
  rtSigprocmask: 14,
  signalfd4: 289,
};

const I386: SystemCalls = {
  read: 3,
  write: 4,
  close: 6,
  poll: 168,
  ioctl: 54,
  getdents64: 220,
  pread64: 180,
  pwrite64: 181,
  openat: 295,
  mkdirat: 296,
  unlinkat: 301,
  readlinkat: 305,
  fsync: 118,
  pipe2: 331,
  fork: 2,
  chdir: 12,
  exitGroup: 252,
  getpid: 20,
  getppid: 64,
  prctl: 172,
  mlockall: 152,
  schedSetscheduler: 156,
  rtSigprocmask: 175,
  signalfd4: 327,
};

/** Set by the build: the architecture that this binary is for. */
declare const ARCH: "x86_64" | "i386";

export const NR: SystemCalls = ARCH === "x86_64" ? X86_64 : I386;

export const AT_FDCWD = -100;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_NONBLOCK = 0o4000;
export const O_NOFOLLOW = 0o400000;
export const O_CLOEXEC = 0o2000000;

export const POLLIN = 1;
export const POLLOUT = 4;

export const ENOENT = 2;
export const EPERM = 1;
export const EINTR = 4;
export const EAGAIN = 11;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENOTTY = 25;
export const EFBIG = 27;

export const MCL_CURRENT = 1;
export const MCL_FUTURE = 2;

export const SCHED_OTHER = 0;
export const SCHED_FIFO = 1;

export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGKILL = 9;
export const SIGPIPE = 13;
export const SIGTERM = 15;

export const PR_SET_PDEATHSIG = 1;
export const PR_SET_NAME = 15;

/** struct watchdog_info: u32 options, u32 firmware_version, u8 identity[32]. */
export const WDIOC_GETSUPPORT = 0x80285700;
export const WATCHDOG_INFO_SIZE = 40;
export const WATCHDOG_INFO_IDENTITY = 8;
export const WDIOC_SETOPTIONS = 0x80045704;
export const WDIOS_DISABLECARD = 1;
export const WDIOS_ENABLECARD = 2;
export const WDIOC_SETTIMEOUT = 0xc0045706;
export const WDIOC_GETTIMEOUT = 0x80045707;
