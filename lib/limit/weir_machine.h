/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine and a process use, from /proc and /sys below `root` ("" = this machine; another folder: files
 * of another one). All are for the control thread: they read files.
 */
#ifndef WEIR_MACHINE_H
#define WEIR_MACHINE_H

#include <weir_base.h>

struct weir_machine_memory {
	uint64_t all, free, available; /* bytes */
};

/* 0, or -errno; -EBADMSG where the file does not say it. */
int weir_machine_memory(const char *root, struct weir_machine_memory *out);

/* Of the last 1, 5 and 15 minutes. Likewise. */
int weir_machine_load(const char *root, double load[3]);

/* CPUs that are online; at least 1. */
uint32_t weir_machine_cpus(const char *root);

/*
 * Bytes of the file system at `path` (no root here): all, and what a user who is not root may still use. Any thread; one
 * of a server that does not answer waits for ever.
 */
int weir_machine_disk(const char *path, uint64_t *free_bytes, uint64_t *all_bytes);

/* What runs us has limits of its own: it says so by IN_CONTAINER, or gave us an account of Kubernetes. */
bool weir_machine_is_container(const char *root);

struct weir_process {
	uint64_t rss;    /* bytes */
	uint64_t cpu_ns; /* user and system, of all threads, since it began */
	uint32_t threads;
	uint32_t sockets; /* 0 where /proc does not let us look */
	char name[16];
};

/* This process: 0 or -errno. */
int weir_machine_process(const char *root, struct weir_process *out);

/* Processes of this name, as in /proc/PID/comm. */
uint32_t weir_machine_processes(const char *root, const char *name);

/*
 * Core files that a program of this name left, where the kernel writes them: /proc/sys/kernel/core_pattern. 0
 * where it hands them to a program. A relative pattern is one below the working directory.
 */
uint32_t weir_machine_cores(const char *root, const char *name);

#endif
