/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_eal.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MB        ((uint64_t)1 << 20)
#define LOG_LINE  400
#define OVERHEAD  (64 * MB) /* ports' own structures beside the packets */
#define REPEAT_NS (60 * WEIR_NS_PER_S)
/*
 * Without huge pages, at least: room for ports that come later, DPDK's 32 of some 32 MB. Not more, for the other side of
 * virtio_user maps, and may lock, all of it. VFIO pins it at once: room for some ports.
 */
#define RANGE        (1024 * MB)
#define RANGE_PINNED (256 * MB)
#define HUGE_DIR     "/sys/kernel/mm/hugepages"
/* No such device: allows PCI ports to be added by name later, and keeps EAL from probing the others. */
#define NO_PCI_DEVICE "ffff:ff:1f.7"

static enum { EAL_NEW, EAL_RUNS, EAL_OVER } state;
static FILE *log_stream;
/* EAL locks too, but ThreadSanitizer cannot see how. */
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t registered; /* set in threads that are: its destructor ends it */

static _Thread_local struct {
	bool on;
	char error[LOG_LINE];
} attempt;

/* Drivers may say the same thing at each look: once in a while is enough. The stream's lock is held. */
static bool said_before(const char *line)
{
	static char last[LOG_LINE];
	static uint64_t last_ns;
	uint64_t now = weir_clock_mono_ns();

	if (strcmp(line, last) == 0 && now - last_ns < REPEAT_NS)
		return true;
	snprintf(last, sizeof(last), "%s", line);
	last_ns = now;
	return false;
}

/* One line of DPDK's. The level is that of the calling thread's message. */
static ssize_t on_write(void *cookie, const char *text, size_t n)
{
	bool bad = rte_log_cur_msg_loglevel() <= (int)RTE_LOG_WARNING;
	char line[LOG_LINE];
	int len = (int)(n < sizeof(line) ? n : sizeof(line));

	(void)cookie;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (len == 0)
		return (ssize_t)n;
	snprintf(line, sizeof(line), "%.*s", len, text);
	if (attempt.on && attempt.error[0] == '\0' &&
	    rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR)
		memcpy(attempt.error, line, sizeof(line));
	bad = bad && !attempt.on && !said_before(line);
	weir_log(bad ? WEIR_LOG_WARN : WEIR_LOG_DEBUG, "dpdk: %s", line);
	return (ssize_t)n;
}

static int log_open(void)
{
	static const cookie_io_functions_t io = { .write = on_write };

	log_stream = fopencookie(NULL, "w", io);
	if (log_stream == NULL)
		return -ENOMEM;
	setvbuf(log_stream, NULL, _IOLBF, 0);
	return rte_openlog_stream(log_stream);
}

static void log_close(void)
{
	rte_openlog_stream(NULL);
	fclose(log_stream);
	log_stream = NULL;
}

void weir_eal_attempt(void)
{
	attempt.on = true;
	attempt.error[0] = '\0';
}

const char *weir_eal_attempt_end(void)
{
	attempt.on = false;
	return attempt.error;
}

static uint64_t pages_of(const char *size_dir, const char *count)
{
	char path[300];
	unsigned long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), HUGE_DIR "/%s/%s_hugepages", size_dir, count);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages;
}

/* Pages that are mapped and not touched yet, as tables are at first, still count as free. */
static uint64_t free_pages(const char *size_dir)
{
	uint64_t free = pages_of(size_dir, "free"), promised = pages_of(size_dir, "resv");

	return free > promised ? free - promised : 0;
}

/* Bytes in reserved huge pages nobody uses. */
static uint64_t huge_free(void)
{
	const struct dirent *e;
	DIR *d = opendir(HUGE_DIR);
	unsigned long kb;
	uint64_t sum = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (sscanf(e->d_name, "hugepages-%lukB", &kb) == 1)
			sum += free_pages(e->d_name) * kb * 1024;
	if (d != NULL)
		closedir(d);
	return sum;
}

