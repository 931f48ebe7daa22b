/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC does its network work, TLS included, inside of the call that waits for its queue, and has no
 * descriptor to wait for. So one thread only waits, and hands what it gets to the loop: a list and an
 * eventfd. All else is done on the loop's thread, and needs no lock.
 */
#include "rpc_priv.h"

#include <event2/event.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

/* What gRPC says, it says about peers; ours says which call failed. */
static void on_log(gpr_log_func_args *args)
{
	weir_log(args->severity == GPR_LOG_SEVERITY_ERROR ? WEIR_LOG_WARN : WEIR_LOG_DEBUG,
		 "grpc: %s", args->message);
}

static void *wait_main(void *arg)
{
	struct weir_rpc *rpc = arg;

	for (;;) {
		grpc_event ev = grpc_completion_queue_next(rpc->cq,
							   gpr_inf_future(GPR_CLOCK_REALTIME),
							   NULL);

		if (ev.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		rpc_handover_put(&rpc->handover, ev.tag, ev.success);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	rpc_handover_run(arg);
}

/* gRPC's threads and ours leave signals to the others: they inherit the mask of this moment. */
static int start(struct weir_rpc *rpc)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	gpr_set_log_function(on_log);
	grpc_init();
	rpc->cq = grpc_completion_queue_create_for_next(NULL);
	rc = pthread_create(&rpc->thread, NULL, wait_main, rpc);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0) {
		pthread_setname_np(rpc->thread, "weir-rpc");
		return 0;
	}
	grpc_completion_queue_shutdown(rpc->cq);
	grpc_completion_queue_next(rpc->cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	grpc_completion_queue_destroy(rpc->cq);
	grpc_shutdown();
	return -rc;
}

struct weir_rpc *weir_rpc_create(struct event_base *base, struct weir_err *err)
{
	struct weir_rpc *rpc = calloc(1, sizeof(*rpc));
	int rc = -ENOMEM;

	if (rpc == NULL)
		goto err_say;
	LIST_INIT(&rpc->channels);
	LIST_INIT(&rpc->servers);
	rpc->base = base;
	rc = rpc_handover_init(&rpc->handover);
	if (rc < 0)
		goto err_free;
	rc = -ENOMEM;
	rpc->wake = event_new(base, rpc->handover.wake_fd, EV_READ | EV_PERSIST, on_wake,
			      &rpc->handover);
	if (rpc->wake == NULL || event_add(rpc->wake, NULL) < 0)
		goto err_wake;
	rc = start(rpc);
	if (rc == 0)
		return rpc;
err_wake:
	if (rpc->wake != NULL)
		event_free(rpc->wake);
	rpc_handover_fini(&rpc->handover);
err_free:
	free(rpc);
err_say:
	weir_err_set(err, -rc, "calls to a controller: cannot start their thread: %s",
		     strerror(-rc));
	return NULL;
}

static void end_all(struct weir_rpc *rpc)
{
	struct weir_rpc_server *s = LIST_FIRST(&rpc->servers);

	while (!LIST_EMPTY(&rpc->channels))
		weir_rpc_channel_close(LIST_FIRST(&rpc->channels));
	for (; s != NULL; s = LIST_NEXT(s, entry)) {
		weir_rpc_server_stop(s, 0, NULL, NULL);
		rpc_server_cancel(s); /* of one that was stopping already, too */
	}
}

/* A batch started after the queue is shut down ends the process: so that comes when nothing is left. */
void weir_rpc_destroy(struct weir_rpc *rpc)
{
	if (rpc == NULL)
		return;
	end_all(rpc);
	while (rpc->live > 0) {
		poll(&(struct pollfd){ .fd = rpc->handover.wake_fd, .events = POLLIN }, 1, -1);
		rpc_handover_run(&rpc->handover);
		end_all(rpc); /* a callback may have started something */
	}
	grpc_completion_queue_shutdown(rpc->cq);
	pthread_join(rpc->thread, NULL);
	grpc_completion_queue_destroy(rpc->cq);
	event_free(rpc->wake);
	rpc_handover_fini(&rpc->handover);
	free(rpc);
	grpc_shutdown();
}
