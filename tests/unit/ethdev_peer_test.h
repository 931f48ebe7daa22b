/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of a port: DPDK's testpmd, as a process of its own. */
#ifndef WEIR_ETHDEV_PEER_TEST_H
#define WEIR_ETHDEV_PEER_TEST_H

#include "weir_test.h"

#include <weir_source_ethdev.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_NS \
	(10 * WEIR_NS_PER_S) /* for what comes; when nothing is wrong, no test waits that long */

extern char **environ;

struct peer {
	pid_t pid;
	FILE *in;
	char log[64];
};

static inline bool peer_is_there(void)
{
	return access("/usr/bin/dpdk-testpmd", X_OK) == 0;
}

/* What it has printed since it was asked for it last is lost with the next call. */
static inline bool peer_said(const struct peer *p, const char *words)
{
	static char text[1 << 16];
	FILE *f = fopen(p->log, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return strstr(text, words) != NULL;
}

static inline void peer_wait(const struct peer *p, const char *words)
{
	const uint64_t end = weir_clock_mono_ns() + WAIT_NS;

	while (!peer_said(p, words) && weir_clock_mono_ns() < end)
		usleep(2000);
	CU_ASSERT_FATAL(peer_said(p, words));
}

/* A testpmd with one port, in a mode such as "txonly", ready to be told what to do. */
static inline struct peer peer_start(const char *vdev, const char *mode)
{
	static unsigned int serial;
	char prefix[64], port[256], forward[64], lcores[64];
	char *argv[] = { (char *)(uintptr_t) "stdbuf", /* its answers are wanted at once */
			 (char *)(uintptr_t) "-oL",
			 (char *)(uintptr_t) "dpdk-testpmd",
			 (char *)(uintptr_t) "--no-huge",
			 (char *)(uintptr_t) "-m",
			 (char *)(uintptr_t) "200",
			 (char *)(uintptr_t) "--no-pci",
			 (char *)(uintptr_t) "--no-shconf",
			 (char *)(uintptr_t) "--no-telemetry",
			 prefix,
			 lcores,
			 port,
			 (char *)(uintptr_t) "--",
			 (char *)(uintptr_t) "-i",
			 (char *)(uintptr_t) "--total-num-mbufs=4096",
			 (char *)(uintptr_t) "--no-flush-rx",
			 (char *)(uintptr_t) "--no-mlockall",
			 forward,
			 NULL };
	struct peer p = { 0 };
	posix_spawn_file_actions_t actions;
	int in[2];

	snprintf(prefix, sizeof(prefix), "--file-prefix=peer-%d-%u", getpid(), ++serial);
	snprintf(lcores, sizeof(lcores), "--lcores=(0,1)@(0-%ld)",
		 sysconf(_SC_NPROCESSORS_ONLN) - 1);
	snprintf(port, sizeof(port), "--vdev=%s", vdev);
	snprintf(forward, sizeof(forward), "--forward-mode=%s", mode);
	snprintf(p.log, sizeof(p.log), "peer_%d_%u.log", getpid(), serial);
	CU_ASSERT_EQUAL_FATAL(pipe(in), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_addopen(&actions, 1, p.log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	CU_ASSERT_EQUAL_FATAL(posix_spawnp(&p.pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	p.in = fdopen(in[1], "w");
	return p;
}

static inline void peer_tell(const struct peer *p, const char *command)
{
	fprintf(p->in, "%s\n", command);
	fflush(p->in);
}

/* The number after some words of its answer. */
static inline uint64_t peer_number(const struct peer *p, const char *words)
{
	static char text[1 << 16];
	FILE *f = fopen(p->log, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	const char *last = NULL;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		last = at;
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	return strtoull(last + strlen(words), NULL, 10);
}

static inline void peer_end(struct peer *p, int how)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, how);
	waitpid(p->pid, NULL, 0);
	fclose(p->in);
	unlink(p->log);
	p->pid = 0;
}

#endif
