/*
 * Runs what the host asks for over a virtio-serial port: a request is a line "ID BASE64(shell script)", its answer a line
 * "ID STATUS BASE64(what the script printed)". Says "ready UPTIME" first and takes nothing before the host's "begin", for a
 * request that a reset left unread must not run after it. Requests run side by side.
 *
 * It is no shell script because it must answer while the guest has no memory left: it locks its own and forks once a request.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_REQUESTS 16
#define MAX_LINE 65536

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct request {
	pid_t pid; /* 0: free */
	int output;
	char id[32];
} requests[MAX_REQUESTS];

static int port;
static int begun;

static void on_child(int signal) { (void)signal; } /* only there to interrupt ppoll */

static void send_all(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(port, bytes, length);
		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return; /* nobody listens any more; the next request will tell */
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
}

static size_t decode(const char *from, char *to)
{
	unsigned bits = 0;
	int count = 0;
	size_t length = 0;
	for (; *from && *from != '='; from++) {
		const char *digit = strchr(digits, *from);
		if (!digit)
			continue;
		bits = bits << 6 | (unsigned)(digit - digits);
		count += 6;
		if (count >= 8) {
			count -= 8;
			to[length++] = (char)(bits >> count);
		}
	}
	return length;
}

/* Sends the answer piece by piece, so that a long output needs no memory. */
static void answer(const struct request *request, int status)
{
	char line[4 * 1024];
	unsigned char piece[3 * 512];
	ssize_t got;
	int head = snprintf(line, sizeof line, "%s %d ", request->id, status);
	send_all(line, (size_t)head);
	lseek(request->output, 0, SEEK_SET);
	while ((got = read(request->output, piece, sizeof piece)) > 0) {
		size_t length = 0;
		for (ssize_t at = 0; at < got; at += 3) {
			unsigned bits = (unsigned)piece[at] << 16;
			if (at + 1 < got)
				bits |= (unsigned)piece[at + 1] << 8;
			if (at + 2 < got)
				bits |= piece[at + 2];
			line[length++] = digits[bits >> 18 & 63];
			line[length++] = digits[bits >> 12 & 63];
			line[length++] = at + 1 < got ? digits[bits >> 6 & 63] : '=';
			line[length++] = at + 2 < got ? digits[bits & 63] : '=';
		}
		send_all(line, length);
	}
	send_all("\n", 1);
}

/* The script is an ordinary process of the guest: the OOM killer may take it, and it holds none of our files. */
static void run_script(int output, const char *script)
{
	sigset_t none;
	int adj = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (adj < 0 || write(adj, "0", 1) != 1)
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(output, 1);
	dup2(output, 2);
	setsid();
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(127);
}

static void start(char *line)
{
	static char script[MAX_LINE];
	struct request *request = requests;
	char *space = strchr(line, ' ');
	if (!begun)
		begun = strcmp(line, "begin") == 0;
	if (!begun || !space || space - line >= (long)sizeof request->id)
		return;
	while (request < requests + MAX_REQUESTS && request->pid)
		request++;
	if (request == requests + MAX_REQUESTS)
		return; /* the host's own deadline tells its user */
	*space = 0;
	strcpy(request->id, line);
	script[decode(space + 1, script)] = 0;
	request->output = memfd_create("output", MFD_CLOEXEC);
	request->pid = fork();
	if (request->pid == 0)
		run_script(request->output, script);
	if (request->pid < 0) {
		request->pid = 0;
		dprintf(request->output, "control: cannot fork: %s\n", strerror(errno));
		answer(request, 126);
		close(request->output);
	}
}

static void collect(void)
{
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct request *request = requests; request < requests + MAX_REQUESTS; request++)
			if (request->pid == pid) {
				answer(request, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
				close(request->output);
				request->pid = 0;
			}
}

static void greet(void)
{
	char line[64] = "ready ";
	int uptime = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(uptime, line + 6, 32);
	close(uptime);
	if (got <= 0)
		return;
	line[6 + got] = 0;
	*strchrnul(line + 6, ' ') = 0;
	strcat(line, "\n");
	send_all(line, strlen(line));
}

int main(int count, char **words)
{
	static char buffer[MAX_LINE];
	size_t held = 0;
	sigset_t child, before;
	struct sigaction action = {.sa_handler = on_child};
	if (count != 2 || (port = open(words[1], O_RDWR | O_CLOEXEC)) < 0) {
		fprintf(stderr, "control: cannot open %s: %s\n", count == 2 ? words[1] : "PORT", strerror(errno));
		return 1;
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	sigaction(SIGCHLD, &action, NULL);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	greet();
	for (;;) {
		struct pollfd ready = {.fd = port, .events = POLLIN};
		ppoll(&ready, 1, NULL, &before);
		collect();
		if (ready.revents & POLLIN) {
			ssize_t got = read(port, buffer + held, sizeof buffer - 1 - held);
			char *line = buffer, *end;
			if (got <= 0)
				continue;
			held += (size_t)got;
			buffer[held] = 0;
			while ((end = strchr(line, '\n'))) {
				*end = 0;
				start(line);
				line = end + 1;
			}
			held -= (size_t)(line - buffer);
			memmove(buffer, line, held);
			if (held == sizeof buffer - 1)
				held = 0; /* no request is that long */
		} else if (ready.revents & (POLLHUP | POLLERR)) {
			usleep(100000); /* the host has hung up; it may come back */
		}
	}
}
