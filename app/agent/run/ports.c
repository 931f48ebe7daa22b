/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"
#include "ports_priv.h"

#include <weir_eal.h>
#include <weir_source_afpacket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_FIRST_S 1
#define RETRY_MAX_S   30
#define DPDK_PORT_BYTES \
	(UINT64_C(48) << 20) /* packets of one port; the EAL starts with room for some */
#define DPDK_PORTS 4
#define LOOK_NS    WEIR_NS_PER_S

const char *const port_state_names[] = { "opening", "up", "down", "gone", "failed", "paused" };

static void state_set(struct port *p, enum port_state state)
{
	if (p->state == state && p->since_us != 0)
		return;
	p->state = state;
	p->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
}

/* --- what the pipe reads --- */

static void publish_tap(struct ports *ps, struct published *next, uint8_t number,
			unsigned int *used)
{
	struct weir_pipe_tap *tap = &next->taps[next->list.n];

	*tap = (struct weir_pipe_tap){ .number = number,
				       .filter = ps->filters[number],
				       .ports = &next->ports[*used] };
	for (unsigned int i = 0; i < ps->n; i++) {
		const struct port *p = ps->all[i];

		if (p->phase != RUNNING || p->spec.tap_number != number)
			continue;
		next->ports[(*used)++] = (struct weir_pipe_port){ .source = p->source,
								  .slot = p->slot };
		tap->n_ports++;
	}
	if (tap->n_ports > 0)
		next->list.n++;
}

uint32_t ports_links_of_tap(const struct ports *ps, uint8_t number)
{
	uint32_t links = 0;

	for (unsigned int i = 0; i < ps->n; i++)
		if (ps->all[i]->phase == RUNNING && ps->all[i]->spec.tap_number == number)
			links |= ps->all[i]->links;
	return links;
}

/* Filters of taps that have no port any more go with them. */
int ports_publish(struct ports *ps)
{
	struct published *next = &ps->sets[!ps->set];
	unsigned int used = 0;

	next->list = (struct weir_pipe_taps){ .taps = next->taps };
	for (unsigned int number = 1; number <= WEIR_TAP_MAX; number++)
		publish_tap(ps, next, (uint8_t)number, &used);
	if (weir_pipe_taps_set(ps->pipe, &next->list) != 0)
		return -ENOMEM;
	ps->set = !ps->set;
	for (unsigned int number = 1; number <= WEIR_TAP_MAX; number++) {
		if (ps->filters[number] == NULL || ports_links_of_tap(ps, (uint8_t)number) != 0)
			continue;
		weir_filter_destroy(ps->filters[number]);
		ps->filters[number] = NULL;
	}
	return 0;
}

/* --- a port comes and goes --- */

static void work_free(struct port_work *w)
{
	free((void *)(uintptr_t)w->expression);
	free(w);
}

void ports_forget(struct port *p)
{
	struct ports *ps = p->ps;

	for (unsigned int i = 0; i < ps->n; i++)
		if (ps->all[i] == p) {
			ps->all[i] = ps->all[--ps->n];
			break;
		}
	free(p->expression);
	free(p);
}

void ports_retry(struct port *p)
{
	p->phase = WAITING;
	p->retry_ns = 0;
	p->retry_s = 0;
}

static void retry_later(struct port *p)
{
	p->phase = WAITING;
	p->retry_s = p->retry_s == 0 ? RETRY_FIRST_S
				     : (uint32_t)weir_min_u64(2 * p->retry_s, RETRY_MAX_S);
	p->retry_ns = weir_clock_mono_ns() + p->retry_s * WEIR_NS_PER_S;
}

static void failed(struct port *p, const struct weir_err *err)
{
	/* Once, and again when the reason is another one: it may take days. */
	if (p->state != PORT_FAILED || strcmp(p->err.msg, err->msg) != 0)
		weir_log_about(WEIR_LOG_ERR, "port", p->spec.name,
			       "%s; it is tried again, the rest goes on", err->msg);
	p->err = *err;
	state_set(p, PORT_FAILED);
	retry_later(p);
}

static void closed(void *arg)
{
	struct port_work *w = arg;
	struct port *p = w->port;

	p->missed_before += w->missed;
	p->missed_known |= w->missed_known;
	p->missed = 0;
	p->downs_before += p->downs;
	p->returns_before += p->returns;
	p->downs = p->returns = 0;
	p->counters_before.linearised += p->counters.linearised;
	p->counters_before.cut += p->counters.cut;
	p->counters_before.torn += p->counters.torn;
	p->counters = (struct weir_ethdev_counters){ 0 };
	p->work = NULL;
	work_free(w);
	ports_retry(p);
	if (p->removed)
		ports_forget(p);
}

