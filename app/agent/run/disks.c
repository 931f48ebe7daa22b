/* SPDX-License-Identifier: Apache-2.0 */
#include "disks.h"

#include "helper.h"

#include <weir_machine.h>

#include <errno.h>
#include <stdlib.h>

#define HANGS_NS (2 * WEIR_NS_PER_S)

struct disk {
	struct disk *next;
	struct disks *of;
	bool wanted;
	bool asked; /* and has not answered: `answer` is the thread's */
	uint64_t asked_ns;
	struct room {
		int rc;
		uint64_t free_bytes, all_bytes;
	} last, answer;
	char path[];
};

struct disks {
	struct helpers *helpers; /* its own: who waits for others' must not wait for these */
	struct disk *first;
	void (*news)(void *ctx);
	void *ctx;
};

/* A helper's thread. */
static void look(void *arg)
{
	struct disk *k = arg;

	k->answer.rc = weir_machine_disk(k->path, &k->answer.free_bytes, &k->answer.all_bytes);
}

static void forget_unwanted(struct disks *d)
{
	for (struct disk **at = &d->first; *at != NULL;) {
		struct disk *k = *at;

		if (k->wanted || k->asked) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		free(k);
	}
}

static void answered(void *arg)
{
	struct disk *k = arg;
	struct disks *d = k->of;

	k->asked = false;
	k->last = k->answer;
	forget_unwanted(d);
	d->news(d->ctx);
}

static struct disk *find(const struct disks *d, const char *path)
{
	struct disk *k = d->first;

	while (k != NULL && strcmp(k->path, path) != 0)
		k = k->next;
	return k;
}

/* NULL without memory: nothing is known of it. */
static struct disk *add(struct disks *d, const char *path)
{
	const size_t size = strlen(path) + 1;
	struct disk *k = calloc(1, sizeof(*k) + size);

	if (k == NULL)
		return NULL;
	memcpy(k->path, path, size);
	k->of = d;
	k->last.rc = -EAGAIN;
	k->next = d->first;
	d->first = k;
	return k;
}

static void ask(struct disk *k)
{
	k->wanted = true;
	if (k->asked)
		return;
	k->asked_ns = weir_clock_mono_ns();
	k->asked = helpers_start(k->of->helpers, "weir-disk", look, answered, k) == 0;
}

void disks_ask(struct disks *d, const struct weir_conf_names *paths)
{
	for (struct disk *k = d->first; k != NULL; k = k->next)
		k->wanted = false;
	for (uint32_t i = 0; i < paths->n; i++) {
		struct disk *k = find(d, paths->v[i]);

		if (k == NULL)
			k = add(d, paths->v[i]);
		if (k != NULL)
			ask(k);
	}
	forget_unwanted(d);
}

int disks_room(const struct disks *d, const char *path, uint64_t *free_bytes, uint64_t *all_bytes)
{
	const struct disk *k = find(d, path);

	if (k == NULL)
		return -EAGAIN;
	*free_bytes = k->last.free_bytes;
	*all_bytes = k->last.all_bytes;
	return k->last.rc;
}

const char *disks_hanging(const struct disks *d, uint64_t *since_ns)
{
	const uint64_t now_ns = weir_clock_mono_ns();

	for (const struct disk *k = d->first; k != NULL; k = k->next)
		if (k->wanted && k->asked && now_ns - k->asked_ns >= HANGS_NS) {
			*since_ns = k->asked_ns;
			return k->path;
		}
	return NULL;
}

struct disks *disks_create(struct event_base *base, void (*news)(void *ctx), void *ctx,
			   struct weir_err *err)
{
	struct disks *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		weir_err_set(err, ENOMEM, "disks: no memory");
		return NULL;
	}
	d->news = news;
	d->ctx = ctx;
	d->helpers = helpers_create(base, err);
	if (d->helpers == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

static void no_news(void *ctx)
{
	(void)ctx;
}

/* One that still hangs is its thread's, and is left behind with it. */
void disks_destroy(struct disks *d)
{
	if (d == NULL)
		return;
	d->news = no_news;
	for (struct disk *k = d->first; k != NULL; k = k->next)
		k->wanted = false;
	helpers_settle(d->helpers);
	forget_unwanted(d);
	helpers_destroy(d->helpers);
	free(d);
}
