/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture takes packets out of the pipe's rings as fast as its stream has room, and no faster: what finds
 * no room in the rings meanwhile is counted by the pipe, and stands in the file's statistics.
 */
#include "capture.h"

#include "helper.h"
#include "pcapng.h"
#include "run.h"

#include <weir_capture.h>
#include <weir_ctl.h>

#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PUMP_US     10000
#define AT_ONCE     2048 /* packets; then the loop does other things, too */
#define IFACES_MAX  (2 * WEIR_PIPE_PORTS_MAX)
#define COMPILE_MS  1000 /* longest wait for a filter: it may hold names, and the loop waits */
#define SECONDS_MAX 86400.0
#define SNAPLEN_MIN 16

/* An interface of the file: a port, and the link type of its packets. */
struct iface {
	uint8_t slot, link;
	uint64_t written;
};

struct capture {
	struct captures *cs;
	struct capture *next;
	struct weir_ctl_stream *stream; /* NULL = closed */
	struct weir_capture *source;
	struct weir_filter *filter; /* NULL = all */
	struct event *pump;
	char *expression;
	uint32_t snaplen;
	uint64_t left;   /* packets still to be written */
	uint64_t end_ns; /* monotonic; 0 = none */
	uint64_t start_ns;
	bool stopped; /* what is in the rings is still written */
	uint32_t n_ifaces;
	struct iface ifaces[IFACES_MAX];
};

struct captures {
	struct run *r;
	struct capture *all;
	uint8_t block[PCAPNG_PACKET_MAX(WEIR_FRAME_MAX)]; /* the one being made */
};

/* --- filters, which may take their time --- */

struct compile {
	struct weir_filter_options o;
	struct weir_filter *filter;
	struct weir_err err;
	int done; /* eventfd: the work is over */
};

