/* SPDX-License-Identifier: Apache-2.0 */
/* What the waiting thread hands to the loop's. It knows nothing of gRPC. */
#ifndef RPC_HANDOVER_H
#define RPC_HANDOVER_H

#include <pthread.h>
#include <stdbool.h>

/*
 * What a batch of gRPC carries through its queue: one for each that can be under way, inside of the
 * call it belongs to. Memory is gRPC's own allocator's, which ends the process when there is none.
 */
struct rpc_tag {
	void (*run)(struct rpc_tag *tag, bool ok); /* loop's thread; !ok: it did not happen */
	struct rpc_tag *next;
	bool ok;
};

struct rpc_handover {
	int wake_fd; /* an eventfd, readable while tags wait */
	pthread_mutex_t lock;
	struct rpc_tag *head, **tail; /* under lock */
};

int rpc_handover_init(struct rpc_handover *h); /* -errno: no descriptor */
void rpc_handover_fini(struct rpc_handover *h);
void rpc_handover_put(struct rpc_handover *h, struct rpc_tag *tag, bool ok); /* any thread */
void rpc_handover_run(struct rpc_handover *h); /* those that wait, in order; loop's thread */

#endif
