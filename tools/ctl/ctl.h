/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl: what its commands share. One thread, everything on it. */
#ifndef CTL_H
#define CTL_H

#include "filter.h"
#include "output.h"

#include <weir_base.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_INVALID = 3, /* a configuration with mistakes */
	CTL_NOT_FOUND = 4,
	CTL_REFUSED = 5,
	CTL_UNREACHABLE = 6,
	CTL_PARTIAL = 7, /* done, but not all of it could be read */
};

/* Something was done, if not all. */
static inline bool ctl_has_result(enum ctl_exit code)
{
	return code == CTL_OK || code == CTL_PARTIAL;
}

/* Which commands an option belongs to; bits of their rows in main.c. */
enum {
	FOR_ALL = 1 << 0,
	FOR_FLOW = 1 << 1,
	FOR_LIST = 1 << 2,
	FOR_TOP = 1 << 3,
	FOR_AGENT = 1 << 4, /* asks the agent of this machine */
	FOR_WATCH = 1 << 5,
	FOR_PORT_TOP = 1 << 6,
	FOR_CAPTURE = 1 << 7,
	FOR_SHOW = 1 << 9,
	FOR_SITE = 1 << 10,  /* asks a controller */
	FOR_INPUT = 1 << 11, /* sends a file */
	FOR_STAGED = 1 << 12,
	FOR_ID = 1 << 13,
	FOR_UPGRADE = 1 << 14,
	FOR_REPO = 1 << 15,
	FOR_TOKEN = 1 << 16,
	FOR_LIMIT = 1 << 17,
	FOR_GROUP = 1 << 18,
	FOR_MANY = 1 << 30, /* not a command: the option may be given more than once */
};

/* The command line, taken apart. */
struct ctl {
	enum output_format format;
	const char *const *words; /* behind noun and verb */
	unsigned int n_words;
	const char *name; /* the first of them, NULL = none */

	const char *store; /* directory of the store; NULL = CTL_STORE, unless `file` is given */
	const char *file;  /* record file or directory */
	struct filter filter;
	uint32_t limit; /* 0 = the command's own */
	const char *sort;
	const char *by, *of, *group_by;

	const char *socket; /* of the agent; NULL = WEIR_CTL_PATH */
	uint32_t count;     /* intervals of port top, packets of a capture; 0 = not given */
	double interval_s;  /* 0 = not given */
	const char *write;  /* file of a capture */
	uint32_t snaplen;   /* 0 = not given */
	double for_s;       /* 0 = until it is ended */
	const char *comment;
	bool effective; /* values that nobody gave, too */

	struct weir_http_client *http; /* to the controller; NULL until it is asked: api.h */
	const char *ip;                /* of the controller; NULL = this machine's */
	uint32_t api_port, org_id;     /* 0 = not given */
	double timeout_s;              /* 0 = not given */
	bool tls;
	const char *ca, *token_file;
	const char *id, *group;
	const char *image; /* its name; a file for FOR_REPO */
	const char *arch, *version_image, *k8s_image;
	const char *role;
	double expires_s; /* 0 = never */
	uint32_t canary;  /* so many agents first; 0 = all */
};

#define CTL_STORE "/var/lib/weir/store"

/* One line on standard error, behind what was written so far. */
void ctl_complain(const struct weir_err *err);

enum ctl_exit ctl_agent_approve(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_agent_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_agent_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_agent_revoke(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_agent_update(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_agent_update_example(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_audit_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_backup(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_capture(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_completion_bash(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_config_explain(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_config_plan(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_config_show(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_controller_status(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_domain_create(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_domain_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_domain_example(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_domain_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_domain_update(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_flow_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_flow_show(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_flow_top(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_flow_watch(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_abort(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_create(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_example(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_history(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_promote(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_rollback(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_config_update(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_create(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_group_update(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_network_type_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_network_type_set(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_port_drops(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_port_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_port_show(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_port_top(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_reload(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_repo_create(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_repo_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_repo_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_revoked_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_revoked_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_status(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_token_create(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_token_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_token_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_upgrade(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_upgrade_cancel(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_upgrade_list(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_vpc_create(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_vpc_delete(struct ctl *ctl, struct weir_err *err);
enum ctl_exit ctl_vpc_list(struct ctl *ctl, struct weir_err *err);

#endif