/* The pipe has let go of it. */
void ports_close(struct port *p, struct weir_source *source)
{
	struct port_work *w = p->work;

	if (w == NULL)
		w = calloc(1, sizeof(*w));
	if (w == NULL) { /* nobody can be told what was missed */
		source->ops->stop(source);
		source->ops->close(source);
		ports_retry(p);
		return;
	}
	w->port = p;
	w->source = source;
	p->work = w;
	p->source = NULL;
	if (p->ps->paused)
		state_set(p, PORT_PAUSED);
	else if (p->state != PORT_GONE)
		state_set(p, PORT_OPENING);
	p->phase = CLOSING;
	if (helpers_start(p->ps->helpers, "weir-port", port_work_close, closed, w) != 0) {
		port_work_close(w);
		closed(w);
	}
}

/* The filter that its helper made is for all link types of the tap, unless another joined meanwhile. */
static bool filter_fits(const struct port *p, const struct port_work *w)
{
	return p->expression[0] == '\0' ||
	       (ports_links_of_tap(p->ps, p->spec.tap_number) & ~w->links) == 0;
}

static void port_look(struct port *p);

/* False: the pipe has no memory for one more; nothing is changed. */
static bool run(struct port *p, struct port_work *w)
{
	struct weir_filter **filter = &p->ps->filters[p->spec.tap_number];
	struct weir_filter *old = *filter;

	p->source = w->source;
	p->link = w->link;
	p->links = w->links != 0 ? w->links : 1u << WEIR_LINK_ETHER;
	p->phase = RUNNING;
	*filter = w->filter;
	if (ports_publish(p->ps) != 0) {
		*filter = old;
		p->source = NULL;
		p->phase = OPENING;
		return false;
	}
	weir_filter_destroy(old);
	p->returns_before += p->gone;
	p->gone = false;
	p->retry_s = 0;
	p->err.code = 0;
	p->work = NULL;
	work_free(w);
	state_set(p, PORT_UP);
	weir_log_about(WEIR_LOG_INFO, "port", p->spec.name, "open, %u queue%s, tap %s",
		       p->source->queues, p->source->queues == 1 ? "" : "s", p->spec.tap);
	port_look(p); /* open is not connected */
	return true;
}

static void opened(void *arg)
{
	struct port_work *w = arg;
	struct port *p = w->port;
	const bool wanted = !p->removed && !p->stale && !p->ps->stopping && !p->ps->paused;

	p->tried = true;
	p->stale = false;
	if (w->source != NULL && wanted && filter_fits(p, w) && run(p, w))
		return;
	weir_filter_destroy(w->filter);
	w->filter = NULL;
	if (w->source != NULL) {
		ports_close(p, w->source);
		return;
	}
	p->work = NULL;
	if (wanted)
		failed(p, &w->err);
	else
		ports_retry(p);
	work_free(w);
	if (p->removed)
		ports_forget(p);
}

static int open_start(struct port *p, struct weir_err *err)
{
	const struct weir_eal_options eal = {
		.memory_bytes = DPDK_PORTS * DPDK_PORT_BYTES,
		.pinned = strncmp(p->spec.device, "net_", 4) != 0,
	};
	struct port_work *w;
	int rc;

	/* Here, not in a helper: the thread that starts it has to stay. */
	if (!p->spec.kernel && weir_eal_start(&eal, err) != 0)
		return -err->code;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return weir_err_set(err, ENOMEM, "no memory to open it");
	w->port = p;
	w->spec = p->spec;
	w->links = ports_links_of_tap(p->ps, p->spec.tap_number);
	w->expression = strdup(p->expression);
	p->work = w;
	p->phase = OPENING;
	rc = w->expression == NULL
		     ? -ENOMEM
		     : helpers_start(p->ps->helpers, "weir-port", port_work_open, opened, w);
	if (rc == 0)
		return 0;
	p->work = NULL;
	work_free(w);
	return weir_err_set(err, -rc, "no thread to open it: %s", strerror(-rc));
}

static void open_or_fail(struct port *p)
{
	struct weir_err err = { 0 };

	if (open_start(p, &err) == 0)
		return;
	p->tried = true;
	failed(p, &err);
}

