/* SPDX-License-Identifier: Apache-2.0 */
#include "handover.h"

#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

int rpc_handover_init(struct rpc_handover *h)
{
	h->head = NULL;
	h->tail = &h->head;
	h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->wake_fd < 0)
		return -errno;
	pthread_mutex_init(&h->lock, NULL);
	return 0;
}

void rpc_handover_fini(struct rpc_handover *h)
{
	pthread_mutex_destroy(&h->lock);
	close(h->wake_fd);
}

void rpc_handover_put(struct rpc_handover *h, struct rpc_tag *tag, bool ok)
{
	bool first;

	tag->ok = ok;
	tag->next = NULL;
	pthread_mutex_lock(&h->lock);
	first = h->head == NULL;
	*h->tail = tag;
	h->tail = &tag->next;
	pthread_mutex_unlock(&h->lock);
	if (first)
		eventfd_write(h->wake_fd, 1);
}

void rpc_handover_run(struct rpc_handover *h)
{
	struct rpc_tag *tag, *next;
	eventfd_t n;

	eventfd_read(h->wake_fd, &n); /* before the list: what comes after it wakes again */
	pthread_mutex_lock(&h->lock);
	tag = h->head;
	h->head = NULL;
	h->tail = &h->head;
	pthread_mutex_unlock(&h->lock);
	for (; tag != NULL; tag = next) {
		next = tag->next; /* run() may free the tag, or start it again */
		tag->run(tag, tag->ok);
	}
}