static void compile_work(void *arg)
{
	struct compile *c = arg;

	c->filter = weir_filter_create(&c->o, &c->err);
	(void)!write(c->done, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* On the loop, later: whoever waited has taken the filter by now, or given up. */
static void compile_over(void *arg)
{
	struct compile *c = arg;

	weir_filter_destroy(c->filter);
	if (c->done >= 0)
		close(c->done);
	free((void *)(uintptr_t)c->o.expression);
	free(c);
}

static int compile(struct helpers *helpers, const char *expression, uint32_t links,
		   struct weir_filter **filter, struct weir_err *err)
{
	struct compile *c = calloc(1, sizeof(*c));
	uint64_t over;

	if (c == NULL)
		return weir_err_set(err, ENOMEM, "filter: no memory");
	c->o = (struct weir_filter_options){ .expression = strdup(expression), .links = links };
	c->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->o.expression == NULL || c->done < 0 ||
	    helpers_start(helpers, "weir-filter", compile_work, compile_over, c) != 0) {
		compile_over(c);
		return weir_err_set(err, ENOMEM, "filter: no memory, or no thread");
	}
	if (poll(&(struct pollfd){ .fd = c->done, .events = POLLIN }, 1, COMPILE_MS) != 1 ||
	    read(c->done, &over, sizeof(over)) != sizeof(over))
		return weir_err_set(err, EBUSY,
				    "filter: takes longer than %d ms to look up its names; write "
				    "addresses instead",
				    COMPILE_MS);
	if (c->filter == NULL)
		return weir_err_set(err, c->err.code, "filter: %.460s", c->err.msg);
	*filter = c->filter;
	c->filter = NULL;
	return 0;
}

/* --- a capture's life --- */

static void capture_free(struct capture *c)
{
	struct capture **at = &c->cs->all;

	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (*at != NULL)
		*at = c->next;
	if (c->pump != NULL)
		event_free(c->pump);
	if (c->source != NULL) {
		weir_capture_stop(c->source);
		weir_capture_destroy(c->source);
	}
	weir_filter_destroy(c->filter);
	free(c->expression);
	free(c);
}

static void on_close(void *arg)
{
	capture_free(arg);
}

static bool put(struct capture *c, size_t len)
{
	return len > 0 && weir_ctl_stream_write(c->stream, c->cs->block, len);
}

static bool put_iface(struct capture *c, uint8_t slot, uint8_t link)
{
	struct pcapng_interface out = {
		.name = "port", .filter = c->expression, .snaplen = c->snaplen, .link = link
	};
	char words[PORT_TAP_MAX + 8] = "removed";

	for (unsigned int i = 0; i < ports_n(c->cs->r->ports); i++) {
		struct port_view v;

		ports_view(c->cs->r->ports, i, &v);
		if (v.slot != slot)
			continue;
		out.name = v.spec->name;
		snprintf(words, sizeof(words), "tap %s", v.spec->tap);
	}
	out.description = words;
	if (c->n_ifaces == IFACES_MAX ||
	    !put(c, pcapng_interface(c->cs->block, sizeof(c->cs->block), &out)))
		return false;
	c->ifaces[c->n_ifaces++] = (struct iface){ .slot = slot, .link = link };
	return true;
}

static bool put_section(struct capture *c, const char *comment)
{
	struct utsname u = { 0 };
	char os[256];
	struct pcapng_section s = { .comment = comment[0] != '\0' ? comment : NULL,
				    .os = os,
				    .application = "weir-agent " WEIR_VERSION };

	uname(&u);
	snprintf(os, sizeof(os), "%.60s %.120s", u.sysname, u.release);
	return put(c, pcapng_section(c->cs->block, sizeof(c->cs->block), &s));
}

/* The interface of a packet, told to the file when it is new: a port may come back as another type. */
static struct iface *iface_of(struct capture *c, const struct weir_captured *p)
{
	for (uint32_t i = 0; i < c->n_ifaces; i++)
		if (c->ifaces[i].slot == p->slot && c->ifaces[i].link == p->link)
			return &c->ifaces[i];
	return put_iface(c, p->slot, p->link) ? &c->ifaces[c->n_ifaces - 1] : NULL;
}

static void put_packet(struct capture *c, const struct weir_captured *p)
{
	struct iface *iface = iface_of(c, p);
	struct pcapng_packet out;

	if (iface == NULL)
		return;
	out = (struct pcapng_packet){
		.interface = (uint32_t)(iface - c->ifaces),
		.caplen = p->caplen,
		.wirelen = p->wirelen,
		.ts_ns = p->ts_ns,
		.vlan_tci = p->vlan_tci,
		.has_vlan = (p->flags & WEIR_FRAME_VLAN) != 0,
		.link = p->link,
		.data = p->data,
	};
	if (!put(c, pcapng_packet(c->cs->block, sizeof(c->cs->block), &out)))
		return;
	iface->written++;
	c->left--;
}

/* A slot is counted as a whole: its first interface tells it. */
static void put_statistics(struct capture *c)
{
	for (uint32_t i = 0; i < c->n_ifaces; i++) {
		struct pcapng_statistics s = { .interface = i,
					       .ts_ns = weir_clock_wall_ns(),
					       .start_ns = c->start_ns,
					       .delivered = c->ifaces[i].written };
		bool first = true;

		for (uint32_t k = 0; k < i; k++)
			first &= c->ifaces[k].slot != c->ifaces[i].slot;
		if (first)
			weir_capture_counts(c->source, c->ifaces[i].slot, &s.received, &s.dropped);
		else
			s.received = s.dropped = UINT64_MAX;
		put(c, pcapng_statistics(c->cs->block, sizeof(c->cs->block), &s));
	}
}

static void finish(struct capture *c)
{
	put_statistics(c);
	weir_ctl_stream_end(c->stream);
	capture_free(c);
}

static void stop(struct capture *c)
{
	if (!c->stopped)
		weir_capture_stop(c->source);
	c->stopped = true;
}

/* Room for the longest packet, a new interface before it, and the statistics at the end. */
static bool has_room(const struct capture *c)
{
	return weir_ctl_stream_room(c->stream) >=
	       PCAPNG_PACKET_MAX(c->snaplen) + PCAPNG_HEAD_MAX + IFACES_MAX * 128;
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;
	struct weir_captured p;
	bool empty = false;

	(void)fd;
	(void)what;
	if (c->end_ns != 0 && weir_clock_mono_ns() >= c->end_ns)
		stop(c);
	for (unsigned int i = 0; i < AT_ONCE && c->left > 0 && !empty && has_room(c); i++) {
		empty = !weir_capture_next(c->source, &p);
		if (!empty)
			put_packet(c, &p);
	}
	if (c->left == 0)
		stop(c);
	if (c->left == 0 || (c->stopped && empty))
		finish(c);
}

static void on_finish(void *arg)
{
	stop(arg); /* what is in the rings follows, then the end */
}

/* --- what is asked for --- */

static const char *text_arg(const json_t *args, const char *key)
{
	const char *text = json_string_value(json_object_get(args, key));

	return text != NULL ? text : "";
}

/* A number within [0, max] or `dflt`; -1 with `err` set when it is another. */
static double number_arg(const json_t *args, const char *key, double dflt, double max,
			 struct weir_err *err)
{
	const json_t *v = json_object_get(args, key);
	const double n = v == NULL || json_is_null(v) ? dflt : json_number_value(v);

	if (n >= 0 && n <= max && (v == NULL || json_is_null(v) || json_is_number(v)))
		return n;
	weir_err_set(err, EINVAL, "%s: a number from 0 to %.0f is needed", key, max);
	return -1;
}

static int numbers(struct capture *c, const json_t *args, struct weir_err *err)
{
	const double count = number_arg(args, "count", 0, 1e15, err);
	const double seconds = number_arg(args, "seconds", 0, SECONDS_MAX, err);
	const double snaplen = number_arg(args, "snaplen", 0, WEIR_FRAME_MAX, err);

	if (count < 0 || seconds < 0 || snaplen < 0)
		return -EINVAL;
	if (snaplen != 0 && snaplen < SNAPLEN_MIN)
		return weir_err_set(err, EINVAL, "snaplen: at least %d bytes", SNAPLEN_MIN);
	c->left = count > 0 ? (uint64_t)count : UINT64_MAX;
	c->snaplen = snaplen > 0 ? (uint32_t)snaplen : WEIR_FRAME_MAX;
	if (seconds > 0)
		c->end_ns = weir_clock_mono_ns() + (uint64_t)(seconds * 1e9);
	return 0;
}

static bool is_wanted(const struct port_view *v, const char *port, const char *tap)
{
	return port[0] != '\0' ? strcmp(v->spec->name, port) == 0 : strcmp(v->spec->tap, tap) == 0;
}

/* Names of all, for who wrote another. */
static int no_such(const struct captures *cs, const char *port, const char *tap,
		   struct weir_err *err)
{
	char names[300] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < ports_n(cs->r->ports) && len < sizeof(names) - 80; i++) {
		struct port_view v;

		ports_view(cs->r->ports, i, &v);
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s of tap %s",
					i > 0 ? ", " : "", v.spec->name, v.spec->tap);
	}
	return weir_err_set(err, ENOENT, "%s %.60s: not there; there are: %s",
			    port[0] != '\0' ? "port" : "tap", port[0] != '\0' ? port : tap, names);
}

