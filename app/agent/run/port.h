/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port, from its text in the configuration to a source that is started. Nothing here knows of the
 * loop: opening and closing happen in helper threads, for they may block.
 */
#ifndef RUN_PORT_H
#define RUN_PORT_H

#include <weir_conf.h>
#include <weir_filter.h>
#include <weir_pattern.h>
#include <weir_rt.h>

#define PORT_NAME_MAX 64
#define PORT_TAP_MAX  64 /* namespaces' names make them long */

/* Everything that is said of a port; one whose spec changes is opened again, but for what port_spec_is_equal() leaves out. Strings are its own. */
struct port_spec {
	char name[PORT_NAME_MAX]; /* interface, or device without its arguments */
	char tap[PORT_TAP_MAX];
	uint8_t tap_number;
	bool kernel; /* an interface of the kernel; else a DPDK device */
	bool promiscuous, ignore_outgoing, exclusive;
	uint16_t queues;  /* 0 = as many as the device's arguments say */
	uint32_t snaplen; /* 0 = whole packets */
	uint32_t memory_mib;
	char device[1024]; /* DPDK: with its arguments */
	char netns[256];   /* "" = this one */
	char filter[WEIR_PATTERN_TEXT_MAX + 1];
};

/* A DPDK device, by its name or address; else an interface of the kernel. */
bool port_text_is_device(const char *text);

/*
 * Fill `spec` from what the tap says and one of its ports' texts. `workers`: queues that a NIC gets
 * when nothing is said. -EINVAL with `err` naming the text.
 */
int port_spec_make(struct port_spec *spec, const struct weir_box_tap *tap, uint8_t tap_number,
		   const char *text, uint32_t workers, struct weir_err *err);

/* The same place: a port of this tap with this name. */
bool port_spec_is_same_port(const struct port_spec *a, const struct port_spec *b);
/* The same thing to be opened, whatever tap it is of. */
bool port_spec_is_same_device(const struct port_spec *a, const struct port_spec *b);
/* Nothing has to be opened again, whatever filters and, of the kernel, promiscuous mode say. `what`: the first setting that differs, with both values. */
bool port_spec_is_equal(const struct port_spec *a, const struct port_spec *b, char *what,
			size_t size);

/*
 * Link types its frames can have, 1 << enum weir_link each. -ENODEV with `err` for a kernel interface that
 * is not there.
 */
int port_links(const struct port_spec *spec, uint32_t *links, struct weir_err *err);

struct port;
struct sock_filter; /* <linux/filter.h> */

/* What a helper thread is to do, and what came of it. */
struct port_work {
	struct port *port; /* the loop's own */
	struct port_spec spec;
	const char *expression; /* all of the filter; owned */
	uint32_t links;         /* in: known of the tap; out: of this port as well */

	uint8_t link;               /* enum weir_link of its packets */
	struct weir_source *source; /* open and started; NULL = failed */
	struct weir_filter *filter; /* for `links`; NULL = no expression */
	struct weir_err err;
	uint64_t missed; /* after a close */
	bool missed_known;
};

/*
 * Of a filter what the kernel need not copy for a port whose frames are `link`; the whole filter follows in any case.
 * NULL and 0 where it is to copy all, or without memory; free().
 */
struct sock_filter *port_filter_classic(const struct weir_filter *f, const struct port_spec *spec,
					uint8_t link, uint16_t *len);

/* The filter alone, or `err`. May block: names in filters. */
void port_work_filter(void *work);
/* Source and filter, or `err`. May block: names in filters, devices that wait for their peer. */
void port_work_open(void *work);
/* Stop and close `source`; its last missed() first. */
void port_work_close(void *work);

#endif