/* Those that the configuration wants no more, or wants otherwise: the pipe is to let go of them first. */
void ports_leave(struct ports *ps)
{
	ps->leaving = ports_publish(ps) != 0; /* no memory: again with the next tick */
	for (unsigned int i = ps->n;
	     i-- > 0;) { /* backwards: the last one takes a forgotten one's place */
		struct port *p = ps->all[i];

		if (p->phase == CLOSING && p->source != NULL && !ps->leaving)
			ports_close(p, p->source);
		else if (p->phase == WAITING && p->removed)
			ports_forget(p);
	}
}

/* --- looking after them --- */

static void link_say(const struct port *p, enum port_state state, const struct weir_err *err)
{
	if (state == p->state)
		return;
	if (state == PORT_UP)
		weir_log_about(WEIR_LOG_INFO, "port", p->spec.name, "link up");
	else if (state == PORT_DOWN)
		weir_log_about(WEIR_LOG_WARN, "port", p->spec.name,
			       "link down, no packets until it is back");
	else if (state == PORT_GONE)
		weir_log_about(WEIR_LOG_WARN, "port", p->spec.name,
			       "gone, no packets until it is back");
	else if (state == PORT_FAILED)
		weir_log_about(WEIR_LOG_ERR, "port", p->spec.name, "%s", err->msg);
}

static void kernel_look(struct port *p)
{
	static const enum port_state of_link[] = {
		[WEIR_AFPACKET_UP] = PORT_UP,
		[WEIR_AFPACKET_DOWN] = PORT_DOWN,
		[WEIR_AFPACKET_GONE] = PORT_GONE,
	};
	struct weir_afpacket_state st;
	enum port_state state;

	weir_source_afpacket_state(p->source, &st);
	state = st.err.code != 0 ? PORT_FAILED : of_link[st.link];
	link_say(p, state, &st.err);
	p->err = st.err;
	p->downs = st.downs;
	p->returns = st.returns;
	state_set(p, state);
}

/* A device that is gone has to be opened anew; the pipe lets go of it first. */
static void device_look(struct port *p)
{
	static const enum port_state of_link[] = {
		[WEIR_ETHDEV_UP] = PORT_UP,
		[WEIR_ETHDEV_DOWN] = PORT_DOWN,
		[WEIR_ETHDEV_GONE] = PORT_GONE,
	};
	struct weir_ethdev_state st;

	weir_source_ethdev_state(p->source, &st);
	weir_source_ethdev_counters(p->source, &p->counters);
	link_say(p, of_link[st.link], &st.err);
	p->err = st.err;
	p->downs = st.downs;
	p->returns = st.returns;
	p->speed_mbps = st.speed_mbps;
	snprintf(p->driver, sizeof(p->driver), "%s", st.driver);
	state_set(p, of_link[st.link]);
	if (st.link != WEIR_ETHDEV_GONE)
		return;
	p->gone = true;
	p->phase = CLOSING;
	ports_leave(p->ps);
}

static void port_look(struct port *p)
{
	if (p->spec.kernel)
		kernel_look(p);
	else
		device_look(p);
}

static void missed_look(struct port *p)
{
	if (p->phase == RUNNING)
		p->missed_known = p->source->ops->missed(p->source, &p->missed);
}

static uint64_t missed_of(const struct port *p)
{
	return p->missed_before + p->missed;
}

static void accounting_of(const struct port *p, struct weir_accounting *a)
{
	weir_pipe_port_accounting(p->ps->pipe, p->slot, a);
	a->received -= p->base.received;
	a->bytes -= p->base.bytes;
	a->late -= p->base.late;
	for (int i = 0; i < WEIR_OUTCOMES; i++)
		a->outcomes[i] -= p->base.outcomes[i];
}

static void counters_look(struct port *p, uint64_t now_ns)
{
	struct weir_accounting a;

	p->look_ns = now_ns;
	missed_look(p);
	accounting_of(p, &a);
	for (int i = 0; i < WEIR_OUTCOMES; i++)
		trend_look(&p->outcomes[i], a.outcomes[i], now_ns);
	trend_look(&p->missing, missed_of(p), now_ns);
	trend_look(&p->received, a.received, now_ns);
}

static void port_tick(struct port *p, uint64_t now_ns)
{
	if (now_ns - p->look_ns >= LOOK_NS)
		counters_look(p, now_ns);
	if (p->phase == WAITING && p->ps->paused)
		state_set(p, PORT_PAUSED);
	else if (p->phase == WAITING && now_ns >= p->retry_ns)
		open_or_fail(p);
	else if (p->phase == RUNNING)
		port_look(p);
}