static int choose(const struct captures *cs, const json_t *args, uint64_t *slots, uint32_t *links,
		  struct weir_err *err)
{
	const char *port = text_arg(args, "port"), *tap = text_arg(args, "tap");

	if ((port[0] != '\0') == (tap[0] != '\0'))
		return weir_err_set(err, EINVAL, "capture: a port or a tap is needed, by its name");
	*slots = 0;
	*links = 0;
	for (unsigned int i = 0; i < ports_n(cs->r->ports); i++) {
		struct port_view v;

		ports_view(cs->r->ports, i, &v);
		if (!is_wanted(&v, port, tap))
			continue;
		*slots |= UINT64_C(1) << v.slot;
		*links |= v.links;
	}
	return *slots != 0 ? 0 : no_such(cs, port, tap, err);
}

/* The file's head: each port that is open, with the link type it has. */
static bool put_head(struct capture *c, const char *comment, uint64_t slots)
{
	bool ok = put_section(c, comment);

	for (unsigned int i = 0; i < ports_n(c->cs->r->ports) && ok; i++) {
		struct port_view v;

		ports_view(c->cs->r->ports, i, &v);
		if ((slots >> v.slot & 1) != 0 && v.link != WEIR_LINK_UNKNOWN)
			ok = put_iface(c, v.slot, v.link);
	}
	return ok;
}

static int begin(struct capture *c, const json_t *args, struct weir_err *err)
{
	const struct timeval every = { .tv_usec = PUMP_US };
	struct weir_capture_options o = { .snaplen = 0 };
	const char *filter = text_arg(args, "filter");
	uint32_t links = 0;
	int rc = choose(c->cs, args, &o.slots, &links, err);

	if (rc == 0)
		rc = numbers(c, args, err);
	if (rc == 0 && filter[0] != '\0')
		rc = compile(c->cs->r->helpers, filter, links != 0 ? links : 1u << WEIR_LINK_ETHER,
			     &c->filter, err);
	if (rc != 0)
		return rc;
	o.filter = c->filter;
	o.snaplen = c->snaplen;
	c->expression = strdup(filter);
	c->start_ns = weir_clock_wall_ns();
	c->pump = event_new(c->cs->r->base, -1, EV_PERSIST, on_pump, c);
	if (c->expression == NULL || c->pump == NULL)
		return weir_err_set(err, ENOMEM, "capture: no memory");
	c->source = weir_capture_start(c->cs->r->pipe, &o, err);
	if (c->source == NULL)
		return -err->code;
	if (!put_head(c, text_arg(args, "comment"), o.slots))
		return weir_err_set(err, ENOMEM, "capture: no room for the head of the file");
	event_add(c->pump, &every);
	return 0;
}

int captures_add(struct captures *cs, const json_t *args, struct weir_ctl_stream *s,
		 struct weir_err *err)
{
	struct capture *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return weir_err_set(err, ENOMEM, "capture: no memory");
	c->cs = cs;
	c->stream = s;
	rc = begin(c, args, err);
	if (rc != 0) {
		capture_free(c);
		return rc;
	}
	c->next = cs->all;
	cs->all = c;
	weir_ctl_stream_on_finish(s, on_finish, c);
	weir_ctl_stream_on_close(s, on_close, c);
	return 0;
}

struct captures *captures_create(struct run *r, struct weir_err *err)
{
	struct captures *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		weir_err_set(err, ENOMEM, "captures: no memory");
	else
		cs->r = r;
	return cs;
}

void captures_destroy(struct captures *cs)
{
	if (cs == NULL)
		return;
	for (struct capture *c = cs->all, *next; c != NULL; c = next) {
		next = c->next;
		capture_free(c);
	}
	free(cs);
}
