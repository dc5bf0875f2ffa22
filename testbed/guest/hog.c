/*
 * Takes from the guest what a runaway workload takes.
 *
 *   hog memory LOW HIGH   takes memory until MemAvailable is between LOW and HIGH thousandths of MemTotal, and keeps it there
 *   hog thrash DISK       reads DISK at random places, for ever: the page cache loses what it needs next
 *   hog cpu               takes every processor at the highest real-time priority, for ever
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
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

static void hog_cpus(void)
{
	struct sched_param highest = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};
	int last = get_nprocs() - 1;
	/* musl's own call always fails: POSIX means processes by it, Linux threads */
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &highest) < 0)
		die("sched_setscheduler");
	for (int cpu = 0; cpu <= last; cpu++) {
		cpu_set_t only;
		CPU_ZERO(&only);
		CPU_SET(cpu, &only);
		if (cpu < last && fork() != 0)
			continue;
		sched_setaffinity(0, sizeof only, &only);
		for (;;)
			;
	}
}

int main(int count, char **words)
{
	if (count == 4 && strcmp(words[1], "memory") == 0)
		hog_memory(atol(words[2]), atol(words[3]));
	if (count == 3 && strcmp(words[1], "thrash") == 0)
		hog_page_cache(words[2]);
	if (count == 2 && strcmp(words[1], "cpu") == 0)
		hog_cpus();
	fputs("usage: hog memory LOW HIGH | hog thrash DISK | hog cpu\n", stderr);
	return 2;
}
