/* SPDX-License-Identifier: Apache-2.0 */
/* A filter: one program for each link type, run over frames. */
#include "filter_priv.h"
#include "view.h"

#include <weir_filter.h>
#include <weir_stats.h>

#include <pcap/pcap.h>

#include <errno.h>
#include <stdlib.h>

static int program_init(struct program *p, unsigned int index, const char *text, bool interpret,
			struct weir_err *err)
{
	int rc = weir_pattern_pcap(text, index, &p->classic, err);

	return rc != 0 ? rc : filter_load(p, text, interpret, err);
}

static int programs_init(struct weir_filter *f, const struct weir_filter_options *o,
			 const char *text, struct weir_err *err)
{
	int rc = 0;

	for (unsigned int i = WEIR_LINK_ETHER; i < WEIR_PATTERN_PROGRAMS && rc == 0; i++) {
		unsigned int link = i == WEIR_PATTERN_LOOP ? WEIR_LINK_NULL : i;

		if (o->links & 1u << link)
			rc = program_init(&f->programs[i], i, text, o->interpret, err);
	}
	return rc;
}

struct weir_filter *weir_filter_create(const struct weir_filter_options *o, struct weir_err *err)
{
	const char *text = o->expression != NULL ? o->expression : "";
	struct weir_filter *f;

	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		weir_pattern_refuse(err, ENOMEM, text, "no memory");
		return NULL;
	}
	if (programs_init(f, o, text, err) != 0) {
		weir_filter_destroy(f);
		return NULL;
	}
	return f;
}

void weir_filter_destroy(struct weir_filter *f)
{
	if (f == NULL)
		return;
	for (unsigned int i = 0; i < WEIR_PATTERN_PROGRAMS; i++) {
		rte_bpf_destroy(f->programs[i].bpf);
		pcap_freecode(&f->programs[i].classic);
	}
	free(f);
}

bool weir_filter_is_native(const struct weir_filter *f)
{
	for (unsigned int i = 0; i < WEIR_PATTERN_PROGRAMS; i++) {
		if (f->programs[i].classic.bf_len > 0 && f->programs[i].native == NULL)
			return false;
	}
	return true;
}

/* BSD loopback has its family in the byte order of whoever captured: a family is a small number. */
static bool is_network_order(const struct weir_frame *frame)
{
	return frame->caplen >= 2 && frame->data[0] == 0 && frame->data[1] == 0;
}

static const struct program *program_of(const struct weir_filter *f, const struct weir_frame *frame)
{
	if (weir_unlikely(frame->link >= WEIR_LINKS))
		return &f->programs[WEIR_LINK_UNKNOWN];
	if (weir_unlikely(frame->link == WEIR_LINK_NULL && is_network_order(frame)))
		return &f->programs[WEIR_PATTERN_LOOP];
	return &f->programs[frame->link];
}

static bool matches(const struct weir_filter *f, const struct weir_frame *frame, struct view *v)
{
	const struct program *p = program_of(f, frame);

	if (weir_likely(p->native != NULL))
		return p->native(view_of(v, frame)) != 0;
	if (p->bpf != NULL)
		return rte_bpf_exec(p->bpf, view_of(v, frame)) != 0;
	return p->classic.bf_len > 0 && filter_exec(p->classic.bf_insns, frame);
}

bool weir_filter_match(const struct weir_filter *f, const struct weir_frame *frame)
{
	struct view v; /* filled as far as it is read */

	return matches(f, frame, &v);
}

void weir_filter_burst(const struct weir_filter *f, const struct weir_frame *frames, unsigned int n,
		       uint8_t *outcomes)
{
	struct view v; /* filled as far as it is read */

	for (unsigned int i = 0; i < n; i++) {
		if (weir_likely(outcomes[i] == WEIR_OUTCOME_FLOW) && !matches(f, &frames[i], &v))
			outcomes[i] = WEIR_OUTCOME_FILTERED;
	}
}