void ports_tick(struct ports *ps)
{
	const uint64_t now_ns = weir_clock_mono_ns();

	if (ps->leaving)
		ports_leave(ps);
	for (unsigned int i = ps->n; i-- > 0 && !ps->stopping;) /* one may be forgotten */
		if (i < ps->n)
			port_tick(ps->all[i], now_ns);
}

static void pause_port(struct port *p)
{
	if (p->phase == RUNNING)
		p->phase = CLOSING; /* its source is still here: ports_leave() follows */
	if (p->phase == WAITING)
		ports_retry(p);
	state_set(p, PORT_PAUSED);
}

void ports_pause(struct ports *ps, unsigned int reason, bool on)
{
	const unsigned int before = ps->paused;

	ps->paused = on ? before | reason : before & ~reason;
	if ((before != 0) == (ps->paused != 0))
		return;
	for (unsigned int i = 0; i < ps->n; i++) {
		if (ps->paused)
			pause_port(ps->all[i]);
		else
			state_set(ps->all[i], PORT_OPENING);
	}
	if (ps->paused)
		ports_leave(ps);
}

unsigned int ports_paused(const struct ports *ps)
{
	return ps->paused;
}

struct ports *ports_create(struct weir_pipe *pipe, struct helpers *helpers, uint32_t workers,
			   struct weir_err *err)
{
	struct ports *ps = calloc(1, sizeof(*ps));

	if (ps == NULL) {
		weir_err_set(err, ENOMEM, "ports: no memory");
		return NULL;
	}
	ps->pipe = pipe;
	ps->helpers = helpers;
	ps->workers = workers;
	return ps;
}

void ports_look(struct ports *ps)
{
	for (unsigned int i = 0; i < ps->n; i++)
		missed_look(ps->all[i]);
}

unsigned int ports_n(const struct ports *ps)
{
	return ps->n;
}

void ports_view(const struct ports *ps, unsigned int i, struct port_view *v)
{
	const struct port *p = ps->all[i];
	const uint64_t now_ns = weir_clock_mono_ns();

	*v = (struct port_view){
		.spec = &p->spec,
		.state = p->state,
		.since_us = p->since_us,
		.err = &p->err,
		.slot = p->slot,
		.link = p->phase == RUNNING ? p->link : WEIR_LINK_UNKNOWN,
		.links = ports_links_of_tap(ps, p->spec.tap_number),
		.queues = p->source != NULL ? p->source->queues : p->spec.queues,
		.missed_known = p->missed_known,
		.missed = missed_of(p),
		.linearised = p->counters_before.linearised + p->counters.linearised,
		.cut = p->counters_before.cut + p->counters.cut,
		.torn = p->counters_before.torn + p->counters.torn,
		.device_driver = p->driver[0] != '\0' ? p->driver : NULL,
		.speed_mbps = p->speed_mbps,
		.downs = p->downs_before + p->downs,
		.returns = p->returns_before + p->returns,
		.outcomes = p->outcomes,
		.missing = &p->missing,
		.received = &p->received,
	};
	if (p->phase == WAITING && p->retry_ns > now_ns)
		v->retry_s = (uint32_t)((p->retry_ns - now_ns) / WEIR_NS_PER_S) + 1;
	accounting_of(p, &v->acc);
}

bool ports_all_tried(const struct ports *ps)
{
	for (unsigned int i = 0; i < ps->n; i++)
		if (!ps->all[i]->tried)
			return false;
	return true;
}

bool ports_stop(struct ports *ps, unsigned int seconds)
{
	const uint64_t end_ns = weir_clock_mono_ns() + seconds * WEIR_NS_PER_S;

	ps->stopping = true;
	for (unsigned int i = 0; i < ps->n; i++) {
		struct port *p = ps->all[i];

		if (p->phase == RUNNING)
			ports_close(p, p->source);
	}
	while (helpers_busy(ps->helpers) > 0 && weir_clock_mono_ns() < end_ns) {
		usleep(1000);
		helpers_settle(ps->helpers);
	}
	return helpers_busy(ps->helpers) == 0;
}

void ports_destroy(struct ports *ps)
{
	if (ps == NULL)
		return;
	for (unsigned int number = 0; number <= WEIR_TAP_MAX; number++)
		weir_filter_destroy(ps->filters[number]);
	while (ps->n > 0)
		ports_forget(ps->all[0]);
	free(ps);
}
