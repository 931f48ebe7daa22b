/* SPDX-License-Identifier: Apache-2.0 */
/* From what is said of a port to a source that is started, and back. Helper threads. */
#include "capabilities.h"
#include "port.h"

#include <weir_source_afpacket.h>
#include <weir_source_ethdev.h>

#include <errno.h>
#include <linux/filter.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_LINKS (1u << WEIR_LINK_ETHER)

static const char *netns_of(const struct port_spec *s)
{
	return s->netns[0] != '\0' ? s->netns : NULL;
}

int port_links(const struct port_spec *s, uint32_t *links, struct weir_err *err)
{
	enum weir_link link = WEIR_LINK_ETHER;
	int rc = 0;

	if (s->kernel)
		rc = weir_source_afpacket_link(s->name, netns_of(s), &link, err);
	*links = link == WEIR_LINK_UNKNOWN ? 0 : 1u << link;
	return rc;
}

/* EAL's ports come and go one at a time. */
static pthread_mutex_t devices = PTHREAD_MUTEX_INITIALIZER;

static void one_at_a_time(const struct port_spec *s, bool begin)
{
	if (s->kernel)
		return;
	if (begin)
		pthread_mutex_lock(&devices);
	else
		pthread_mutex_unlock(&devices);
}

/* Where the kernel cannot be asked, opening the device will say why. */
static int spare_the_host(const struct port_spec *s, struct weir_err *err)
{
	if (!s->kernel && !s->exclusive && weir_ethdev_host_uses(s->device, err) == -EBUSY)
		return -EBUSY;
	err->code = 0;
	return 0;
}

static struct weir_filter *filter_make(const struct port_work *w, struct weir_err *err)
{
	const struct weir_filter_options o = {
		.expression = w->expression,
		.links = w->links != 0 ? w->links : DEFAULT_LINKS,
	};
	struct weir_filter *f = weir_filter_create(&o, err);
	char why[sizeof(err->msg)];

	if (f != NULL)
		return f;
	snprintf(why, sizeof(why), "%s", err->msg);
	weir_err_set(err, err->code, "tap %s: filter: %.400s", w->spec.tap, why);
	return NULL;
}

void port_work_filter(void *work)
{
	struct port_work *w = work;

	w->filter = filter_make(w, &w->err);
}

struct sock_filter *port_filter_classic(const struct weir_filter *f, const struct port_spec *s,
					uint8_t link, uint16_t *len)
{
	struct sock_filter *prog = NULL;
	int n = 0;

	if (f != NULL && link != WEIR_LINK_UNKNOWN)
		prog = calloc(WEIR_FILTER_CLASSIC_MAX, sizeof(*prog));
	if (prog != NULL)
		n = weir_filter_classic(f, (enum weir_link)link,
					s->snaplen != 0 ? s->snaplen : WEIR_FRAME_MAX, prog,
					WEIR_FILTER_CLASSIC_MAX);
	*len = n > 0 ? (uint16_t)n : 0;
	if (n > 0)
		return prog;
	free(prog);
	return NULL;
}

static struct weir_source *kernel_create(const struct port_work *w, struct weir_err *err)
{
	uint16_t len;
	struct sock_filter *prog = port_filter_classic(w->filter, &w->spec, w->link, &len);
	const struct weir_afpacket_options o = {
		.interface = w->spec.name,
		.netns = netns_of(&w->spec),
		.queues = w->spec.queues,
		.memory_bytes = (uint64_t)w->spec.memory_mib << 20,
		.snaplen = w->spec.snaplen,
		.promiscuous = w->spec.promiscuous,
		.ignore_outgoing = w->spec.ignore_outgoing,
		.filter = prog,
		.filter_len = len,
	};
	struct weir_source *src = weir_source_afpacket_create(&o, err);

	free(prog);
	return src;
}

static struct weir_source *device_create(const struct port_work *w, struct weir_err *err)
{
	const struct weir_ethdev_options o = {
		.device = w->spec.device,
		.queues = w->spec.queues,
		.numa = -1,
		.snaplen = w->spec.snaplen,
		.promiscuous = w->spec.promiscuous,
	};

	return weir_source_ethdev_create(&o, err);
}

static int open_and_start(struct port_work *w)
{
	struct weir_source *src = w->spec.kernel ? kernel_create(w, &w->err)
						 : device_create(w, &w->err);
	int rc;

	if (src == NULL)
		return -w->err.code;
	rc = src->ops->open(src, &w->err);
	if (rc == 0)
		rc = src->ops->start(src, &w->err);
	if (rc != 0) {
		src->ops->close(src);
		return rc;
	}
	w->source = src;
	return 0;
}

/* A port that failed where a capability is missing failed for that, whatever the driver says. */
static void lacking_say(struct port_work *w)
{
	char why[sizeof(w->err.msg)], lacking[240];

	if (!capabilities_lacking(port_kind(w->spec.kernel ? "if:" : w->spec.device, w->spec.netns),
				  lacking, sizeof(lacking)))
		return;
	snprintf(why, sizeof(why), "%s", w->err.msg);
	weir_err_set(&w->err, w->err.code, "%.220s; this process lacks %s", why, lacking);
}

static void open_whole(struct port_work *w)
{
	uint32_t own_link;
	int rc = spare_the_host(&w->spec, &w->err);

	if (rc == 0)
		rc = port_links(&w->spec, &own_link, &w->err);
	if (rc != 0)
		return;
	w->links |= own_link;
	w->link = own_link != 0 ? (uint8_t)__builtin_ctz(own_link) : WEIR_LINK_UNKNOWN;
	if (w->expression != NULL && w->expression[0] != '\0') {
		w->filter = filter_make(w, &w->err);
		if (w->filter == NULL)
			return;
	}
	one_at_a_time(&w->spec, true);
	rc = open_and_start(w);
	one_at_a_time(&w->spec, false);
	if (rc != 0) {
		weir_filter_destroy(w->filter);
		w->filter = NULL;
	}
}

void port_work_open(void *work)
{
	struct port_work *w = work;

	open_whole(w);
	if (w->source == NULL && w->err.code != EBUSY && !(w->spec.kernel && w->err.code == ENODEV))
		lacking_say(w);
}

static void missed_look(struct port_work *w)
{
	uint64_t missed;

	if (!w->source->ops->missed(w->source, &missed))
		return;
	w->missed = weir_max_u64(w->missed, missed);
	w->missed_known = true;
}

void port_work_close(void *work)
{
	struct port_work *w = work;

	one_at_a_time(&w->spec, true);
	missed_look(w); /* some know nothing once they are stopped, some know all only then */
	w->source->ops->stop(w->source);
	missed_look(w);
	w->source->ops->close(w->source);
	one_at_a_time(&w->spec, false);
	w->source = NULL;
}
