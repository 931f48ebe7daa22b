/* SPDX-License-Identifier: Apache-2.0 */
/* Which controller is asked, and as whom. */
#include "api_open.h"

#include "api.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define API_ADDRESS "127.0.0.1" /* where the controller listens until it is told otherwise */
#define API_PORT    30417
#define API_WAIT_S  30
#define TOKEN_ROOM  256
#define CONTROLLER  "weir-controller"

static const char *address_of(const struct ctl *ctl)
{
	return ctl->ip != NULL ? ctl->ip : API_ADDRESS;
}

static bool wants_tls(const struct ctl *ctl)
{
	return ctl->tls || ctl->ca != NULL;
}

/* "http://127.0.0.1:30417"; an IPv6 address is put into brackets. */
static void base_of(const struct ctl *ctl, char *to, size_t size)
{
	const char *address = address_of(ctl);
	bool bare6 = strchr(address, ':') != NULL && address[0] != '[';

	snprintf(to, size, "%s://%s%s%s:%u", wants_tls(ctl) ? "https" : "http", bare6 ? "[" : "",
		 address, bare6 ? "]" : "", ctl->api_port > 0 ? ctl->api_port : API_PORT);
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
	       strcmp(address, "[::1]") == 0 || strcmp(address, "localhost") == 0;
}

/* --- who asks --- */

/* One line of it, without what is around. -ENOENT: there is no such file. */
static int token_read(const char *path, char *token, struct weir_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return weir_err_set(err, errno, "%.200s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		close(fd);
		return weir_err_set(err, EACCES,
				    "%.200s: everybody may read this token: chmod 600 it, and make "
				    "another one if others did",
				    path);
	}
	n = read(fd, token, TOKEN_ROOM - 1);
	close(fd);
	if (n < 0)
		return weir_err_set(err, EIO, "%.200s: %s", path, strerror(errno));
	token[n] = '\0';
	token[strcspn(token, " \t\r\n")] = '\0';
	if (token[0] == '\0' || n == TOKEN_ROOM - 1)
		return weir_err_set(err, EINVAL, "%.200s: holds no token", path);
	return 0;
}

static int token_of_home(char *token, struct weir_err *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char path[4096];
	int rc;

	if (config != NULL && config[0] == '/')
		snprintf(path, sizeof(path), "%s/weir/token", config);
	else if (home != NULL && home[0] == '/')
		snprintf(path, sizeof(path), "%s/.config/weir/token", home);
	else
		return 0;
	rc = token_read(path, token, err);
	if (rc != -ENOENT && rc != -ENOTDIR)
		return rc;
	*err = (struct weir_err){ 0 };
	return 0;
}

/* --token-file, then WEIR_TOKEN, then the file at home; "" = none. */
static int token_of(const struct ctl *ctl, char *token, struct weir_err *err)
{
	const char *given = getenv("WEIR_TOKEN");

	token[0] = '\0';
	if (ctl->token_file != NULL)
		return token_read(ctl->token_file, token, err);
	if (given == NULL || given[0] == '\0')
		return token_of_home(token, err);
	for (const char *p = given; *p != '\0'; p++)
		if (!isgraph((unsigned char)*p))
			return weir_err_set(err, EINVAL, "WEIR_TOKEN: is not a token");
	if (strlen(given) >= TOKEN_ROOM)
		return weir_err_set(err, EINVAL, "WEIR_TOKEN: is longer than a token");
	memcpy(token, given, strlen(given) + 1);
	return 0;
}

struct weir_http_client *api_client(struct ctl *ctl, struct weir_err *err)
{
	static const char *const headers[] = {
		/* As DeepFlow's own command says. Control plane, 6.1. */
		"Accept: application/json, text/plain", "X-User-Id: 1", "X-User-Type: 1", NULL, NULL
	};
	const char *all[WEIR_ARRAY_SIZE(headers)];
	char base[512], token[TOKEN_ROOM], org[32];
	struct weir_http_client_conf conf = {
		.base = base,
		.timeout_s = ctl->timeout_s > 0 ? ctl->timeout_s : API_WAIT_S,
		.ca = ctl->ca,
		.token = token,
		.headers = all,
	};

	if (ctl->http != NULL)
		return ctl->http;
	if (token_of(ctl, token, err) != 0)
		return NULL;
	if (token[0] == '\0')
		conf.token = NULL;
	memcpy(all, headers, sizeof(headers));
	snprintf(org, sizeof(org), "X-Org-Id: %u", ctl->org_id > 0 ? ctl->org_id : 1);
	all[WEIR_ARRAY_SIZE(headers) - 2] = org;
	base_of(ctl, base, sizeof(base));
	if (conf.token != NULL && !wants_tls(ctl) && !is_loopback(address_of(ctl)))
		fprintf(stderr,
			"weirctl: the token goes to %s in clear text: --tls or --cacert protects it\n",
			address_of(ctl));
	ctl->http = weir_http_client_create(&conf, err);
	explicit_bzero(token, sizeof(token));
	return ctl->http;
}

void api_close(struct ctl *ctl)
{
	weir_http_client_destroy(ctl->http);
	ctl->http = NULL;
}

/* --- a controller that does not answer --- */

/* A process of this machine with the controller's name; 0 = none. */
static unsigned long controller_process(void)
{
	DIR *proc = opendir("/proc");
	unsigned long found = 0;
	struct dirent *e;

	while (proc != NULL && found == 0 && (e = readdir(proc)) != NULL) {
		char path[300], name[32] = "";
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(name, sizeof(name), f) != NULL && strcmp(name, CONTROLLER "\n") == 0)
			found = strtoul(e->d_name, NULL, 10);
		fclose(f);
	}
	if (proc != NULL)
		closedir(proc);
	return found;
}

static void remedy_here(char *to, size_t size)
{
	unsigned long pid = controller_process();

	if (pid > 0)
		snprintf(
			to, size,
			"%s runs here (process %lu): its log says where it listens; -i ADDRESS and "
			"--api-port PORT ask there",
			CONTROLLER, pid);
	else
		snprintf(to, size,
			 "no %s runs on this machine: systemctl start %s, or -i ADDRESS names "
			 "another one",
			 CONTROLLER, CONTROLLER);
}

static bool is_of_tls(const struct weir_err *err)
{
	return err->code == EKEYREJECTED || err->code == EPROTO;
}

void api_add_remedy(const struct ctl *ctl, struct weir_err *err)
{
	char remedy[200];
	size_t len = strlen(err->msg);

	if (err->code == EKEYREJECTED)
		snprintf(remedy, sizeof(remedy),
			 "--cacert FILE names who signed the controller's certificate");
	else if (is_of_tls(err))
		snprintf(remedy, sizeof(remedy),
			 wants_tls(ctl)
				 ? "does it speak TLS there? --tls and --cacert ask for it"
				 : "is it a controller's API there? With TLS: --cacert FILE");
	else if (is_loopback(address_of(ctl)))
		remedy_here(remedy, sizeof(remedy));
	else
		snprintf(remedy, sizeof(remedy),
			 "does " CONTROLLER
			 " run there, and listen at this address (its http.listen)?");
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", remedy);
}
