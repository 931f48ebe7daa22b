/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl vpc and network-type: which networks there are, and which VLAN of a mirror is which. */
#include "agent.h"
#include "api.h"
#include "input.h"

#include <errno.h>

static const struct rows_column vpc_columns[] = {
	{ "NAME", "name", ROWS_TEXT, false, NULL },
	{ "EPC_ID", "id", ROWS_TEXT, false, NULL },
	{ "LCUUID", "lcuuid", ROWS_TEXT, true, "" },
};

static const struct rows_column type_columns[] = {
	{ "TYPE", "type", ROWS_TEXT, false, NULL },
	{ "PACKET_TYPE", "packet_type", ROWS_TEXT, false, NULL },
	{ "VLAN", "vlan", ROWS_TEXT, false, NULL },
	{ "SOURCE_IP", "source_ip", ROWS_TEXT, false, "" },
	{ "PORT", "port", ROWS_TEXT, false, "" },
};

enum ctl_exit ctl_vpc_list(struct ctl *ctl, struct weir_err *err)
{
	return api_list(ctl, api_target("/api/v1/vpcs"), vpc_columns, WEIR_ARRAY_SIZE(vpc_columns),
			err);
}

enum ctl_exit ctl_vpc_create(struct ctl *ctl, struct weir_err *err)
{
	const struct api_body body = { .json = json_pack("{s:s}", "name", ctl->name) };
	json_t *vpc = api_ask(ctl, "POST", api_target("/api/v1/vpcs"), &body, err);

	return api_print(ctl, vpc != NULL ? json_pack("[o]", vpc) : NULL, vpc_columns,
			 WEIR_ARRAY_SIZE(vpc_columns), err);
}

enum ctl_exit ctl_vpc_delete(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "DELETE", api_target("/api/v1/vpcs/%s", ctl->name), NULL, err);
}

enum ctl_exit ctl_network_type_list(struct ctl *ctl, struct weir_err *err)
{
	return api_list(ctl, api_target("/api/v1/network-types"), type_columns,
			WEIR_ARRAY_SIZE(type_columns), err);
}

/* --file is a list of what network-type list shows. */
enum ctl_exit ctl_network_type_set(struct ctl *ctl, struct weir_err *err)
{
	json_t *list = input_list(ctl, err);

	if (list == NULL)
		return input_exit(ctl, err);
	return api_change(ctl, "PUT", api_target("/api/v1/network-types"), list, err);
}
