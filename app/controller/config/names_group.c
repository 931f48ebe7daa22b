/* SPDX-License-Identifier: Apache-2.0 */
/* The group that an older file names itself. */
#include "config.h"
#include "tree.h"

#include <errno.h>
#include <stdio.h>

int config_names_group(const char *text, size_t len, char *group, size_t size, struct weir_err *err)
{
	const struct tree_node *n;
	struct tree tree;
	int rc = tree_read(&tree, text, len, err);

	if (rc < 0)
		return rc;
	n = tree_get(tree.root, "vtap_group_id");
	if (n != NULL && (n->kind != TREE_SCALAR || strlen(n->text) >= size))
		rc = weir_err_set(err, EINVAL, "vtap_group_id: is not the name or id of a group");
	else if (n != NULL && n->text[0] != '\0' && !tree_is_null(n))
		rc = snprintf(group, size, "%s", n->text) > 0;
	tree_free(&tree);
	return rc;
}
