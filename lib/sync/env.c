/* SPDX-License-Identifier: Apache-2.0 */
/* Environment variables of DeepFlow's images and charts. */
#include "weir_sync_boot.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CA_PATH "/run/secrets/kubernetes.io/serviceaccount/ca.crt"
#define FROM    "environment"

static void text(char *to, size_t size, const char *name, struct weir_err_list *errs)
{
	const char *v = getenv(name);

	to[0] = '\0';
	if (v == NULL)
		return;
	if (strlen(v) >= size)
		weir_err_list_add(errs, true, FROM, 0, 0,
				  "%s: %zu bytes are too long, it is left out; allowed are %zu",
				  name, strlen(v), size - 1);
	else
		memcpy(to, v, strlen(v) + 1);
}

static void address(char *to, size_t size, const char *name, struct weir_err_list *errs)
{
	struct in6_addr any;

	text(to, size, name, errs);
	if (to[0] == '\0' || inet_pton(AF_INET, to, &any) == 1 ||
	    inet_pton(AF_INET6, to, &any) == 1)
		return;
	weir_err_list_add(errs, true, FROM, 0, 0, "%s: %s is no address, it is left out", name, to);
	to[0] = '\0';
}

/* The limit of a v6.3 chart, where it is one that an agent may have. */
static uint32_t memory(struct weir_err_list *errs)
{
	const char *v = getenv("K8S_MEM_LIMIT_FOR_DEEPFLOW");
	char *end;
	unsigned long mib;

	if (v == NULL || v[0] == '\0')
		return 0;
	mib = strtoul(v, &end, 10);
	if (*end == '\0' && mib >= 128 && mib <= 100000)
		return (uint32_t)mib;
	weir_err_list_add(
		errs, true, FROM, 0, 0,
		"K8S_MEM_LIMIT_FOR_DEEPFLOW: %.20s is left out; allowed are 128 to 100000 MiB", v);
	return 0;
}

void weir_sync_env_read(struct weir_sync_env *env, struct weir_err_list *errs)
{
	const char *policy = getenv("K8S_WATCH_POLICY");

	memset(env, 0, sizeof(*env));
	env->in_container = getenv("IN_CONTAINER") != NULL;
	env->in_kubernetes = access(CA_PATH, F_OK) == 0;
	/* Both ways to say it count, and only in a container. */
	env->watch_only = env->in_container &&
			  (getenv("ONLY_WATCH_K8S_RESOURCE") != NULL ||
			   (policy != NULL && strcmp(policy, "watch-only") == 0));
	env->watch_disabled = policy != NULL && strcmp(policy, "watch-disabled") == 0;
	address(env->node_ip, sizeof(env->node_ip), "K8S_NODE_IP_FOR_DEEPFLOW", errs);
	text(env->node_name, sizeof(env->node_name), "K8S_NODE_NAME_FOR_DEEPFLOW", errs);
	text(env->pod_name, sizeof(env->pod_name), "K8S_POD_NAME_FOR_DEEPFLOW", errs);
	text(env->pod_ips, sizeof(env->pod_ips), "K8S_POD_IP_FOR_DEEPFLOW", errs);
	text(env->k8s_namespace, sizeof(env->k8s_namespace), "K8S_NAMESPACE_FOR_DEEPFLOW", errs);
	if (env->k8s_namespace[0] == '\0')
		snprintf(env->k8s_namespace, sizeof(env->k8s_namespace), "deepflow");
	text(env->interface, sizeof(env->interface), "CTRL_NETWORK_INTERFACE", errs);
	env->memory_mib = memory(errs);
}
