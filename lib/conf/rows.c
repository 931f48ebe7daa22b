/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of settings, and the names that their values may have. */
#include "conf_priv.h"

#define NS         INT64_C(1)
#define US         (1000 * NS)
#define MS         (1000 * US)
#define SEC        (1000 * MS)
#define MIN        (60 * SEC)
#define HOUR       (60 * MIN)
#define DAY        (24 * HOUR)

#define USED       WEIR_CONF_USED
#define LATER      0
#define ZERO       WEIR_CONF_ZERO
#define NEEDED     WEIR_CONF_NEEDED
#define CONTROLLER WEIR_CONF_CONTROLLER

typedef const struct weir_conf_name names[];

/* Of two names with one number the first is the one that is written. */
static names capture_modes = { { "local", 0 }, { "mirror", 1 }, { "analyzer", 2 }, { NULL, 0 } };
static names memory_metrics = { { "free", 0 }, { "available", 1 }, { NULL, 0 } };
static names load_metrics = { { "load1", 0 }, { "load5", 1 }, { "load15", 2 }, { NULL, 0 } };
static names overflow_actions = { { "WAIT", 0 }, { "DROP", 1 }, { NULL, 0 } };
static names log_levels = { { "ERROR", 0 }, { "WARNING", 1 }, { "WARN", 1 }, { "INFO", 2 },
			    { "DEBUG", 3 }, { "TRACE", 3 },   { NULL, 0 } };
static names socket_versions = { { "auto", 0 }, { "v2", 2 }, { "v3", 3 }, { NULL, 0 } };
static names fanout_modes = { { "hash", 0 },     { "lb", 1 },   { "cpu", 2 },
			      { "rollover", 3 }, { "rnd", 4 },  { "qm", 5 },
			      { "cbpf", 6 },     { "ebpf", 7 }, { NULL, 0 } };
static names dpdk_sources = { { "None", 0 }, { "eBPF", 1 }, { "pdump", 2 }, { NULL, 0 } };
static names mac_sources = { { "mac", 0 }, { "name", 1 }, { "libvirt", 2 }, { NULL, 0 } };
static names pod_mac_methods = {
	{ "adaptive", 0 }, { "active", 1 }, { "passive", 2 }, { NULL, 0 }
};
static names io_modes = { { "off", 0 }, { "request", 1 }, { "all", 2 }, { NULL, 0 } };
static names data_sockets = { { "TCP", 0 }, { "UDP", 1 }, { "FILE", 2 }, { NULL, 0 } };
static names npb_sockets = { { "UDP", 0 }, { "RAW_UDP", 1 }, { "ZMQ", 2 }, { NULL, 0 } };
static names vlan_headers = { { "none", 0 }, { "802.1Q", 1 }, { "QinQ", 2 }, { NULL, 0 } };

/* The tunnel types of the ingest format, and from 8 on ours. */
static names tunnels = { { "VXLAN", 1 },  { "IPIP", 2 },    { "TencentGRE", 3 },
			 { "GRE", 3 },    { "GENEVE", 4 },  { "VXLAN-NSH", 5 },
			 { "ERSPAN", 6 }, { "TEB", 7 },     { "GTP-U", 8 },
			 { "L2TP", 9 },   { "Teredo", 10 }, { "plain-GRE", 11 },
			 { "MPLS", 12 },  { "PPPoE", 13 },  { NULL, 0 } };
static names points = { { "rest", 0 },     { "c", 1 },        { "s", 2 },     { "local", 4 },
			{ "c-nd", 9 },     { "s-nd", 10 },    { "c-hv", 17 }, { "s-hv", 18 },
			{ "c-gw-hv", 25 }, { "s-gw-hv", 26 }, { "c-gw", 33 }, { "s-gw", 34 },
			{ "c-p", 41 },     { "s-p", 42 },     { NULL, 0 } };

static names hugepages = { { "auto", WEIR_HUGEPAGES_AUTO },
			   { "on", WEIR_HUGEPAGES_ON },
			   { "off", WEIR_HUGEPAGES_OFF },
			   { NULL, 0 } };
static names box_log_levels = { { "err", WEIR_LOG_ERR },
				{ "warn", WEIR_LOG_WARN },
				{ "info", WEIR_LOG_INFO },
				{ "debug", WEIR_LOG_DEBUG },
				{ NULL, 0 } };
static names log_formats = { { "auto", WEIR_LOG_AUTO },       { "text", WEIR_LOG_TEXT },
			     { "logfmt", WEIR_LOG_LOGFMT },   { "json", WEIR_LOG_JSON },
			     { "journal", WEIR_LOG_JOURNAL }, { NULL, 0 } };
static names sink_types = { { "records", WEIR_BOX_SINK_RECORDS },
			    { "jsonl", WEIR_BOX_SINK_JSONL },
			    { "store", WEIR_BOX_SINK_STORE },
			    { NULL, 0 } };

#define CONF weir_group_conf
#include "conf_rows.h"
static const struct weir_conf_row group_rows[] = {
#include "group.def"
};
#undef CONF
#undef ROW

#define CONF weir_box_conf
#include "conf_rows.h"
static const struct weir_conf_row box_rows[] = {
#include "box.def"
};
#undef CONF
#undef ROW

#define LIST(type, list, max, text)                       \
	{ .name = #list,                                  \
	  .help = text,                                   \
	  .most = max,                                    \
	  .size = sizeof(struct type),                    \
	  .offset = offsetof(struct weir_box_conf, list), \
	  .n_offset = offsetof(struct weir_box_conf, list##_n) },
#define OPEN(name)
#define CLOSE(name)
#define LIST_END(name, most)
#define BOOL(...)
#define U32(...)
#define I32(...)
#define REAL(...)
#define DURATION(...)
#define STRING(...)
#define ENUM(...)
#define SET(...)
#define INTS(...)
#define NAMES(...)
#define PORTS(...)
static const struct conf_list box_lists[] = {
#include "box.def"
};

#define CONF weir_controller_conf
#include "conf_rows.h"
static const struct weir_conf_row controller_rows[] = {
#include "controller.def"
};

const struct weir_conf_table weir_group_table = { group_rows, WEIR_ARRAY_SIZE(group_rows) };
const struct weir_conf_table weir_box_table = { box_rows, WEIR_ARRAY_SIZE(box_rows) };
const struct weir_conf_table weir_controller_table = { controller_rows,
						       WEIR_ARRAY_SIZE(controller_rows) };

#define PLACES(type)                                                                            \
	.size = sizeof(type), .origin = offsetof(type, origin), .given = offsetof(type, given), \
	.mem = offsetof(type, mem)
const struct conf_kind weir_conf_box_kind = {
	.table = &weir_box_table,
	.lists = box_lists,
	.n_lists = WEIR_ARRAY_SIZE(box_lists),
	PLACES(struct weir_box_conf),
	.rules = weir_conf_box_rules,
};
const struct conf_kind weir_conf_controller_kind = {
	.table = &weir_controller_table,
	PLACES(struct weir_controller_conf),
	.rules = weir_conf_controller_rules,
};
