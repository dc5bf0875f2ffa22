/*
 * Takes from the guest what a runaway workload takes.
 *
 *   hog memory LOW HIGH   takes memory until MemAvailable is between LOW and HIGH thousandths of MemTotal, and keeps it there
 *   hog thrash DISK       reads DISK at random places, for ever: the page cache loses what it needs next
 *   hog cpu               takes every processor at the highest real-time priority, for ever
 *   hog starve SECONDS    takes them from ordinary programs only, at a real-time priority of 10
 *   hog tasks LEFT        fills the process table but for LEFT; with 0 it takes each place that becomes free
 *   hog files LEFT        opens files until only LEFT more may be opened by anybody but root
 *   hog descriptors PID MOST  lets one process have no more than MOST, those that it has open included
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#define PAGE 4096
#define CHUNK (64 * 1024)
#define STRETCH_PERCENT 105
#define MAX_CHUNKS 65536

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* "MemAvailable:     123456 kB" */
static long kib(const char *meminfo, const char *key)
{
	const char *line = strstr(meminfo, key);
	return line ? atol(line + strlen(key)) : 0;
}

static const char *meminfo(void)
{
	static char text[4096];
	static int file = -1;
	ssize_t got;
	if (file < 0)
		file = open("/proc/meminfo", O_RDONLY);
	got = pread(file, text, sizeof text - 1, 0);
	if (got <= 0)
		die("/proc/meminfo");
	text[got] = 0;
	return text;
}

static long available_permille(void)
{
	const char *now = meminfo();
	return kib(now, "MemAvailable:") * 1000 / kib(now, "MemTotal:");
}

static long page_cache_kib(void)
{
	const char *now = meminfo();
	return kib(now, "Active(file):") + kib(now, "Inactive(file):");
}

static void *take(void)
{
	char *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED)
		return NULL;
	for (size_t at = 0; at < CHUNK; at += PAGE)
		chunk[at] = 1;
	return chunk;
}

static void hog_memory(long low, long high)
{
	static void *chunks[MAX_CHUNKS];
	int held = 0;
	for (;;) {
		long available = available_permille();
		if (available > high && held < MAX_CHUNKS && (chunks[held] = take()) != NULL) {
			held++;
			if (available < 10 * high)
				usleep(available < 2 * high ? 30000 : 2000); /* the kernel must find room at its own pace */
		} else if (available < low && held > 0) {
			munmap(chunks[--held], CHUNK);
		} else {
			usleep(50000);
		}
	}
}

/*
 * Random reads over a stretch a bit larger than the page cache is just now. The kernel counts a read as a stall for memory
 * where the page was in use and was dropped not long ago (mm/workingset.c): a stretch far larger than the cache would be no
 * working set, a smaller one would fit.
 */
static void hog_page_cache(const char *path)
{
	unsigned long long size = 0, seed = 1;
	char byte;
	int file = open(path, O_RDONLY);
	if (file < 0 || ioctl(file, BLKGETSIZE64, &size) < 0)
		die(path);
	posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM); /* no read-ahead: each miss reads one page */
	for (;;) {
		unsigned long long pages = (unsigned long long)page_cache_kib() * STRETCH_PERCENT / 100 * 1024 / PAGE + 64;
		if (pages > size / PAGE)
			pages = size / PAGE;
		for (int i = 0; i < 1000; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			if (pread(file, &byte, 1, (off_t)((seed >> 20) % pages * PAGE)) != 1)
				die(path);
		}
	}
}

/* Spins on every processor at this real-time priority; without end where seconds is 0. */
static void hog_cpus(int priority, long seconds)
{
	struct sched_param wanted = {.sched_priority = priority};
	struct timespec now, start;
	int last = get_nprocs() - 1;
	/* musl's own call always fails: POSIX means processes by it, Linux threads */
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &wanted) < 0)
		die("sched_setscheduler");
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int cpu = 0; cpu <= last; cpu++) {
		cpu_set_t only;
		CPU_ZERO(&only);
		CPU_SET(cpu, &only);
		if (cpu < last && fork() != 0)
			continue;
		sched_setaffinity(0, sizeof only, &only);
		do
			clock_gettime(CLOCK_MONOTONIC, &now);
		while (seconds == 0 || now.tv_sec - start.tv_sec < seconds);
		exit(0);
	}
}

/* The number at the start of a file, or behind the first character that is `behind`. */
static long number_in(const char *path, int behind)
{
	char text[128];
	const char *at = text;
	int file = open(path, O_RDONLY);
	ssize_t got = read(file, text, sizeof text - 1);
	if (got <= 0)
		die(path);
	close(file);
	text[got] = 0;
	if (behind)
		at = strchr(text, behind) + 1;
	return atol(at);
}

/* All of them end with this process. */
static void hog_tasks(long left)
{
	long limit = number_in("/proc/sys/kernel/threads-max", 0);
	for (;;) {
		pid_t pid = left > 0 && number_in("/proc/loadavg", '/') >= limit - left ? pause() : fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (pid < 0)
			usleep(1000);
	}
}

static void hog_files(long left)
{
	struct rlimit many = {.rlim_cur = 65536, .rlim_max = 65536};
	char text[128];
	long limit;
	int file = open("/proc/sys/fs/file-nr", O_RDONLY);
	if (setrlimit(RLIMIT_NOFILE, &many) < 0 || pread(file, text, sizeof text, 0) <= 0)
		die("hog files");
	limit = atol(strrchr(text, '\t'));
	while (pread(file, text, sizeof text, 0) > 0 && atol(text) < limit - left)
		if (open("/dev/null", O_RDONLY) < 0)
			die("/dev/null");
	for (;;)
		pause();
}

static void hog_descriptors(pid_t pid, unsigned long most)
{
	struct rlimit limit = {.rlim_cur = most, .rlim_max = 1024};
	if (prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0)
		die("prlimit");
	exit(0);
}

int main(int count, char **words)
{
	if (count == 4 && strcmp(words[1], "memory") == 0)
		hog_memory(atol(words[2]), atol(words[3]));
	if (count == 3 && strcmp(words[1], "thrash") == 0)
		hog_page_cache(words[2]);
	if (count == 2 && strcmp(words[1], "cpu") == 0)
		hog_cpus(sched_get_priority_max(SCHED_FIFO), 0);
	if (count == 3 && strcmp(words[1], "starve") == 0)
		hog_cpus(10, atol(words[2]));
	if (count == 3 && strcmp(words[1], "tasks") == 0)
		hog_tasks(atol(words[2]));
	if (count == 3 && strcmp(words[1], "files") == 0)
		hog_files(atol(words[2]));
	if (count == 4 && strcmp(words[1], "descriptors") == 0)
		hog_descriptors(atoi(words[2]), strtoul(words[3], NULL, 10));
	fputs("usage: hog memory LOW HIGH | thrash DISK | cpu | starve SECONDS | tasks LEFT | files LEFT | "
	      "descriptors PID MOST\n",
	      stderr);
	return 2;
}
