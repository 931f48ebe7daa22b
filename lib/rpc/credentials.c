/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as gRPC takes them. A server asks for its own at each handshake, so new ones need no restart. */
#include "rpc_priv.h"

#include <errno.h>
#include <stdlib.h>

grpc_channel_credentials *rpc_channel_credentials(const struct weir_cert_pem *pem)
{
	grpc_ssl_pem_key_cert_pair own;

	if (pem == NULL)
		return grpc_insecure_credentials_create();
	own = (grpc_ssl_pem_key_cert_pair){ pem->key, pem->cert };
	return grpc_ssl_credentials_create_ex(pem->ca, pem->key != NULL ? &own : NULL, NULL, NULL);
}

struct rpc_identity {
	struct weir_cert_watch *watch; /* loop's thread */
	bool mutual;
	pthread_mutex_t lock;
	grpc_ssl_server_certificate_config
		*next; /* under lock; loop's: puts, waiting thread: takes */
};

static grpc_ssl_server_certificate_config *config_of(const struct weir_cert_pem *pem)
{
	grpc_ssl_pem_key_cert_pair own = { pem->key, pem->cert };

	return grpc_ssl_server_certificate_config_create(pem->ca, &own, 1);
}

static void renew(void *user)
{
	struct rpc_identity *id = user;
	grpc_ssl_server_certificate_config *next = config_of(weir_cert_watch_pem(id->watch)), *old;

	pthread_mutex_lock(&id->lock);
	old = id->next;
	id->next = next;
	pthread_mutex_unlock(&id->lock);
	if (old != NULL)
		grpc_ssl_server_certificate_config_destroy(old);
}

/* Waiting thread, at each handshake. */
static grpc_ssl_certificate_config_reload_status fetch(void *user,
						       grpc_ssl_server_certificate_config **config)
{
	struct rpc_identity *id = user;

	pthread_mutex_lock(&id->lock);
	*config = id->next;
	id->next = NULL;
	pthread_mutex_unlock(&id->lock);
	return *config != NULL ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW
			       : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
}

int rpc_identity_open(struct weir_rpc *rpc, const struct weir_rpc_listen *at,
		      struct rpc_identity **out, struct weir_err *err)
{
	const struct weir_cert_files *files = at->files;
	struct rpc_identity *id;

	*out = NULL;
	if (files == NULL && at->mutual)
		return weir_err_set(
			err, EINVAL,
			"%s: clients cannot show certificates without TLS; name its files",
			at->address);
	if (files == NULL)
		return 0;
	if (files->ca == NULL || files->cert == NULL || files->key == NULL)
		return weir_err_set(err, EINVAL,
				    "%s: TLS needs a CA, a certificate and its key; name all three",
				    at->address);
	id = calloc(1, sizeof(*id));
	if (id == NULL)
		return weir_err_set(err, ENOMEM, "%s: no memory for its certificates", at->address);
	id->mutual = at->mutual;
	pthread_mutex_init(&id->lock, NULL);
	id->watch = weir_cert_watch_open(rpc->base, files, renew, id, err);
	if (id->watch == NULL) {
		rpc_identity_close(id);
		return err != NULL ? -err->code : -EINVAL;
	}
	renew(id);
	*out = id;
	return 0;
}

grpc_server_credentials *rpc_identity_credentials(struct rpc_identity *id)
{
	if (id == NULL)
		return grpc_insecure_server_credentials_create();
	return grpc_ssl_server_credentials_create_with_options(
		grpc_ssl_server_credentials_create_options_using_config_fetcher(
			id->mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
				   : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
			fetch, id));
}

void rpc_identity_close(struct rpc_identity *id)
{
	if (id == NULL)
		return;
	weir_cert_watch_close(id->watch);
	if (id->next != NULL)
		grpc_ssl_server_certificate_config_destroy(id->next);
	pthread_mutex_destroy(&id->lock);
	free(id);
}
