/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_machine.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What fits of a file, as a text: its length, or -errno. */
__attribute__((format(printf, 4, 5))) static int read_text(char *to, size_t size, const char *root,
							   const char *fmt, ...)
{
	char path[PATH_MAX];
	size_t n;
	va_list ap;
	ssize_t got;
	int fd;

	n = (size_t)snprintf(path, sizeof(path), "%s", root);
	if (n >= sizeof(path))
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - n, fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, to, size - 1);
	close(fd);
	if (got < 0)
		return -EIO;
	to[got] = '\0';
	return (int)got;
}

/* The number after "\nKey:" or at the start. */
static bool number_of(const char *text, const char *key, uint64_t *to)
{
	const size_t len = strlen(key);

	for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ':')
			return sscanf(line + len + 1, "%" SCNu64, to) == 1;
	}
	return false;
}

int weir_machine_memory(const char *root, struct weir_machine_memory *out)
{
	char text[4096];
	const int n = read_text(text, sizeof(text), root, "/proc/meminfo");

	if (n < 0)
		return n;
	if (!number_of(text, "MemTotal", &out->all) || !number_of(text, "MemFree", &out->free) ||
	    !number_of(text, "MemAvailable", &out->available) || out->all == 0)
		return -EBADMSG;
	out->all *= 1024;
	out->free *= 1024;
	out->available *= 1024;
	return 0;
}

int weir_machine_load(const char *root, double load[3])
{
	char text[256];
	const int n = read_text(text, sizeof(text), root, "/proc/loadavg");

	if (n < 0)
		return n;
	return sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3 ? 0 : -EBADMSG;
}

uint32_t weir_machine_cpus(const char *root)
{
	char text[4096];
	uint32_t n = 0;
	const char *at = text;

	if (read_text(text, sizeof(text), root, "/sys/devices/system/cpu/online") < 0)
		return 1;
	for (;;) { /* "0-3,8" */
		unsigned int first, last;
		int used = 0;

		if (sscanf(at, "%u%n", &first, &used) != 1)
			break;
		at += used;
		last = first;
		if (*at == '-' && sscanf(at, "-%u%n", &last, &used) == 1)
			at += used;
		n += last >= first ? last - first + 1 : 0;
		if (*at++ != ',')
			break;
	}
	return n > 0 ? n : 1;
}

int weir_machine_disk(const char *path, uint64_t *free_bytes, uint64_t *all_bytes)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return -errno;
	*free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	*all_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	return 0;
}

/* Control-plane specification, 2.2. */
bool weir_machine_is_container(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/run/secrets/kubernetes.io/serviceaccount/ca.crt", root);
	return getenv("IN_CONTAINER") != NULL || access(path, F_OK) == 0;
}

static uint32_t sockets_of_self(const char *root)
{
	char path[PATH_MAX], to[64];
	uint32_t n = 0;
	const struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/proc/self/fd", root);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		const ssize_t len = readlinkat(dirfd(d), e->d_name, to, sizeof(to));

		n += len > 7 && memcmp(to, "socket:", 7) == 0;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

/* Fields 14 and 15 of /proc/self/stat; the name before them may hold blanks and brackets. */
static int cpu_of_self(const char *root, uint64_t *ns)
{
	unsigned long long user, system;
	char text[1024];
	const int n = read_text(text, sizeof(text), root, "/proc/self/stat");
	const char *after = n > 0 ? strrchr(text, ')') : NULL;

	if (n < 0)
		return n;
	if (after == NULL ||
	    sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
		   &system) != 2)
		return -EBADMSG;
	*ns = (user + system) * (WEIR_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

int weir_machine_process(const char *root, struct weir_process *out)
{
	char text[4096];
	uint64_t threads;
	int n = read_text(text, sizeof(text), root, "/proc/self/status");

	if (n < 0)
		return n;
	if (!number_of(text, "VmRSS", &out->rss) || !number_of(text, "Threads", &threads) ||
	    sscanf(text, "Name: %15[^\n]", out->name) != 1)
		return -EBADMSG;
	out->rss *= 1024;
	out->threads = (uint32_t)threads;
	out->sockets = sockets_of_self(root);
	return cpu_of_self(root, &out->cpu_ns);
}

uint32_t weir_machine_processes(const char *root, const char *name)
{
	char path[PATH_MAX], comm[64];
	uint32_t n = 0;
	const struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/proc", root);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    read_text(comm, sizeof(comm), root, "/proc/%s/comm", e->d_name) <= 0)
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		n += strcmp(comm, name) == 0;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

/* --- core files --- */

#define CORE_HEAD 65536 /* its notes, the name of the program among them, are there */

/* ELF, a core, and the program's name in what it says of the process. */
static bool is_core_of(int dir, const char *file, const char *name)
{
	static char head[CORE_HEAD]; /* control thread */
	const int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, head, sizeof(head));
	close(fd);
	return n > 18 && memcmp(head, "\177ELF", 4) == 0 && head[16] == 4 && /* ET_CORE */
	       memmem(head, (size_t)n, name, strlen(name)) != NULL;
}

/* The pattern's folder below `root`, and the letters before its first %. */
static bool core_place(const char *root, char *folder, size_t size, char *prefix,
		       size_t prefix_size)
{
	char pattern[256];
	char *slash, *base;

	if (read_text(pattern, sizeof(pattern), root, "/proc/sys/kernel/core_pattern") <= 0 ||
	    pattern[0] == '|')
		return false;
	pattern[strcspn(pattern, "\n")] = '\0';
	slash = strrchr(pattern, '/');
	base = slash != NULL ? slash + 1 : pattern;
	snprintf(prefix, prefix_size, "%.*s", (int)strcspn(base, "%"), base);
	if (slash != NULL)
		*slash = '\0';
	if (slash == NULL)
		snprintf(folder, size, ".");
	else
		snprintf(folder, size, "%s%s", pattern[0] == '/' || slash == pattern ? root : "",
			 slash == pattern ? "/" : pattern);
	return strchr(folder, '%') == NULL;
}

uint32_t weir_machine_cores(const char *root, const char *name)
{
	char folder[PATH_MAX], prefix[256];
	uint32_t n = 0;
	const struct dirent *e;
	DIR *d = NULL;

	if (core_place(root, folder, sizeof(folder), prefix, sizeof(prefix)))
		d = opendir(folder);
	while (d != NULL && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		     is_core_of(dirfd(d), e->d_name, name);
	if (d != NULL)
		closedir(d);
	return n;
}