/*
 * Nothing in the arguments comes from outside, so that they cannot be wrong. --in-memory, or --no-huge
 * with --no-shconf, keep EAL from making files.
 */
static int init(uint64_t need, uint64_t range_bytes, int cpu)
{
	char prefix[64], lcores[32], range[32];
	char *argv[12];
	int argc = 0;

#define ARG(a) (argv[argc++] = (char *)(uintptr_t)(a))
	snprintf(prefix, sizeof(prefix), "--file-prefix=weir-%d-%06x", getpid(),
		 (unsigned)weir_random_u64() & 0xffffff);
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", cpu);
	snprintf(range, sizeof(range), "%lu", range_bytes / MB);
	ARG("weir");
	if (huge_free() >= need) {
		ARG("--in-memory");
		ARG("--single-file-segments");
	} else {
		ARG("--no-huge");
		ARG("--no-shconf");
		ARG("-m");
		ARG(range);
	}
	ARG("--no-telemetry");
	ARG("-a");
	ARG(NO_PCI_DEVICE);
	ARG(lcores);
	ARG(prefix);
#undef ARG
	argv[argc] = NULL;
	return rte_eal_init(argc, argv);
}

static int first_cpu(const cpu_set_t *set)
{
	int cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

/* EAL pins the thread that starts it, and later threads inherit that: undo it. */
static int init_and_unpin(uint64_t need, uint64_t range)
{
	cpu_set_t before;
	int rc;

	if (pthread_getaffinity_np(pthread_self(), sizeof(before), &before) != 0)
		return -1;
	rc = init(need, range, first_cpu(&before));
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	return rc;
}

/* Drivers write to sockets whose other side may be gone, and take the error as the answer. */
static void ignore_broken_pipes(void)
{
	struct sigaction a;

	if (sigaction(SIGPIPE, NULL, &a) == 0 && a.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

static void thread_unregister(void *set)
{
	(void)set;
	pthread_mutex_lock(&registering);
	if (state == EAL_RUNS)
		rte_thread_unregister();
	pthread_mutex_unlock(&registering);
}

void weir_eal_thread_register(void)
{
	pthread_mutex_lock(&registering);
	if (state == EAL_RUNS && rte_lcore_id() == LCORE_ID_ANY && rte_thread_register() == 0)
		pthread_setspecific(registered, &registered);
	pthread_mutex_unlock(&registering);
}

int weir_eal_start(const struct weir_eal_options *o, struct weir_err *err)
{
	uint64_t need = o->memory_bytes + OVERHEAD;
	const char *why;
	int rc;

	if (state == EAL_RUNS)
		return 0;
	if (state == EAL_OVER)
		return weir_err_set(
			err, EALREADY,
			"DPDK: it was stopped, or refused to start, and starts once in a process");
	state = EAL_OVER;
	if (log_open() != 0 || pthread_key_create(&registered, thread_unregister) != 0)
		return weir_err_set(err, ENOMEM, "DPDK: no memory to start it");
	weir_eal_attempt();
	rc = init_and_unpin(need, weir_max_u64(need, o->pinned ? RANGE_PINNED : RANGE));
	why = weir_eal_attempt_end();
	if (rc < 0) {
		log_close();
		return weir_err_set(err, ENODEV, "DPDK refused to start with %lu MB: %s", need / MB,
				    why[0] != '\0' ? why : rte_strerror(rte_errno));
	}
	ignore_broken_pipes();
	rmdir(rte_eal_get_runtime_dir()); /* empty, and of no use to anybody */
	state = EAL_RUNS;
	return 0;
}

void weir_eal_stop(void)
{
	if (state != EAL_RUNS)
		return;
	pthread_mutex_lock(&registering); /* threads that end later leave EAL alone */
	state = EAL_OVER;
	pthread_mutex_unlock(&registering);
	weir_eal_attempt();
	rte_eal_cleanup();
	weir_eal_attempt_end();
	rmdir(rte_eal_get_runtime_dir());
	log_close();
}
