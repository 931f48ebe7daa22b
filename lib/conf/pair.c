/* SPDX-License-Identifier: Apache-2.0 */
/* Where the two configurations meet: a group's wishes, and what the box has. */
#include <weir_conf.h>

#include <errno.h>

#define UNRAISED 65535 /* DeepFlow: an analyzer's flow limit up to its default is none */

uint32_t weir_conf_flows(const struct weir_box_conf *box, const struct weir_group_conf *group,
			 uint32_t capture_mode)
{
	uint32_t limit = group->processors.flow_log.tunning.concurrent_flow_limit;

	if (capture_mode == WEIR_CAPTURE_ANALYZER && limit <= UNRAISED)
		limit = 0;
	return limit != 0 && limit < box->flow.capacity ? limit : box->flow.capacity;
}

int weir_conf_pair_check(const struct weir_box_conf *box, const struct weir_group_conf *group,
			 const char *group_name, struct weir_err_list *errs)
{
	uint32_t limit = group->processors.flow_log.tunning.concurrent_flow_limit;

	if (limit <= UNRAISED || limit <= box->flow.capacity) /* the default asks for nothing */
		return 0;
	weir_err_list_add(
		errs, false, group_name, 0, 0,
		"processors.flow_log.tunning.concurrent_flow_limit: %u flows are more than "
		"this machine's flow.capacity; allowed are %u",
		limit, box->flow.capacity);
	return -EINVAL;
}
