/**
 * Linux as the kernel numbers it: flags and ioctls, the same on all our architectures where nothing else is said.
 * Sources: include/uapi/linux/{fcntl,watchdog,prctl,sched}.h, arch/arm64/include/uapi/asm/fcntl.h.
 * Nothing newer than Linux 2.6.32 is called (the C host tries getrandom, and does without).
 */
import {
  ARM64,
  ARM64_SOCKETS,
  I386,
  I386_SOCKETCALL,
  I386_SOCKETS,
  type SocketCalls,
  type SystemCalls,
  X86_64,
  X86_64_SOCKETS,
} from "./system-calls.ts";

/** Set by the build: the architecture that this binary is for. */
declare const ARCH: "x86_64" | "i386" | "arm64";

export const NR: SystemCalls = ARCH === "x86_64" ? X86_64 : ARCH === "i386" ? I386 : ARM64;

export const NR_SOCKET: SocketCalls =
  ARCH === "x86_64" ? X86_64_SOCKETS : ARCH === "i386" ? I386_SOCKETS : ARM64_SOCKETS;

/** The call that has all of {@link NR_SOCKET} in it; undefined where each is one of its own. */
export const SOCKETCALL = ARCH === "i386" ? I386_SOCKETCALL : undefined;

/** Bytes of a C `long`, of which struct timespec has two. */
export const LONG = ARCH === "i386" ? 4 : 8;

export const AT_FDCWD = -100;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_NONBLOCK = 0o4000;
export const O_NOFOLLOW = ARCH === "arm64" ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;

/** Bits 14 and 16 have changed places on arm64. */
export const O_DIRECT = ARCH === "arm64" ? 0o200000 : 0o40000;

export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;

export const ENOENT = 2;
export const EPERM = 1;
export const EINTR = 4;
export const E2BIG = 7;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ENOTTY = 25;
export const EPIPE = 32;
export const ENAMETOOLONG = 36;
export const EMSGSIZE = 90;
export const EADDRINUSE = 98;
export const ECONNREFUSED = 111;

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
export const SIGUSR1 = 10;
export const SIGCHLD = 17;
export const SIGCONT = 18;

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

export const WNOHANG = 1;
export const RLIMIT_FSIZE = 1;

export const CLOCK_REALTIME = 0;

export const F_SETFD = 2;
export const FD_CLOEXEC = 1;

export const MS_RDONLY = 1;
export const MS_REMOUNT = 32;

export const LINUX_REBOOT_MAGIC1 = 0xfee1dead;
export const LINUX_REBOOT_MAGIC2 = 672274793;
export const RB_AUTOBOOT = 0x01234567;
export const RB_POWER_OFF = 0x4321fedc;

/** The device fired and so caused this boot. */
export const WDIOF_CARDRESET = 0x20;
export const WDIOC_GETBOOTSTATUS = 0x80045702;
export const WDIOC_SETPRETIMEOUT = 0xc0045708;
export const WDIOC_GETTIMELEFT = 0x8004570a;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const IPPROTO_ICMP = 1;
export const IPPROTO_ICMPV6 = 58;
/** Protocol level of a raw socket's own options (linux/icmp.h, linux/socket.h). */
export const SOL_RAW = 255;
export const ICMP_FILTER = 1;
export const ICMPV6_FILTER = 1;

/** Flag of statfs(2), from Linux 2.6.36. */
export const ST_RDONLY = 1;

/** Where struct stat64 has the file's type and permissions, a u32. */
export const STAT_MODE = ARCH === "x86_64" ? 24 : 16;
export const AF_UNIX = 1;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOL_SOCKET = 1;
export const SO_PASSCRED = 16;
export const SO_PEERCRED = 17;

export const SEEK_END = 2;

/** include/uapi/linux/fs.h; the first names a size_t and fills a u64. */
export const BLKGETSIZE64 = LONG === 8 ? 0x80081272 : 0x80041272;
export const FITHAW = 0xc0045878;
