/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent knows before it spoke with a controller: DeepFlow's boot file, the environment, and who
 * it is on the network. Control thread; may block on files and on netlink.
 */
#ifndef WEIR_SYNC_BOOT_H
#define WEIR_SYNC_BOOT_H

#include <weir_conf.h>

#define WEIR_SYNC_BOOT_PATH       "/etc/deepflow-agent/deepflow-agent.yaml"
#define WEIR_SYNC_CONTROLLERS_MAX 16
#define WEIR_SYNC_NAME_MAX        255
#define WEIR_SYNC_ADDRESS_MAX     46 /* text of an address, with its end */

enum weir_sync_identifier { WEIR_SYNC_IP_AND_MAC = 1, WEIR_SYNC_IP = 2 }; /* as on the wire */

struct weir_sync_addresses {
	uint32_t n;
	char v[WEIR_SYNC_CONTROLLERS_MAX][WEIR_SYNC_NAME_MAX + 1];
};

/* Fields are named in boot.def; plain memory, nothing to give back. */
struct weir_sync_boot {
#define TEXT(field, key, most, dflt, help)       char field[(most) + 1];
#define NUMBER(field, key, min, max, dflt, help) uint32_t field;
#define FLAG(field, key, dflt, help)             bool field;
#define IDENTIFIER(field, key, dflt, help)       enum weir_sync_identifier field;
#define ADDRESSES(field, key, most, help)        struct weir_sync_addresses field;
#define GONE(key, help)
#include "boot.def"
};

void weir_sync_boot_defaults(struct weir_sync_boot *boot);

/*
 * Read a boot file over the defaults. All mistakes and warnings of the text go to `errs`, with line and
 * column. An empty text gives the defaults. A key that DeepFlow might know and weir does not is warned
 * of, one that looks like a slip is a mistake.
 *
 * Returns 0; -EINVAL with at least one mistake in `errs`; -ENOMEM. Unless 0, `boot` holds the defaults.
 * load: -ENOENT, with nothing in `errs`, when there is no such file; at most WEIR_CONF_BYTES_MAX.
 */
int weir_sync_boot_load(const char *path, struct weir_sync_boot *boot, struct weir_err_list *errs);
int weir_sync_boot_parse(const char *text, size_t len, const char *name,
			 struct weir_sync_boot *boot, struct weir_err_list *errs);

/* What a container or a chart says by environment variables. */
struct weir_sync_env {
	bool in_container;   /* IN_CONTAINER is there */
	bool in_kubernetes;  /* a service account's CA is there */
	bool watch_only;     /* only the watch of Kubernetes is wanted, no capture */
	bool watch_disabled; /* never to be chosen for the watch */
	char node_ip[WEIR_SYNC_ADDRESS_MAX]; /* texts: "" = not given */
	char node_name[WEIR_SYNC_NAME_MAX + 1];
	char pod_name[WEIR_SYNC_NAME_MAX + 1];
	char pod_ips[512];      /* separated by commas */
	char k8s_namespace[64]; /* of the own DaemonSet */
	char interface[16];     /* whose address and MAC are the identity */
	uint32_t memory_mib;    /* 0 = not given; of charts up to v6.3 */
};

/*
 * Read the environment. A value that cannot be right is left out, and said in `errs` as a warning of the
 * file "environment".
 */
void weir_sync_env_read(struct weir_sync_env *env, struct weir_err_list *errs);

#endif
